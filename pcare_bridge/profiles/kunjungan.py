"""Profile `kunjungan`: a dose as a healthy visit, by the documented resources of PROTOCOL 8.1 and 9.1 to 9.3.

Three steps: find the member, register the visit of the day, store the visit. The service has no key of ours, so each
write is looked for before it is repeated. Two doses of one day share a registration; each is a visit of its own.
"""

from dataclasses import replace
from functools import partial
from typing import Any

from pcare_bridge import conf
from pcare_bridge.client import PCareClient
from pcare_bridge.envelope import Reply, created_number, rows
from pcare_bridge.errors import ERROR_CLASSES, classify
from pcare_bridge.facts import DoseFacts, Job
from pcare_bridge.outcome import Outcome
from pcare_bridge.profiles.common import TWINS, WIB, Standing, Stop, attempt, day, failure, look
from pcare_bridge.profiles.registrations import PROGRESS, DayList, kept_place, value

MEMBER = "peserta/nik/{nik}"
REGISTRATIONS = "pendaftaran"
REGISTRATION = "pendaftaran/peserta/{card}/tglDaftar/{day}/noUrut/{number}/kdPoli/{clinic}"
VISITS = "kunjungan/v1"
VISIT = "kunjungan/{number}"
OF_MEMBER = "kunjungan/peserta/{card}"
REQUESTS = 3

_REQUIRED = [
    ("nik", "NIK", lambda facts: facts.nik),
    ("kdPoli", "kode poli kunjungan sehat", lambda facts: facts.clinic_code),
    ("kdDiag1", "kode diagnosis vaksin (ICD-10)", lambda facts: facts.diagnosis_code),
    ("kdDokter", "kode vaksinator di PCare", lambda facts: facts.practitioner_code),
    ("terapiObat", "nomor batch", lambda facts: facts.lot_number),
]


def missing_fields(facts: DoseFacts) -> list[tuple[str, str]]:
    """Required fields this dose lacks, as (upstream name, Indonesian label)."""
    return [(name, label) for name, label, read in _REQUIRED if not read(facts)]


def vaccine_text(facts: DoseFacts) -> str:
    """Vaccine, lot and dose as one line of text (PROTOCOL 8.1 step 4)."""
    name = facts.vaccine_name.replace(";", ",").replace("=", "-")
    return f"VAKSIN={name};BATCH={facts.lot_number};DOSIS={facts.dose_number}"


def registration_body(facts: DoseFacts, card: str, home: str) -> dict[str, Any]:
    """The body of POST pendaftaran; `home` is the facility the member belongs to."""
    return {
        "kdProviderPeserta": home or facts.provider_code,
        "tglDaftar": day(facts.occurred_at.astimezone(WIB)),
        "noKartu": card,
        "kdPoli": facts.clinic_code,
        "keluhan": None,
        "kunjSakit": False,
        **conf.VITAL_SIGNS,
        "rujukBalik": 0,
        "kdTkp": conf.VISIT_KIND,
    }


def visit_body(facts: DoseFacts, sender_id: str, card: str, number: str = "") -> dict[str, Any]:
    """The body of POST kunjungan/v1, or of PUT when `number` is known."""
    given = day(facts.occurred_at.astimezone(WIB))
    text = vaccine_text(facts)
    signs = dict(conf.VITAL_SIGNS)
    screening = facts.screening
    if screening and screening.systolic and screening.diastolic:
        signs |= {"sistole": screening.systolic, "diastole": screening.diastolic}
    return {
        "noKunjungan": number or None,
        "noKartu": card,
        "tglDaftar": given,
        "kdPoli": facts.clinic_code,
        "keluhan": None,
        "kdSadar": conf.AWARENESS,
        **signs,
        "kdStatusPulang": conf.DISCHARGE,
        "tglPulang": given,
        "kdDokter": facts.practitioner_code,
        "kdDiag1": facts.diagnosis_code,
        "kdDiag2": None,
        "kdDiag3": None,
        "kdPoliRujukInternal": None,
        "rujukLanjut": None,
        "kdTacc": conf.NO_REFERRAL,
        "alasanTacc": None,
        "alergiMakan": conf.NO_ALLERGY,
        "alergiUdara": conf.NO_ALLERGY,
        "alergiObat": conf.NO_ALLERGY,
        "kdPrognosa": conf.PROGNOSIS,
        "anamnesa": text,
        # Ours alone, so that a visit can be recognised after a lost answer and after a correction.
        "terapiObat": f"{text};REF={sender_id}",
        "terapiNonObat": None,
        "bmhp": None,
        "suhu": str(screening.temperature_c) if screening and screening.temperature_c else None,
    }


def deliver(client: PCareClient, job: Job) -> Outcome:
    """Bring the service to the state `job` asks for, reading back first whenever an earlier write is in doubt.

    Never raises for weather; touches no database, so it may run in any thread.
    """
    work = _Try(client, job)
    try:
        outcome = work.withdraw() if job.operation == "withdraw" else work.write()
    except Stop as stop:
        outcome = stop.outcome
    return replace(outcome, references=work.made)


