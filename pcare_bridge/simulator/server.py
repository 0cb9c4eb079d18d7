"""The simulator on a socket. A plain `http.server`, because Django, gunicorn and nginx drop the header `user_key`."""

import argparse
import json
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from pcare_bridge.simulator import control, defaults
from pcare_bridge.simulator.answers import Answer, envelope
from pcare_bridge.simulator.fhir import FHIR, OAUTH, FhirAnswer, outcome
from pcare_bridge.simulator.page import render
from pcare_bridge.simulator.service import Arrival, Service
from pcare_bridge.simulator.weather import Fault

MAX_BODY = 1024 * 1024
MAX_HANG = 600.0  # seconds a hang lasts when nothing else is said
HTML_500 = b"<html><head><title>Runtime Error</title></head><body><h1>Server Error in Application.</h1></body></html>"
HTML_200 = b"<!DOCTYPE html><html><head><title>Request Error</title></head><body>Request Error</body></html>"


class _Hangup(Exception):
    """The connection ends here, without an answer."""


class _Unreadable(Exception):
    """The request's body cannot be told from what follows it."""


class Server(ThreadingHTTPServer):
    """One service on one port."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, service: Service, port: int = 0, host: str = "127.0.0.1") -> None:
        self.service = service
        super().__init__((host, port), Handler)

    @property
    def base_url(self) -> str:
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}{self.service.base_path}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Translates between HTTP and the service, and applies the weather."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "Simulator"
    sys_version = ""
    timeout = 120
    wbufsize = 64 * 1024
    disable_nagle_algorithm = True
    is_fhir = False

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr: paths hold numbers of persons."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        moment = time.time() if timestamp is None else timestamp
        return super().date_time_string(int(moment + self.server.service.settings.clock_offset_seconds))

    def _run(self) -> None:
        try:
            raw = self._body()
            url = urlsplit(self.path)
            if url.path.startswith("/__control__/"):
                self._control(url.path, parse_qs(url.query), raw)
            elif self.command == "GET" and url.path in ("/", "/favicon.ico"):
                self._page(url.path)
            else:
                self.is_fhir = url.path.startswith((FHIR, OAUTH))
                self._service(url.path, raw, url.query)
        except _Unreadable:
            self.close_connection = True
            self._send(400, b"", "text/plain", {"Connection": "close"})
        except _Hangup:
            self._hang_up()

    def _body(self) -> bytes:
        """The body by its length or in chunks, bounded; raises _Unreadable, after which the connection ends."""
        try:
            if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
                length = int(self.headers.get("Content-Length") or 0)
                if not 0 <= length <= MAX_BODY:
                    raise _Unreadable
                return self.rfile.read(length)
            found = b""
            while size := int(self.rfile.readline(64).partition(b";")[0], 16):
                if not 0 < size <= MAX_BODY - len(found):
                    raise _Unreadable
                found += self.rfile.read(size)
                self.rfile.readline(8)
            while self.rfile.readline(1024).strip():
                continue  # trailers
        except ValueError:
            raise _Unreadable from None
        return found

    do_GET = do_POST = do_PUT = do_DELETE = _run

    def _page(self, path: str) -> None:
        if path != "/":
            return self._send(404, b"", "text/plain")
        return self._send(200, render(self.server.service).encode(), "text/html; charset=utf-8")

    def _control(self, path: str, query: dict[str, list[str]], raw: bytes) -> None:
        status, document, location = control.run(self.server.service, self.command, path, query, self.headers, raw)
        body = b"" if document is None else json.dumps(document, ensure_ascii=False).encode()
        self._send(status, body, "application/json; charset=utf-8", {"Location": location} if location else {})

    def _service(self, quoted: str, raw: bytes, query: str) -> None:
        service = self.server.service
        path = unquote(quoted)
        try:
            body = json.loads(raw) if raw else None  # whatever type was declared (PROTOCOL 4.4)
        except ValueError:
            body = None
        base = service.base_path.lower()
        resource = quoted[len(base) :] if quoted.lower().startswith(base + "/") else None
        arrival = service.note(self.command, path, self.headers, body)
        if service.weather.is_dark:
            arrival.outcome = "outage"
            raise _Hangup
        faults = service.weather.strike(self.command, path)
        for fault in faults:
            if not fault.is_late:
                arrival.outcome = fault.kind
                self._early(fault)
                if fault.kind != "delay":
                    return
        if self.is_fhir:
            answer = service.fhir.serve(self.command, path, query, self.headers, raw, body)
        elif resource is None:
            answer = Answer(404, None, "Alamat tidak dikenal")
        else:
            answer = service.serve(self.command, resource, self.headers, body)
        arrival.code = answer.code
        late = next((fault for fault in faults if fault.is_late), None)
        if late is not None:
            self._late(late, answer, arrival)
        else:
            arrival.outcome = arrival.outcome or "answered"
            self._answer(answer)

    def _early(self, fault: Fault) -> None:
        """Faults that strike before anything was written."""
        spoiled: dict[str, Callable[[], None]] = {
            "html_500": lambda: self._send(500, HTML_500, "text/html"),
            "html_200": lambda: self._send(200, HTML_200, "text/html"),
            "empty": lambda: self._send(200, b"", "application/json"),
            "code": lambda: self._answer(Answer(fault.code, None, "Gangguan")),
            "expired": lambda: self._answer(Answer(401, None, "Password expired, silakan perbarui")),
            "screening": lambda: self._answer(Answer(401, None, "Peserta belum melakukan skrining kesehatan tahunan")),
            "rate_limited": lambda: self._answer(
                Answer(429, None, "Terlalu banyak permintaan"), {"Retry-After": str(int(fault.seconds))}
            ),
        }
        if fault.kind == "delay":
            time.sleep(fault.seconds)
        if fault.kind == "hang":
            self._hold(fault.seconds or MAX_HANG)
        if fault.kind in spoiled:
            spoiled[fault.kind]()
        elif fault.kind != "delay":
            raise _Hangup

    def _hold(self, seconds: float) -> None:
        """Say nothing until the time is over, the faults are cleared, or the caller has gone away."""
        weather = self.server.service.weather
        until, clearings = time.monotonic() + seconds, weather.clearings
        while time.monotonic() < until and weather.clearings == clearings:
            readable, _, _ = select.select([self.connection], [], [], 0.05)
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                return

    def _late(self, fault: Fault, answer: Answer, arrival: Arrival) -> None:
        """Faults that strike after the request was carried out."""
        arrival.outcome = f"{fault.kind}, late" if fault.after_commit else fault.kind
        timestamp = self.headers.get("X-timestamp") or "0"
        if fault.kind == "wrong_timestamp" and not self.is_fhir:
            self._answer(answer, timestamp=str(int(timestamp) - 1))
        elif fault.kind in ("truncated", "wrong_timestamp"):
            status, body = self._sealed(answer, timestamp)
            self._send(status, _cut(body), "application/json")
        elif fault.kind == "close_during":
            _, body = self._sealed(answer, timestamp)
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            self.wfile.write(head.encode() + body[: len(body) // 2])
            self.wfile.flush()
            raise _Hangup
        elif fault.kind == "close_after_commit":
            if fault.seconds:
                time.sleep(fault.seconds)
            raise _Hangup
        else:
            self._early(fault)
            if fault.kind == "delay":
                self._answer(answer)

    def _sealed(self, answer: Answer, timestamp: str) -> tuple[int, bytes]:
        keys = self.server.service.keys
        settings = self.server.service.settings
        if self.is_fhir:
            plain = (
                answer if isinstance(answer, FhirAnswer) else outcome(answer.code, ("exception", "", answer.message))
            )
            status = plain.code if 200 <= plain.code <= 599 else 500
            return status, json.dumps(plain.response, ensure_ascii=False).encode("utf-8", "replace")
        return envelope(answer, settings, cons_id=keys.cons_id, secret=keys.secret, timestamp=timestamp)

    def _answer(self, answer: Answer, headers: dict[str, str] | None = None, timestamp: str = "") -> None:
        status, body = self._sealed(answer, timestamp or self.headers.get("X-timestamp") or "0")
        self._send(status, body, "application/json; charset=utf-8", headers)

    def _send(self, status: int, body: bytes, content_type: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": content_type, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def _hang_up(self) -> None:
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return


def _cut(body: bytes) -> bytes:
    """Half of the ciphertext in a whole envelope; a document without one is cut itself."""
    document = json.loads(body)
    if not isinstance(document.get("response"), str):
        return body if "response" in document else body[: len(body) // 2]
    document["response"] = document["response"][: len(document["response"]) // 2]
    return json.dumps(document).encode()


def run(arguments: list[str] | None = None) -> None:
    """Serve until SIGTERM or Ctrl-C; prints one line with the address when ready."""
    parser = argparse.ArgumentParser(prog="pcare_simulator", description="Simulator PCare pada soket sendiri.")
    parser.add_argument("--port", type=int, default=9801)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--base-path", default=defaults.BASE_PATH)
    parser.add_argument("--state", type=Path, help="berkas ingatan (tersandi); tanpa ini isi hilang saat berhenti")
    options = parser.parse_args(arguments)
    token = os.environ.get("PCARE_SIMULATOR_TOKEN")
    service = Service(base_path="/" + options.base_path.strip("/"), journal=options.state)
    service.token = token or service.token
    try:
        server = Server(service, options.port, options.host)
    except OSError as error:
        sys.exit(f"Simulator PCare tidak dapat memakai {options.host}:{options.port}: {error.strerror}.")

    def stop(*_: object) -> None:
        threading.Thread(target=server.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    root = server.base_url.removesuffix(service.base_path)
    print(f"Simulator PCare {server.base_url} (halaman {root}/)", flush=True)
    server.serve_forever(poll_interval=0.1)
    server.server_close()
