"""The limit of a sender: the same HTTP client making the same calls, and nothing else.

Reads orders from standard input, one JSON object per line: `file` holds the requests, `width` says how many at once,
`lean` asks for the sending part of the library alone, as the bridge uses it, instead of its client.
Headers are signed before the clock starts; answers are read to their end and not opened.
"""

import base64
import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from pcare_bridge import wire
from pcare_bridge.simulator import defaults

WAITS = dict.fromkeys(("connect", "read", "write", "pool"), 30.0)


def _prepared(file: str) -> list[tuple[dict[str, str], bytes]]:
    timestamp = str(int(time.time()))
    shared = {
        "X-cons-id": defaults.CONS_ID,
        "X-timestamp": timestamp,
        "X-signature": wire.signature(defaults.CONS_ID, defaults.SIGNING_KEY, timestamp),
        "user_key": defaults.USER_KEY,
        "Accept": "application/json",
        "Content-Type": "text/plain",
    }
    made = []
    for one in json.loads(Path(file).read_text()):
        mine = wire.authorization(one["username"], one["password"], defaults.APPLICATION_CODE)
        made.append((shared | {"X-authorization": mine}, base64.b64decode(one["body"])))
    return made


def client_post(http: httpx.Client, url: str, headers: dict[str, str], body: bytes) -> int:
    """What anybody writes who posts with this library; returns the status."""
    return http.post(url, headers=headers, content=body).status_code


def lean_post(http: httpx.HTTPTransport, url: httpx.URL, headers: dict[str, str], body: bytes) -> int:
    """The same without the client above the connection."""
    request = httpx.Request("POST", url, headers=headers, content=body, extensions={"timeout": WAITS})
    response = http.handle_request(request)
    response.read()
    response.close()
    return response.status_code


def run(url: str, file: str, width: int, *, lean: bool = False) -> dict[str, float]:
    """Make the calls of one file; returns how many were written and the seconds it took."""
    requests = _prepared(file)
    own = threading.local()
    address = httpx.URL(url)

    def connect() -> None:
        # A connection for each thread: a shared pool looks through all of its own with each request.
        if lean:
            own.http = httpx.HTTPTransport(trust_env=False)
        else:
            own.http = httpx.Client(timeout=WAITS["read"], trust_env=False)

    with ThreadPoolExecutor(width, initializer=connect) as threads:

        def post(one: tuple[dict[str, str], bytes]) -> int:
            return lean_post(own.http, address, *one) if lean else client_post(own.http, url, *one)

        begun, cpu = time.monotonic(), time.process_time()
        codes = list(threads.map(post, requests))
        seconds = time.monotonic() - begun
    return {"written": codes.count(201), "seconds": seconds, "cpu_seconds": time.process_time() - cpu}


def main() -> None:
    """Answer each order with one line."""
    url = os.environ["PCARE_BASE_URL"] + "/vaksinasi"
    print("{}", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(run(url, order["file"], order["width"])), flush=True)


if __name__ == "__main__":
    main()
