"""Profile `vaksinasi`: path, field names and rules of PROTOCOL 8.2.

No public document describes a vaccination resource in PCare: everything in this module is assumed, and only here, so
that the real names can replace it without touching queue, codec or retry.
"""

from dataclasses import replace
from functools import partial
from typing import Any

from pcare_bridge.client import PCareClient
from pcare_bridge.envelope import created_number, rows
from pcare_bridge.errors import ERROR_CLASSES, classify
from pcare_bridge.facts import AdverseFacts, DoseFacts, Job, ScreeningFacts
from pcare_bridge.outcome import Outcome
from pcare_bridge.profiles.common import TWINS, WIB, Standing, Stop, attempt, day, failure, look

COLLECTION = "vaksinasi"
ITEM = "vaksinasi/{number}"
BY_NIK = "vaksinasi/nik/{nik}/{start}/{limit}"
REQUESTS = 1

PAGE = 100
MAX_PAGES = 10

# Upstream field, the word staff know it by, and how to read it from the facts.
_REQUIRED = [
    ("nik", "NIK", lambda facts: facts.nik),
    ("nama", "nama", lambda facts: facts.name),
    ("tglLahir", "tanggal lahir", lambda facts: facts.birth_date),
    ("sex", "jenis kelamin", lambda facts: facts.sex),
    ("kdProviderPelayanan", "kode fasilitas PCare", lambda facts: facts.provider_code),
    ("kdVaksin", "kode vaksin (KFA)", lambda facts: facts.vaccine_code),
    ("dosisKe", "dosis ke-", lambda facts: facts.dose_number),
    ("noBatch", "nomor batch", lambda facts: facts.lot_number),
    ("kdDokter", "kode vaksinator di PCare", lambda facts: facts.practitioner_code),
    ("skrining", "hasil skrining", lambda facts: facts.screening),
]


def missing_fields(facts: DoseFacts) -> list[tuple[str, str]]:
    """Required fields this dose lacks, as (upstream name, Indonesian label)."""
    return [(name, label) for name, label, read in _REQUIRED if not read(facts)]


def payload(facts: DoseFacts, sender_id: str, number: str = "") -> dict[str, Any]:
    """The body of POST, or of PUT when `number` is known."""
    local = facts.occurred_at.astimezone(WIB)
    return {
        "noVaksinasi": number or None,
        "idPengirim": sender_id,
        "nik": facts.nik,
        "noKartu": facts.card_number or None,
        "nama": facts.name[:100],
        "tglLahir": day(facts.birth_date),
        "sex": facts.sex,
        "noHP": facts.phone or None,
        "kdProviderPelayanan": facts.provider_code,
        "tglVaksin": day(local),
        "jamVaksin": f"{local:%H:%M}",
        "kdVaksin": facts.vaccine_code,
        "nmVaksin": facts.vaccine_name,
        "dosisKe": facts.dose_number,
        "noBatch": facts.lot_number[:50],
        "tglKedaluwarsa": day(facts.expiration_date) if facts.expiration_date else None,
        "lokasiSuntik": facts.body_site or None,
        "kdDokter": facts.practitioner_code,
        "skrining": _screening(facts.screening),
        "kipi": _adverse(facts.adverse),
    }


def _screening(screening: ScreeningFacts | None) -> dict[str, Any] | None:
    if screening is None:
        return None
    answers = [{"kode": item.code, "jawab": item.yes, "catatan": item.note or None} for item in screening.answers]
    return {
        "versi": screening.version,
        "hasil": "LANJUT",
        "suhu": screening.temperature_c,
        "sistole": screening.systolic,
        "diastole": screening.diastolic,
        "jawaban": answers,
    }


def _adverse(events: tuple[AdverseFacts, ...]) -> dict[str, Any] | None:
    """All events of a dose as the one object the resource has room for: the first day, every symptom."""
    if not events:
        return None
    notes = "; ".join(item.note for item in events if item.note)
    return {
        "ada": True,
        "tglKejadian": day(min(item.onset_at for item in events).astimezone(WIB)),
        "gejala": list(dict.fromkeys(symptom.words for item in events for symptom in item.symptoms)),
        "serius": any(item.is_serious for item in events),
        "catatan": notes or None,
    }


def deliver(client: PCareClient, job: Job) -> Outcome:
    """Bring the service to the state `job` asks for, reading back first whenever an earlier write is in doubt.

    Never raises for weather; touches no database, so it may run in any thread.
    """
    try:
        if job.operation == "withdraw":
            return _withdraw(client, job)
        outcome = _write(client, job)
        if job.references.get(TWINS) and outcome.error is None:
            return replace(outcome, references={TWINS: ""})
        return outcome
    except Stop as stop:
        return stop.outcome


