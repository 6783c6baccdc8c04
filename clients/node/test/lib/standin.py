"""Runs the stand-in voice server for the tests in JavaScript: standin.py FOLDER

Says {"endpoint", "ca"} in its first line, then answers one JSON line with another:
  {"ask": "sessions"}             what each session has said and heard
  {"ask": "close", "code": 4014}  closes the newest session's gateway connection
  {"ask": "cut"}                  breaks it without a word
  {"ask": "refuse", "code": 4017} closes on op 0 with that code from now on; null: no more
"""
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[4] / "tests" / "voice"))

from standin import Standin  # noqa: E402


def session_facts(session):
    return {"identify": session.identify, "heard": len(session.heard()), "resumed": session.resumed,
            "open": session.socket is not None, "problems": session.problems}


def answer(server, ask, code=None):
    if ask == "sessions":
        return server.run(lambda: [session_facts(s) for s in server.sessions])
    if ask == "close":
        return server.close(server.sessions[-1], code)
    if ask == "cut":
        return server.cut(server.sessions[-1])
    server.refuse_identify = code
    return None


def main():
    server = Standin(sys.argv[1])
    print(json.dumps({"endpoint": server.endpoint(), "ca": str(server.ca)}), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(server, **json.loads(line))), flush=True)
    server.stop()


main()
