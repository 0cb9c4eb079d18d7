"""Somebody who books through the real pages and does what a phone does when an answer does not come: asks again."""

import http.client
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from tests.deploy.running import HOST

Connect = Callable[[], http.client.HTTPConnection]
TICKET = re.compile(r"^/janji/([0-9a-f-]{36})/\?baru=1$")
GIVE_UP_SECONDS = 150


class _WholeLines:
    """A reader that does not take the end of a broken line for the end of the line."""

    def __init__(self, source: Any) -> None:
        self.source = source

    def readline(self, limit: int = -1) -> bytes:
        line: bytes = self.source.readline(limit)
        if not line.endswith(b"\n"):
            raise http.client.IncompleteRead(line)
        return line

    def __getattr__(self, name: str) -> Any:
        return getattr(self.source, name)


class WholeResponse(http.client.HTTPResponse):
    """Python's own takes headers that were cut for whole ones; a browser does not."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.fp: Any = _WholeLines(self.fp)


@dataclass
class Answer:
    """One answer that arrived in full."""

    status: int
    location: str
    body: str


@dataclass
class Visitor:
    """One signed-in person; `key` is the key of the one booking she wants."""

    cookie: str
    citizen: str
    connect: Connect
    key: str = field(default_factory=lambda: str(uuid.uuid4()))
    troubles: list[str] = field(default_factory=list)
    token: str = ""
    confirm: tuple[str, dict[str, str]] | None = None

    def once(
        self, method: str, path: str, form: dict[str, str] | None = None, connect: Connect | None = None
    ) -> Answer:
        """One request on a connection of its own; raises OSError or HTTPException when it breaks."""
        headers = {
            "Host": HOST, "X-Forwarded-Proto": "https", "Referer": f"https://{HOST}{path}", "Connection": "close",
            "Cookie": f"warga={self.cookie}" + (f"; csrftoken={self.token}" if self.token else ""),
        }  # fmt: skip
        body = None
        if form is not None:
            body = urlencode(form)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection = (connect or self.connect)()
        connection.response_class = WholeResponse
        try:
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            text = response.read().decode()
            for line in response.headers.get_all("Set-Cookie") or []:
                if found := re.match(r"csrftoken=([^;]+)", line):
                    self.token = found[1]
            return Answer(response.status, response.headers.get("Location", ""), text)
        finally:
            connection.close()

    def ask(self, method: str, path: str, form: dict[str, str] | None = None) -> Answer:
        """Ask until there is an answer that is no excuse; each failure is noted in `troubles`."""
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < deadline:
            try:
                answer = self.once(method, path, form)
                if answer.status < 500:
                    return answer
                self.troubles.append(f"{path} {answer.status}")
            except (OSError, http.client.HTTPException) as error:
                self.troubles.append(f"{path} {type(error).__name__}")
            time.sleep(0.1)
        raise AssertionError(f"no answer for {GIVE_UP_SECONDS} s: {self.troubles[-3:]}")

    def come_to_confirm(self, schedule: int, slot: int) -> tuple[str, dict[str, str]]:
        """Choose the session, hold a place, answer the questions; gives address and form of the last step."""
        page = f"/janji/baru/{self.citizen}/jadwal/{schedule}/"
        self._page(page)
        answer = self._send(page, {"sesi": str(slot), "kunci": self.key})
        while answer.status == 302:
            step = answer.location
            form = self._page(step)
            if "/periksa/" in step:
                assert form["kunci"] == self.key
                self.confirm = step.partition("?")[0], form
                return self.confirm
            answer = self._send(step, form)
        raise AssertionError(f"{answer.status} {answer.body[:2000]}")

    def book(self, schedule: int, slot: int) -> str:
        """The whole way; gives the reference of the ticket that was shown."""
        return self.send_confirm(*self.come_to_confirm(schedule, slot))

    def send_confirm(self, path: str, form: dict[str, str]) -> str:
        """The last step, sent again until a ticket is shown."""
        return reference(self._send(path, form))

    def _send(self, path: str, form: dict[str, str]) -> Answer:
        return self.ask("POST", path, form | {"csrfmiddlewaretoken": self.token})

    def _page(self, path: str) -> dict[str, str]:
        """Open a page and fill in its form: what is hidden stays, every question is answered with no."""
        answer = self.ask("GET", path)
        assert answer.status == 200, (path, answer.status, answer.location)
        main = answer.body.partition("<main")[2]
        form = {}
        for tag in re.findall(r"<input[^>]*>", main):
            name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
            if name and value and ('type="hidden"' in tag or value[1] == "tidak"):
                form[name[1]] = value[1]
        if token := form.pop("csrfmiddlewaretoken", ""):
            self.token = self.token or token
        return form


def reference(answer: Answer) -> str:
    """The reference of the ticket that an answer leads to."""
    found = TICKET.match(answer.location)
    assert answer.status == 302, (answer.status, answer.body[:2000])
    assert found, answer.location
    return found[1]