def _write(client: PCareClient, job: Job) -> Outcome:
    number = _keep_one(client, job) if job.references.get(TWINS) else job.number
    if not number and (job.in_doubt or job.operation == "update"):
        number = _number_upstream(client, job)
        # An event told since our lost write is not in the record we found: that one is brought up to date below.
        if number and job.operation == "create" and not job.facts.adverse:
            return Outcome(number=number)
    body = payload(job.facts, job.sender_id, number)
    reply = attempt(lambda: client.put(COLLECTION, body) if number else client.post(COLLECTION, body))
    error = classify(reply)
    if number:
        return Outcome(number=number) if error is None else failure(error, reply, number=number)
    if error is None and (given := created_number(reply.payload, "noVaksinasi")):
        return Outcome(number=given)
    if reply.code in {200, 201}:
        # It was written, but the number is not to be read here: look it up now.
        given = _number_upstream(client, job)
        return Outcome(number=given) if given else failure(ERROR_CLASSES["unreadable"], reply)
    if error is None:
        error = ERROR_CLASSES["unexpected"]
    if error.key == "refused" and any(item.field.lower() == "dosiske" for item in reply.errors):
        given = _number_upstream(client, job)
        return Outcome(number=given) if given else failure(ERROR_CLASSES["recorded_elsewhere"], reply)
    return failure(error, reply)


def _keep_one(client: PCareClient, job: Job) -> str:
    """Take away what we wrote of this dose besides the record we know; returns its number. Stop when it cannot."""
    people = dict.fromkeys((job.facts.nik, *job.former_niks))
    ours = [str(item["noVaksinasi"]) for nik in people for item in _of_person(client, nik) if _is_marked(item, job)]
    kept = job.number if job.number in ours or not ours else ours[0]
    for number in ours:
        if number != kept:
            _remove(client, number, kept)
    return kept


def _withdraw(client: PCareClient, job: Job) -> Outcome:
    number = job.number or _number_upstream(client, job)
    if not number:
        return Outcome()
    _remove(client, number, number)
    return Outcome(number=number)


def _remove(client: PCareClient, number: str, ours: str) -> None:
    """Delete a record, or find it gone; Stop when it cannot be. `ours` is the number the delivery goes on with."""
    reply = attempt(lambda: client.delete(ITEM, number=number), ours)
    error = classify(reply)
    if error is not None and not reply.not_found:
        raise Stop(failure(error, reply, number=ours))


def _number_upstream(client: PCareClient, job: Job) -> str:
    """The service's number for this very dose, or an empty text; stops the job when it cannot be known now."""
    for nik in dict.fromkeys((job.facts.nik, *job.former_niks)):
        for item in _of_person(client, nik):
            if _is_ours(item, job):
                return str(item.get("noVaksinasi") or "")
    return ""


def _of_person(client: PCareClient, nik: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for page in range(MAX_PAGES):
        reply = look(partial(client.get, BY_NIK, nik=nik, start=page * PAGE, limit=PAGE))
        items = rows(reply.payload)
        found += items
        if len(items) < PAGE:
            break
    return found


def standing(client: PCareClient, job: Job) -> list[Standing]:
    """Every record upstream of this vaccine and dose of this person, whoever wrote it; raises Stop."""
    mine = payload(job.facts, job.sender_id)
    same = [
        item
        for item in _of_person(client, job.facts.nik)
        if _is_ours(item, job) or all(str(item.get(name)) == str(mine[name]) for name in ("kdVaksin", "dosisKe"))
    ]
    return [Standing(str(item.get("noVaksinasi") or ""), _compared(item), _is_marked(item, job)) for item in same]


def expected(job: Job) -> dict[str, str]:
    """What a record of this dose should say in the fields we compare."""
    return _compared(payload(job.facts, job.sender_id))


def _compared(item: dict[str, Any]) -> dict[str, str]:
    return {name: str(item.get(name)) for name in ("tglVaksin", "kdVaksin", "dosisKe", "noBatch")}


def _is_marked(item: dict[str, Any], job: Job) -> bool:
    return bool(item.get("noVaksinasi")) and str(item.get("idPengirim") or "").lower() == job.sender_id.lower()


def _is_ours(item: dict[str, Any], job: Job) -> bool:
    if item.get("idPengirim"):
        return _is_marked(item, job)
    # A service that does not echo the sender's id is matched on what makes a dose unique.
    mine = payload(job.facts, job.sender_id)
    return all(
        str(item.get(name)) == str(mine[name])
        for name in ("kdVaksin", "dosisKe", "tglVaksin", "noBatch", "kdProviderPelayanan")
    )
