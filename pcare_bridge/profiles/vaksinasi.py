"""Profile `vaksinasi`: path, field names and rules of PROTOCOL 8.2.

No public document describes a vaccination resource in PCare: everything in this module is assumed, and only here, so
that the real names can replace it without touching queue, codec or retry.
"""

import re
from typing import Any
from zoneinfo import ZoneInfo

from pcare_bridge.client import PCareClient, Unreachable
from pcare_bridge.envelope import Reply, created_number, redact, rows
from pcare_bridge.errors import CERTAINLY_NOT_WRITTEN, ERROR_CLASSES, ErrorClass, classify
from pcare_bridge.facts import AdverseFacts, DoseFacts, Job, ScreeningFacts
from pcare_bridge.outcome import Outcome

COLLECTION = "vaksinasi"
ITEM = "vaksinasi/{number}"
BY_NIK = "vaksinasi/nik/{nik}/{start}/{limit}"
PROBE = "poli/fktp/{start}/{limit}"  # a cheap authenticated read (PROTOCOL 7.3)

PAGE = 100
MAX_PAGES = 10
DECODE_LAYERS = frozenset({"base64", "aes", "lzstring", "json"})

# The service speaks in the time of Jakarta, whatever zone this portal shows.
WIB = ZoneInfo("Asia/Jakarta")

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
        "tglLahir": _day(facts.birth_date),
        "sex": facts.sex,
        "noHP": facts.phone or None,
        "kdProviderPelayanan": facts.provider_code,
        "tglVaksin": _day(local),
        "jamVaksin": f"{local:%H:%M}",
        "kdVaksin": facts.vaccine_code,
        "nmVaksin": facts.vaccine_name,
        "dosisKe": facts.dose_number,
        "noBatch": facts.lot_number[:50],
        "tglKedaluwarsa": _day(facts.expiration_date) if facts.expiration_date else None,
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


def _adverse(adverse: AdverseFacts | None) -> dict[str, Any] | None:
    if adverse is None:
        return None
    return {
        "ada": True,
        "tglKejadian": _day(adverse.onset_on),
        "gejala": list(adverse.symptoms),
        "serius": adverse.is_serious,
        "catatan": adverse.note or None,
    }


def _day(value: Any) -> str:
    return f"{value:%d-%m-%Y}"


def requests_needed(job: Job) -> int:
    """How many requests this job will make when nothing goes wrong."""
    return 2 if job.in_doubt or (job.operation != "create" and not job.number) else 1


def deliver(client: PCareClient, job: Job) -> Outcome:
    """Bring the service to the state `job` asks for, reading back first whenever an earlier write is in doubt.

    Never raises for weather; touches no database, so it may run in any thread.
    """
    try:
        if job.operation == "withdraw":
            return _withdraw(client, job)
        return _write(client, job)
    except _Stop as stop:
        return stop.outcome


class _Stop(Exception):
    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


def _write(client: PCareClient, job: Job) -> Outcome:
    number = job.number
    if not number and (job.in_doubt or job.operation == "update"):
        number = _number_upstream(client, job)
        if number and job.operation == "create":
            return Outcome(number=number)
    body = payload(job.facts, job.sender_id, number)
    reply = _attempt(lambda: client.put(COLLECTION, body) if number else client.post(COLLECTION, body))
    error = classify(reply)
    if number:
        return Outcome(number=number) if error is None else _failure(error, reply, number=number)
    if error is None and (given := created_number(reply.payload, "noVaksinasi")):
        return Outcome(number=given)
    if reply.code in {200, 201}:
        # It was written, but the number is not to be read here: look it up now.
        given = _number_upstream(client, job)
        return Outcome(number=given) if given else _failure(ERROR_CLASSES["unreadable"], reply)
    if error is None:
        error = ERROR_CLASSES["unexpected"]
    if error.key == "refused" and any(item.field.lower() == "dosiske" for item in reply.errors):
        given = _number_upstream(client, job)
        return Outcome(number=given) if given else _failure(ERROR_CLASSES["recorded_elsewhere"], reply)
    return _failure(error, reply)


def _withdraw(client: PCareClient, job: Job) -> Outcome:
    number = job.number or _number_upstream(client, job)
    if not number:
        return Outcome()
    reply = _attempt(lambda: client.delete(ITEM, number=number), number)
    error = classify(reply)
    if error is None or reply.not_found:
        return Outcome(number=number)
    return _failure(error, reply, number=number)


def _attempt(call: Any, number: str = "") -> Reply:
    """Run a write; without an answer its outcome is unknown, unless the request never left."""
    try:
        return call()
    except Unreachable as error:
        failed = ERROR_CLASSES["unreachable"]
        raise _Stop(Outcome(failed, number, in_doubt=error.sent, message=f"{failed.sentence} ({error.kind})")) from None


def _number_upstream(client: PCareClient, job: Job) -> str:
    """The service's number for this very dose, or an empty text; stops the job when it cannot be known now."""
    for nik in dict.fromkeys((job.facts.nik, *job.former_niks)):
        for page in range(MAX_PAGES):
            try:
                reply = client.get(BY_NIK, nik=nik, start=page * PAGE, limit=PAGE)
            except Unreachable as failure:
                failed = ERROR_CLASSES["unreachable"]
                raise _Stop(Outcome(failed, in_doubt=True, message=f"{failed.sentence} ({failure.kind})")) from None
            error = classify(reply)
            if error is not None and not reply.not_found:
                raise _Stop(_failure(error, reply, in_doubt=True))
            items = rows(reply.payload)
            for item in items:
                if _is_ours(item, job):
                    return str(item.get("noVaksinasi") or "")
            if len(items) < PAGE:
                break
    return ""


def _is_ours(item: dict[str, Any], job: Job) -> bool:
    if item.get("idPengirim"):
        return str(item["idPengirim"]).lower() == job.sender_id.lower()
    # A service that does not echo the sender's id is matched on what makes a dose unique.
    mine = payload(job.facts, job.sender_id)
    return all(
        str(item.get(name)) == str(mine[name])
        for name in ("kdVaksin", "dosisKe", "tglVaksin", "noBatch", "kdProviderPelayanan")
    )


def _words(reply: Reply) -> str:
    """What the service said in words; bare status names such as NO_CONTENT tell a person nothing."""
    return "" if re.fullmatch(r"[A-Z0-9_ ]*", reply.text) else reply.text


def _failure(error: ErrorClass, reply: Reply, *, number: str = "", in_doubt: bool | None = None) -> Outcome:
    remarks = [item for item in reply.errors if item.field]
    return Outcome(
        error,
        number,
        in_doubt=error.key not in CERTAINLY_NOT_WRITTEN if in_doubt is None else in_doubt,
        field=redact(remarks[0].field)[:60] if remarks else "",
        message=_words(reply) or error.sentence,
        retry_after=reply.retry_after,
        undecodable=reply.unreadable in DECODE_LAYERS,
    )
