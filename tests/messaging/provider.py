"""A provider on a real socket: it keeps what it was sent and answers what a test tells it to."""

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Provider:
    """Answers are taken from `answers` in turn; the last one repeats."""

    def __init__(self):
        self.answers = [(200, {})]
        self.received = []
        self.delay = 0.0  # seconds
        self.under_way = self.most_at_once = 0
        self._counting = threading.Lock()

    @contextmanager
    def counted(self):
        """One more request under way."""
        with self._counting:
            self.under_way += 1
            self.most_at_once = max(self.most_at_once, self.under_way)
        try:
            yield
        finally:
            with self._counting:
                self.under_way -= 1

    def asked(self):
        """How many requests have come; whoever gave up waiting may have done so before the last was read."""
        deadline = time.monotonic() + 60
        while not self.received and time.monotonic() < deadline:
            time.sleep(0.05)
        return len(self.received)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self):
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def running():
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            provider.received.append({"path": self.path, "headers": dict(self.headers), "body": body})
            with provider.counted():
                time.sleep(provider.delay)
            status, content = provider.answer()
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args):
            pass

    provider.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=provider.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        provider.server.shutdown()
        provider.server.server_close()