def standing(client: PCareClient, job: Job) -> list[Standing]:
    """Every visit upstream that stands for this dose; none for somebody who is no member. Raises Stop."""
    look_up = _Try(client, job)
    return [
        Standing(str(item.get("noKunjungan") or ""), _compared(item), look_up.is_marked(item))
        for item in look_up.visits_of_dose()
    ]


def expected(job: Job) -> dict[str, str]:
    """What a visit of this dose should say in the fields we compare."""
    return _compared(visit_body(job.facts, job.sender_id, ""))


def _compared(item: dict[str, Any]) -> dict[str, str]:
    return {name: str(item.get(name) or "") for name in ("tglDaftar", "kdDiag1", "anamnesa")}


class _Try:
    """One try: what it knows about the member, and the numbers it was given on the way."""

    def __init__(self, client: PCareClient, job: Job) -> None:
        self.client, self.job, self.facts = client, job, job.facts
        self.day = day(job.facts.occurred_at.astimezone(WIB))
        self.made: dict[str, str] = {}
        self.seen: list[dict[str, Any]] = []
        """The member's visits, once they were looked at."""

    def write(self) -> Outcome:
        card, home = self._member(self.facts.nik)
        before = None
        if self.job.references.get(TWINS):
            self._keep_one(card)
        if self.job.number or self.job.in_doubt or self.job.operation == "update":
            before = self._find([card])
        if before and self.job.operation == "create":
            return Outcome(number=str(before["noKunjungan"]))
        if before:
            if (before.get("noKartu"), before.get("tglDaftar")) == (card, self.day):
                return self._change(str(before["noKunjungan"]), card)
            # Another day or another member is another registration: take the old visit away first.
            self._remove(before)
            self.made["noUrut"] = ""
        if not self._is_registered():
            self.made |= {"noUrut": self._register(card, home), "tglDaftar": self.day}
        return self._store(card)

    def withdraw(self) -> Outcome:
        card, _ = self._member(self.facts.nik, must_be_active=False)
        before = self._find([card] if card else [])
        if before:
            self._remove(before)
        return Outcome(number=self.job.number)

    def _keep_one(self, card: str) -> None:
        """Take away what we stored of this dose besides the visit we know; Stop when it cannot."""
        ours = [item for item in self._visits(card) if self.is_marked(item)]
        numbers = [str(item.get("noKunjungan")) for item in ours]
        kept = self.job.number if self.job.number in numbers or not ours else numbers[0]
        for item, number in zip(ours, numbers, strict=True):
            if number != kept:
                self._remove(item, kept)
        self.made[TWINS] = ""

    def visits_of_dose(self) -> list[dict[str, Any]]:
        card, _ = self._member(self.facts.nik, must_be_active=False)
        same_text = vaccine_text(self.facts)
        return [
            item
            for item in (self._visits(card) if card else [])
            if self._is_ours(item) or (item.get("tglDaftar") == self.day and item.get("anamnesa") == same_text)
        ]

    def _is_registered(self) -> bool:
        known = self.job.references | self.made
        return bool(known.get("noUrut")) and known.get("tglDaftar") == self.day

    def _member(self, nik: str, *, must_be_active: bool = True) -> tuple[str, str]:
        """Card number and home facility of the member; Stop with `not_eligible` for everybody else."""
        reply = look(partial(self.client.get, MEMBER, nik=nik), in_doubt=self.job.in_doubt)
        person = reply.payload if isinstance(reply.payload, dict) else {}
        card = str(person.get("noKartu") or "")
        if must_be_active and (not card or person.get("aktif") is False):
            error = ERROR_CLASSES["not_eligible"]
            status = str(person.get("ketAktif") or "") if card else ""
            raise Stop(Outcome(error, in_doubt=self.job.in_doubt, error_field="nik", message=status or error.sentence))
        home = person.get("kdProviderPst")
        return card, str(home.get("kdProvider") or "") if isinstance(home, dict) else ""

    def _register(self, card: str, home: str) -> str:
        """Register the member, or find that somebody did; returns `noUrut`, empty when it is not known but stands."""
        half_read = kept_place(self.job.references.get(PROGRESS, ""), self.day).last
        if self.job.in_doubt or half_read:
            if self._has_visit(self.seen):
                return ""
            number = self._registration(card)
            if number:
                return number
        if half_read:
            # The next try registers. If this one did and were killed, whoever takes over would go on reading behind
            # the place that is still written down, and might never come upon the new registration.
            message = "Tidak ada di daftar hari itu; kiriman berikutnya mendaftarkannya."
            raise Stop(Outcome(ERROR_CLASSES["looking"], in_doubt=False, message=message))
        body = registration_body(self.facts, card, home)
        reply = attempt(lambda: self.client.post(REGISTRATIONS, body))
        error = classify(reply)
        number = created_number(reply.payload, "noUrut") if error is None else ""
        if not number and (error is None or error.key in ("refused", "unreadable")):
            # Written but not to be read here, or another dose of this day was registered already.
            if self._has_visit(self._visits(card)):
                return ""
            number = self._registration(card)
        if number:
            return number
        raise Stop(failure(error or ERROR_CLASSES["unreadable"], reply))

    def _has_visit(self, visits: list[dict[str, Any]]) -> bool:
        """Whether another dose of this day was stored here: then the member is registered, and no list need be read."""
        return any(
            (item.get("tglDaftar"), value(item, "kdPoli", "poli")) == (self.day, self.facts.clinic_code)
            # The number of a visit begins with the facility's code (PROTOCOL 9.3).
            and str(item.get("noKunjungan") or "").startswith(self.facts.provider_code)
            for item in visits
        )

    def _registration(self, card: str) -> str:
        """The number of today's registration of this member in this clinic, or an empty text."""
        wanted = card, self.facts.clinic_code

        def is_ours(item: dict[str, Any]) -> bool:
            return (value(item, "noKartu", "peserta"), value(item, "kdPoli", "poli")) == wanted

        kept = (self.job.references | self.made).get(PROGRESS, "")
        search = DayList(self.client, kept_place(kept, self.day))
        try:
            found = search.find(is_ours)
        finally:
            left_at = str(search.left_at or "")
            if left_at or kept:
                self.made[PROGRESS] = left_at
        return str(found["noUrut"]) if found else ""

    def _store(self, card: str) -> Outcome:
        reply = attempt(lambda: self.client.post(VISITS, visit_body(self.facts, self.job.sender_id, card)))
        error = classify(reply)
        number = created_number(reply.payload, "noKunjungan") if error is None else ""
        if not number and reply.code in (200, 201):
            found = self._find([card])
            number = str(found["noKunjungan"]) if found else ""
        if number:
            return Outcome(number=number)
        if error is not None and error.key == "refused":
            # The registration may have been taken away meanwhile; the next try makes a new one.
            self.made["noUrut"] = ""
        return failure(error or ERROR_CLASSES["unreadable"], reply)

    def _change(self, number: str, card: str) -> Outcome:
        body = visit_body(self.facts, self.job.sender_id, card, number)
        reply = attempt(lambda: self.client.put(VISITS, body), number)
        error = classify(reply)
        return Outcome(number=number) if error is None else failure(error, reply, number=number)

    def _remove(self, visit: dict[str, Any], ours: str = "") -> None:
        """Delete a visit, and its registration when no other visit of that day needs it; Stop when it cannot.

        `ours` is the number the delivery goes on with when that is another.
        """
        number, card, given = (str(visit.get(name) or "") for name in ("noKunjungan", "noKartu", "tglDaftar"))
        reply = attempt(lambda: self.client.delete(VISIT, number=number), ours or number)
        error = classify(reply)
        if error is not None and not reply.not_found:
            raise Stop(failure(error, reply, number=ours or number))
        if any(item.get("tglDaftar") == given for item in self._visits(card)):
            return
        registered = ""
        if self.job.references.get("tglDaftar") == given:
            registered = self.job.references.get("noUrut") or (self._registration(card) if given == self.day else "")
        if registered:
            clinic = str(visit.get("kdPoli") or self.facts.clinic_code)
            self._unregister(card, given, registered, clinic)

    def _unregister(self, card: str, given: str, number: str, clinic: str) -> Reply:
        # Best effort: an empty registration harms nobody, and the dose itself is gone.
        return attempt(lambda: self.client.delete(REGISTRATION, card=card, day=given, number=number, clinic=clinic))

    def _find(self, cards: list[str]) -> dict[str, Any] | None:
        """The visit that stands for this dose, by number, by our reference, or by what makes a dose unique."""
        former = [self._member(nik, must_be_active=False)[0] for nik in self.job.former_niks]
        for card in dict.fromkeys(one for one in (*cards, *former) if one):
            visits = self._visits(card)
            if card in cards:
                self.seen = visits
            for item in visits:
                if self._is_ours(item):
                    return item
        return None

    def is_marked(self, item: dict[str, Any]) -> bool:
        """Whether a visit carries the reference of this dose, which nobody else writes."""
        _, mark, reference = str(item.get("terapiObat") or "").rpartition("REF=")
        return bool(mark) and reference.lower() == self.job.sender_id.lower()

    def _is_ours(self, item: dict[str, Any]) -> bool:
        if "REF=" in str(item.get("terapiObat") or ""):
            return self.is_marked(item)
        if self.job.number:
            return str(item.get("noKunjungan")) == self.job.number
        same_day = item.get("tglDaftar") == self.day
        return same_day and str(item.get("anamnesa") or "") == vaccine_text(self.facts)

    def _visits(self, card: str) -> list[dict[str, Any]]:
        return rows(look(partial(self.client.get, OF_MEMBER, card=card)).payload)
