"""Confirm requests made ready outside the clock by the portal's own code: cookie, CSRF token, held place, answers."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

from django.utils import timezone

from bench import load
from bench.people import PROGRAMME, Person, query
from bench.production import HOST

# What one booking leaves behind, for the whole database: what was acknowledged must be there, once.
BOOKED = "SELECT count(*) FROM scheduling_appointment WHERE client_uuid = ANY(%s::uuid[]) AND status = 'booked'"


@dataclass(frozen=True, slots=True)
class Confirm:
    """One prepared confirm request and the key under which its booking must be found."""

    request: bytes
    key: uuid.UUID
    person: Person
    slot: int


def cookies(person: Person) -> str:
    """The signed cookie of the account and a CSRF cookie."""
    from django.core import signing

    from registration import session

    warga = signing.dumps([person.account, 1], salt=session.SALT)
    return f"{session.COOKIE}={warga}; csrftoken={csrf_token(person)}"


def csrf_token(person: Person) -> str:
    """The person's CSRF secret; the same word serves in the cookie and in the form."""
    return f"{person.number:032d}"


class Answers:
    """The questions asked for a session of the benchmark, all answered with no; the same for everybody."""

    def __init__(self, person: Person, slot_id: int) -> None:
        from registration.models import Citizen
        from scheduling import eligibility, flow, queries

        citizen, slot = Citizen.objects.get(pk=person.pk), queries.slot_with_schedule(slot_id)
        assert slot is not None
        option = eligibility.for_schedule(citizen, slot.schedule)
        if not option.eligible:
            raise RuntimeError(f"people of the benchmark may not book: {option.reason}")
        self.asked = flow.pre_screening(citizen, slot, option)
        self.values = {item.key: False for item in self.asked.items} if self.asked else {}

    def seal(self, person: Person, slot_id: int) -> str:
        """The answers as the portal carries them in the address."""
        from scheduling import flow

        if self.asked is None:
            return ""
        named: Any = SimpleNamespace(public_id=person.public_id)  # all that sealing reads of a citizen
        return flow.seal(self.values, self.asked.questionnaire, named, slot_id)


def hold_places(pairs: Sequence[tuple[Person, int]]) -> None:
    """Hold one free place of each person's session under the person's own key, for an hour, in one statement."""
    from scheduling import booking

    keys = []
    for person, _slot in pairs:
        named: Any = SimpleNamespace(public_id=person.public_id)
        keys.append(booking.hold_key(named, PROGRAMME))
    done = query(
        """WITH wanted AS (
            SELECT slot, key, row_number() OVER (PARTITION BY slot) AS nth FROM unnest(%s, %s::uuid[]) AS t(slot, key)
        ), free AS (
            SELECT id, slot_id, row_number() OVER (PARTITION BY slot_id ORDER BY number) AS nth
            FROM scheduling_place WHERE state = 'free' AND pool = 'online' AND slot_id = ANY(%s)
        )
        UPDATE scheduling_place place SET state = 'held', held_by = wanted.key, held_until = %s
        FROM wanted JOIN free ON free.slot_id = wanted.slot AND free.nth = wanted.nth
        WHERE place.id = free.id RETURNING 1""",
        [
            *([slot for _person, slot in pairs], [str(key) for key in keys], list({slot for _p, slot in pairs})),
            timezone.now() + timedelta(hours=1),
        ],
    )
    if len(done) != len(pairs):
        raise RuntimeError(f"only {len(done)} of {len(pairs)} places could be held")


def prepare(people: Sequence[Person], slots: Sequence[int]) -> list[Confirm]:
    """One confirm request per person, spread over `slots` in turn; places are held."""
    pairs = [(person, slots[n % len(slots)]) for n, person in enumerate(people)]
    hold_places(pairs)
    answers = Answers(*pairs[0])
    made = []
    for person, slot in pairs:
        key = uuid.uuid4()
        body = urlencode(
            {"csrfmiddlewaretoken": csrf_token(person), "kunci": key, "isi": answers.seal(person, slot)}
        ).encode()
        path = f"/janji/baru/{person.public_id}/sesi/{slot}/periksa/"
        made.append(Confirm(load.post(path, HOST, body, Cookie=cookies(person)), key, person, slot))
    return made


def count_booked(keys: Sequence[uuid.UUID]) -> int:
    """How many of these keys have a booking."""
    return int(query(BOOKED, [[str(key) for key in keys]])[0][0])
