"""Which addresses are connected to. Inside a network namespace of its own, whose loopback carries
public addresses beside private ones and whose /etc/hosts says what names mean."""
import sys
from pathlib import Path

import pytest
from namespace import PRIVATE, PRIVATE6, PUBLIC, PUBLIC6, inside

HOSTS = f"""127.0.0.1 localhost
{PUBLIC} public.example
{PUBLIC6} public6.example
{PRIVATE} private.example rebind.example
{PRIVATE6} private6.example
127.0.0.1 loop.example
169.254.169.254 metadata.example
::ffff:10.1.2.3 mapped.example
"""

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def serve(host="0.0.0.0"):
    from httpd import Server
    server = Server(host=host)
    server.add("/a", b"x" * 5000, type="audio/mpeg")
    return server


def verdict(fetch, url, headers=""):
    """"head", or the code of the failure."""
    from lib import FAILED, HEAD
    source = fetch.source(url, headers)
    message = source.expect(HEAD, FAILED, seconds=20)
    source.drop()
    return "head" if message.what == HEAD else message.code


@case
def literals_and_names():
    from lib import Fetch
    server, p = serve(), None
    p = server.port
    with Fetch(private=False) as fetch:
        for host in (PUBLIC, "public.example", "0x01020304", "16909060"):
            assert verdict(fetch, f"http://{host}:{p}/a") == "head", host
        n = len(server.log)
        for host in (PRIVATE, "127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "0",
                     "localhost", "x.localhost", "LOCALHOST.", "private.example", "rebind.example",
                     "loop.example", "metadata.example", "169.254.169.254", "[::1]", "[::]",
                     "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
                     f"[{PRIVATE6}]", "private6.example", "mapped.example", "[fe80::1]"):
            assert verdict(fetch, f"http://{host}:{p}/a") == "forbidden_url", host
        assert len(server.log) == n, "a private host was asked"
    server.close()


@case
def ipv6():
    from lib import Fetch
    server = serve("::")
    with Fetch(private=False) as fetch:
        assert verdict(fetch, f"http://[{PUBLIC6}]:{server.port}/a") == "head"
        assert verdict(fetch, f"http://public6.example:{server.port}/a") == "head"
        assert verdict(fetch, f"http://[{PRIVATE6}]:{server.port}/a") == "forbidden_url"
    server.close()


@case
def redirects_and_nested():
    from lib import ERROR, HEAD, Fetch
    server = serve()
    p = server.port
    for i, target in enumerate((f"http://{PRIVATE}:{p}/a", f"http://private.example:{p}/a",
                                f"http://[::ffff:10.1.2.3]:{p}/a", f"http://127.0.0.1:{p}/a")):
        server.add(f"/r{i}", redirect=target)
        server.add(f"/rr{i}", redirect=f"http://public.example:{p}/r{i}")
    with Fetch(private=False) as fetch:
        for i in range(4):
            assert verdict(fetch, f"http://{PUBLIC}:{p}/r{i}") == "forbidden_url"
            assert verdict(fetch, f"http://{PUBLIC}:{p}/rr{i}") == "forbidden_url"
        assert not server.requests("/a")
        source = fetch.source(f"http://{PUBLIC}:{p}/a")
        source.expect(HEAD)
        source.reset()
        for host in (PRIVATE, "private.example", "127.0.0.1"):
            answer = source.open(1, f"http://{host}:{p}/a")
            assert (answer.what, answer.code) == (ERROR, "forbidden_url"), answer
            source.close_stream(1)
        server.add("/n", redirect=f"http://private.example:{p}/a")
        answer = source.open(1, f"http://{PUBLIC}:{p}/n")
        assert (answer.what, answer.code) == (ERROR, "forbidden_url"), answer
        assert len(server.requests("/a")) == 1
    server.close()


@case
def rebinding():
    """The name is public when the play begins and private when the connection is made anew."""
    from lib import ERROR, FAILED, HEAD, Fetch, noise
    from httpd import Server
    server = Server(host="0.0.0.0")
    data = noise(1_000_000)
    server.add("/a", data, script=[dict(cut=200_000)])
    hosts = Path("/etc/hosts")
    hosts.write_text(hosts.read_text().replace("rebind.example", "")
                     + f"{PUBLIC} rebind.example\n")
    with Fetch("--stall-timeout", "1", private=False) as fetch:
        source = fetch.source(f"http://rebind.example:{server.port}/a")
        source.expect(HEAD)
        hosts.write_text(hosts.read_text().replace(f"{PUBLIC} rebind", f"{PRIVATE} rebind"))
        # curl remembers a name for a minute: what it remembers is the public address still. Another
        # fetcher has nothing to remember.
        source.reset()
        got, end = source.read_all()
        assert data.startswith(got)
    with Fetch("--stall-timeout", "1", private=False) as fetch:
        n = len(server.log)
        source = fetch.source(f"http://rebind.example:{server.port}/a", flags=2, length=len(data),
                              facts=1)
        source.reset()
        assert source.read(200_000).what == ERROR
        assert source.expect(FAILED).code == "forbidden_url"
        assert len(server.log) == n
    server.close()


@case
def exceptions():
    from lib import Fetch
    server = serve()
    p = server.port
    server.add("/r", redirect=f"http://127.0.0.1:{p}/a")
    with Fetch("--allow-host", "private.example", "--allow-host", "169.254.169.254",
               private=False) as fetch:
        assert verdict(fetch, f"http://private.example:{p}/a") == "head"
        assert verdict(fetch, f"http://PRIVATE.example:{p}/a") == "head"
        assert verdict(fetch, f"http://169.254.169.254:{p}/a") == "head"
        # The name is permitted, not its address; nor what it leads to.
        assert verdict(fetch, f"http://{PRIVATE}:{p}/a") == "forbidden_url"
        assert verdict(fetch, f"http://metadata.example:{p}/a") == "forbidden_url"
        assert verdict(fetch, f"http://private.example:{p}/r") == "forbidden_url"
    with Fetch(private=True) as fetch:
        for host in (PRIVATE, "private.example", "127.0.0.1", "localhost"):
            assert verdict(fetch, f"http://{host}:{p}/a") == "head"
    server.close()


@case
def proxies():
    """The proxy may be private, its targets may not, as far as their text tells."""
    from lib import Fetch
    proxy = serve()
    with Fetch("--http-proxy", f"http://{PRIVATE}:{proxy.port}", private=False) as fetch:
        assert verdict(fetch, "http://some.example/a") == "head"
        n = len(proxy.log)
        for host in (PRIVATE, "127.0.0.1", "localhost", "[::1]", "2130706433"):
            assert verdict(fetch, f"http://{host}/a") == "forbidden_url", host
        proxy.add("/r", redirect="http://10.0.0.1/a")
        assert verdict(fetch, "http://some.example/r") == "forbidden_url"
        assert len(proxy.log) == n + 1
    # A host that needs no proxy is connected to, and judged as such.
    with Fetch(env={"http_proxy": f"http://{PRIVATE}:{proxy.port}", "no_proxy": "private.example"},
               private=False) as fetch:
        assert verdict(fetch, "http://some.example/a") == "head"
        assert verdict(fetch, f"http://private.example:{proxy.port}/a") == "forbidden_url"
    proxy.close()


@pytest.mark.parametrize("name", CASES)
def test_policy(name):
    inside(__file__, name, {"/etc/hosts": HOSTS})


if __name__ == "__main__":
    import lib  # noqa: F401 (finds tests/lib)
    CASES[sys.argv[1]]()
