"""A radio station for httpd: what is on air comes at its own pace, whoever listens.

    station = Station(data, rate=16000, burst=32000)
    server.add("/radio", type="audio/mpeg", live=station.send)
"""
import threading
import time


class Station:
    def __init__(self, data, rate, burst=0, grid=0, piece=1600):
        """`data` goes round and round at `rate` [bytes/s]. A new listener gets the last `burst` bytes at once, from
        a multiple of `grid` on if that is not 0."""
        self.data, self.rate, self.burst, self.piece, self.grid = data, rate, burst, piece, grid
        self.born = time.monotonic() - burst / rate
        self.listener = threading.local()  # httpd has a thread a connection

    def on_air(self):
        """[bytes] sent since it went on air."""
        return int((time.monotonic() - self.born) * self.rate)

    def send(self, at):
        """The next bytes of a connection that has had `at`."""
        if at == 0:
            first = self.on_air() - self.burst
            self.listener.first = first - first % self.grid if self.grid else first
        due = self.listener.first + at + self.piece
        time.sleep(max(0, (due - self.on_air()) / self.rate))
        begin = (self.listener.first + at) % len(self.data)
        return (self.data + self.data)[begin:begin + self.piece]
