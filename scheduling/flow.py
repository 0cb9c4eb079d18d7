"""What a booking carries from page to page, in the address and never in a session (docs/adr/0003-signed-cookies.md).

Answers about health are encrypted and bound to person and session: an address bar, a log or a link shows nothing.
"""

import base64
import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

from django.http import HttpRequest
from django.utils import timezone

from core.crypto import decrypt, encrypt
from programmes import catalogue, screening
from programmes.models import Questionnaire
from programmes.rules import Option
from registration.models import Citizen
from scheduling.models import Slot

ANSWERS_LAST_SECONDS = 3600


@dataclass(frozen=True)
class PreScreening:
    """The form one person is asked at home for one session, and what the answers propose."""

    questionnaire: Questionnaire
    form: screening.Form
    subject: screening.Subject
    items: tuple[screening.Item, ...]

    def propose(self, answers: dict[str, bool]) -> screening.Proposal:
        """Advice from the answers; nobody is asked for a thermometer at home (RULES SC-7)."""
        return screening.propose_outcome(self.form, answers, [], self.subject, at_home=True)

    def to_store(self, answers: dict[str, bool]) -> dict[str, Any]:
        """What travels with the appointment to the desk."""
        proposal = self.propose(answers)
        return {
            "answers": answers,
            "outcome": proposal.outcome,
            "reasons": [{"key": reason.key, "text": reason.text} for reason in proposal.reasons],
            "answered_at": timezone.now().isoformat(timespec="seconds"),
        }


def pre_screening(citizen: Citizen, slot: Slot, option: Option) -> PreScreening | None:
    """The questions for this person, dose and day; None when no form is in force."""
    schedule = slot.schedule
    questionnaire = catalogue.questionnaire_for(schedule.programme_id, citizen.birth_date, schedule.date)
    if questionnaire is None:
        return None
    form = catalogue.form_of(questionnaire)
    subject = screening.Subject(
        birth_date=citizen.birth_date,
        on_date=schedule.date,
        sex=citizen.sex,
        first_dose=option.dose_number <= 1,
        vaccine=schedule.vaccine_id,
        live=schedule.vaccine.is_live,
    )
    items = screening.questions_for(form, subject)
    return PreScreening(questionnaire, form, subject, items) if items else None


@dataclass(frozen=True)
class Told:
    """Questions with the answers given; texts are in the language of the questions."""

    items: tuple[screening.Item, ...]
    yes: frozenset[str] = frozenset()

    @property
    def rows(self) -> list[tuple[screening.Item, bool]]:
        """Each question, and whether it was answered with yes."""
        return [(item, item.key in self.yes) for item in self.items]


_no_to_all = lru_cache(maxsize=256)(Told)


def told(items: tuple[screening.Item, ...], answers: dict[str, bool]) -> Told:
    """The answers for the page that shows them; no to everything is one for all, a yes stays with who said it."""
    yes = frozenset(key for key, said in answers.items() if said)
    return Told(items, yes) if yes else _no_to_all(items)


def seal(answers: dict[str, bool], questionnaire: Questionnaire, citizen: Citizen, slot_id: int) -> str:
    """Answers as one opaque word for the address."""
    text = json.dumps({"q": questionnaire.pk, "t": int(time.time()), "a": answers}, separators=(",", ":"))
    return base64.urlsafe_b64encode(encrypt(text, _context(citizen, slot_id))).decode().rstrip("=")


def unseal(word: str, questionnaire: Questionnaire, citizen: Citizen, slot_id: int) -> dict[str, bool] | None:
    """The answers, or None when the word is damaged, old, or of another person, session or form."""
    try:
        blob = base64.urlsafe_b64decode(word + "=" * (-len(word) % 4))
        found = json.loads(decrypt(blob, _context(citizen, slot_id)))
    except ValueError:  # not base64, not ours, not JSON
        return None
    if found["q"] != questionnaire.pk or time.time() - found["t"] > ANSWERS_LAST_SECONDS:
        return None
    return dict(found["a"])


def request_key(request: HttpRequest) -> UUID:
    """The key of this booking from the address or the form; a new one when there is none or it is no UUID."""
    raw = request.POST.get("kunci") or request.GET.get("kunci") or ""
    try:
        return UUID(raw)
    except ValueError:
        return uuid4()


def seconds_left(until: datetime | None, now: datetime) -> int:
    """For the countdown; rounded up, since a hold that is called over on the page must be over on the server."""
    return max(0, math.ceil((until - now).total_seconds())) if until else 0


def with_query(path: str, **values: Any) -> str:
    """A path with the flow's values that are there; a list gives its name once for each."""
    present = {name: value for name, value in values.items() if value}
    return f"{path}?{urlencode(present, doseq=True)}" if present else path


@dataclass(frozen=True)
class FamilyAnswers:
    """What the members of a family answered so far, by position; travels as one sealed word.

    Only the questions answered with yes are kept: the address of a page has to stay short.
    """

    of: tuple[Citizen, ...]
    slot_id: int
    yes: dict[int, tuple[int, list[str]]]

    @classmethod
    def unseal(cls, word: str, citizens: Sequence[Citizen], slot_id: int) -> "FamilyAnswers":
        """The answers; none of them when the word is damaged, old, or of other people or another session."""
        blank = cls(tuple(citizens), slot_id, {})
        try:
            blob = base64.urlsafe_b64decode(word + "=" * (-len(word) % 4))
            found = json.loads(decrypt(blob, blank._context()))
        except ValueError:
            return blank
        if time.time() - found["t"] > ANSWERS_LAST_SECONDS:
            return blank
        return cls(blank.of, slot_id, {int(key): (form, keys) for key, (form, keys) in found["a"].items()})

    def seal(self) -> str:
        """All of it as one opaque word for the address."""
        text = json.dumps({"t": int(time.time()), "a": self.yes}, separators=(",", ":"))
        return base64.urlsafe_b64encode(encrypt(text, self._context())).decode().rstrip("=")

    def of_member(self, position: int, asked: PreScreening) -> dict[str, bool] | None:
        """Question key → yes for one member; None when not answered, or another form was."""
        form, keys = self.yes.get(position, (None, []))
        return {item.key: item.key in keys for item in asked.items} if form == asked.questionnaire.pk else None

    def with_member(self, position: int, asked: PreScreening, answers: dict[str, bool]) -> "FamilyAnswers":
        """The same with what one member has just answered."""
        new = asked.questionnaire.pk, [key for key, yes in answers.items() if yes]
        return FamilyAnswers(self.of, self.slot_id, self.yes | {position: new})

    def _context(self) -> str:
        return f"scheduling.family:{','.join(citizen.public_id.hex for citizen in self.of)}:{self.slot_id}"


def _context(citizen: Citizen, slot_id: int) -> str:
    return f"scheduling.answers:{citizen.public_id}:{slot_id}"
