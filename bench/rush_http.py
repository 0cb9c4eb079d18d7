"""A few visitors of the rush over real HTTP: some wait their turn like everybody, some are bots that push."""

import http.client
import json
import re
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

from bench.bookings import Answers, cookies, csrf_token
from bench.people import Person

PUSHES = 40  # how often a bot tries each way around the waiting room


@dataclass
class Visitor:
    """One browser: its person, its cookies, the last answers by kind."""

    person: Person
    address: tuple[str, int]
    host: str
    jar: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for part in cookies(self.person).split("; "):
            name, _, value = part.partition("=")
            self.jar[name] = value

    def ask(self, method: str, path: str, **fields: Any) -> tuple[int, str, bytes]:
        """Status, Location and body of one request; cookies are kept."""
        body = urlencode({"csrfmiddlewaretoken": csrf_token(self.person), **fields}) if method == "POST" else None
        headers = {
            "Host": self.host,
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.jar.items()),
            "X-Forwarded-Proto": "https",
            "Origin": f"https://{self.host}",
        }
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection(*self.address, timeout=30)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        for line in answer.headers.get_all("Set-Cookie") or []:
            for name, morsel in SimpleCookie(line).items():
                self.jar[name] = morsel.value
        return answer.status, answer.headers.get("Location", ""), text

    def is_called(self) -> bool:
        """Whether this visitor's turn has come."""
        return bool(json.loads(self.ask("GET", "/antrean/keadaan.json")[2]).get("enter"))


class Sample:
    """Visitors of one room; `leaks` counts places or passes somebody got without a turn."""

    def __init__(self, address: tuple[str, int], host: str, humans: Sequence[Person], bots: Sequence[Person]) -> None:
        self.humans = [Visitor(person, address, host) for person in humans]
        self.bots = [Visitor(person, address, host) for person in bots]
        self.counts: Counter[str] = Counter()

    def join(self, room: Any) -> None:
        """Everybody takes a turn; the bots push all the while."""
        for visitor in (*self.humans, *self.bots):
            status, _where, _body = visitor.ask("POST", f"/antrean/{room.pk}/ikut/")
            self.counts["joined" if status == 302 and "giliran" in visitor.jar else f"join {status}"] += 1
        for visitor in self.bots:
            turn = visitor.jar["giliran"].rpartition(":")[0].split(".")[1]
            for _ in range(PUSHES):
                status, _where, _body = visitor.ask("POST", f"/antrean/{room.pk}/ikut/")
                self.counts[f"bot joins again {status}"] += 1
                visitor.ask("GET", "/antrean/keadaan.json")
                self.counts["leaks"] += visitor.jar["giliran"].rpartition(":")[0].split(".")[1] != turn

    def push(self, room_id: int, slots: Sequence[int], *, released: bool) -> None:
        """The bots try the door and the forms behind it before they are called."""
        for visitor in self.bots:
            if visitor.is_called():
                continue  # may go in like anybody
            leaks = 0
            for number in range(PUSHES):
                slot = slots[number % len(slots)]
                path = f"/janji/baru/{visitor.person.public_id}/sesi/{slot}/periksa/"
                for status, where, _body in (
                    visitor.ask("POST", path, kunci=uuid.uuid4()),
                    visitor.ask("POST", f"/antrean/{room_id}/masuk/"),
                ):
                    # Before the release a form may still be looked at: nothing can be held or booked with it.
                    refused = "/antrean/" in where or status in (429, 503)
                    held_back = refused or (not released and "baru=1" not in where)
                    self.counts["bot held back"] += held_back
                    leaks += not held_back
                leaks += "lewat" in visitor.jar
            # A turn that came up meanwhile opens the door to a bot as to anybody.
            self.counts["called while pushing" if leaks and visitor.is_called() else "leaks"] += leaks

    def go_in(self, room_id: int, slots: Sequence[int]) -> None:
        """Whoever is called goes through the door and books, page by page."""
        from registration.models import Citizen
        from scheduling.models import Slot

        self.push(room_id, slots, released=True)
        for visitor in (*self.humans, *self.bots):
            told = json.loads(visitor.ask("GET", "/antrean/keadaan.json")[2])
            if not told.get("enter"):
                self.counts[f"still {told['phase']}"] += 1
                continue
            status, where, _body = visitor.ask("POST", f"/antrean/{room_id}/masuk/")
            if "/janji/" not in where:
                self.counts[f"door {status}"] += 1
                continue
            slot = Slot.objects.get(pk=slots[hash(visitor.person.public_id) % len(slots)])
            member = Citizen.objects.get(pk=visitor.person.pk).public_id
            status, where, _body = visitor.ask("POST", f"/janji/baru/{member}/jadwal/{slot.schedule_id}/", sesi=slot.pk)
            if status != 302:
                self.counts[f"session {status}"] += 1
                continue
            key = re.search(r"kunci=([0-9a-f-]{36})", where)
            sealed = Answers(visitor.person, slot.pk).seal(visitor.person, slot.pk)
            path = f"/janji/baru/{member}/sesi/{slot.pk}/periksa/"
            status, where, _body = visitor.ask("POST", path, kunci=key[1] if key else uuid.uuid4(), isi=sealed)
            self.counts["booked" if "baru=1" in where else f"confirm {status}"] += 1
