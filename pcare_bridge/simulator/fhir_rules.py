"""The rules of SATUSEHAT.md section 3 as this stand-in checks them, by the Ministry's numbers."""

import re
from datetime import UTC, date, datetime
from typing import Any

NIK_SYSTEM = "https://fhir.kemkes.go.id/id/nik"
_KFA = "http://sys-ids.kemkes.go.id/kfa"
_CVX = "http://hl7.org/fhir/sid/cvx"
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\+00:00")
_FIRST_DAY = datetime(2014, 6, 3, tzinfo=UTC)

# Where, rule number, text. The Ministry's numbers where SATUSEHAT.md knows them; 10400 to 10404 and 19001 on are ours.
Broken = tuple[str, str, str]


def broken_rules(kind: str, body: dict[str, Any]) -> list[Broken]:
    """Every rule this resource breaks."""
    if not body.get("identifier") or not all(_is_identifier(item) for item in body["identifier"]):
        return [(f"{kind}.identifier", "10100", "identifier wajib")]
    return {"Encounter": _encounter, "Immunization": _immunization, "Observation": _observation}[kind](body)


def _encounter(body: dict[str, Any]) -> list[Broken]:
    wrong: list[Broken] = []
    if body.get("status") not in ("finished", "entered-in-error"):
        wrong.append(("Encounter.status", "10400", "status tidak dikenal"))
    if not isinstance(body.get("class"), dict) or not body["class"].get("code"):
        wrong.append(("Encounter.class", "10401", "class wajib"))
    if not _points_at(body.get("subject"), "Patient/P"):
        wrong.append(("Encounter.subject", "10402", "subject wajib"))
    period = body.get("period") or {}
    if not (_MOMENT.fullmatch(str(period.get("start"))) and _MOMENT.fullmatch(str(period.get("end")))):
        wrong.append(("Encounter.period", "10403", "waktu harus UTC dengan +00:00"))
    if not _points_at(body.get("serviceProvider"), "Organization/"):
        wrong.append(("Encounter.serviceProvider", "10404", "serviceProvider wajib"))
    return wrong


def _observation(body: dict[str, Any]) -> list[Broken]:
    """What an Observation must carry to stand behind a reaction."""
    checks = [
        ("status", body.get("status") in ("final", "amended", "corrected", "entered-in-error"), "status tidak dikenal"),
        ("category", (body.get("category") or [{}])[0].get("coding"), "category wajib"),
        ("code", (body.get("code") or {}).get("coding"), "code wajib"),
        ("subject", _points_at(body.get("subject"), "Patient/P"), "subject wajib"),
        ("encounter", _points_at(body.get("encounter"), "Encounter/"), "encounter wajib"),
        ("effectiveDateTime", _moment(body.get("effectiveDateTime")), "harus UTC dengan +00:00, tidak di masa depan"),
        ("performer", _points_at((body.get("performer") or [None])[0], "Practitioner/"), "performer wajib"),
        ("value", any(name.startswith("value") for name in body) or body.get("component"), "nilai wajib"),
    ]
    return [(f"Observation.{where}", str(19001 + at), text) for at, (where, ok, text) in enumerate(checks) if not ok]


def _immunization(body: dict[str, Any]) -> list[Broken]:
    wrong: list[Broken] = []

    def need(ok: object, where: str, number: str, text: str) -> None:
        if not ok:
            wrong.append((f"Immunization.{where}", number, text))

    status = body.get("status")
    need(status in ("completed", "not-done", "entered-in-error"), "status", "10154", "status tidak dikenal")
    codings = [(item.get("system"), str(item.get("code"))) for item in body.get("vaccineCode", {}).get("coding", [])]
    product = any(system == _KFA and code.startswith("93") for system, code in codings)
    group = any(system == _KFA and code.startswith("VG") for system, code in codings)
    cvx = any(system == _CVX for system, code in codings)
    given_here = body.get("primarySource") is not False
    need((product or not given_here) and group and cvx, "vaccineCode", "10103", "harus KFA, kelompok KFA, dan CVX")
    need(status != "not-done" or body.get("statusReason"), "statusReason", "19009", "wajib bila tidak jadi")
    need(_points_at(body.get("patient"), "Patient/P"), "patient", "10155", "patient wajib")
    need(_points_at(body.get("encounter"), "Encounter/"), "encounter", "10293", "encounter wajib")
    given = _moment(body.get("occurrenceDateTime"))
    need(given, "occurrenceDateTime", "10156", "harus UTC dengan +00:00, sesudah 3 Juni 2014, tidak di masa depan")
    need(body.get("recorded") is None or _moment(body["recorded"]), "recorded", "10451", "bentuk waktu salah")
    first_hand = body.get("primarySource")
    need(isinstance(first_hand, bool), "primarySource", "10292", "harus true bila dicatat saat diberikan")
    need(first_hand or body.get("reportOrigin"), "reportOrigin", "10106", "wajib bila bukan sumber pertama")
    at_place = status != "completed" or _points_at(body.get("location"), "Location/")
    need(at_place, "location", "10305", "location wajib")
    need(not given_here or body.get("lotNumber"), "lotNumber", "10306", "lotNumber wajib")
    expiry = _day(body.get("expirationDate"))
    in_time = expiry and (given is None or expiry > given.date())
    need(not given_here or in_time, "expirationDate", "10307", "harus sesudah penyuntikan")
    performers = body.get("performer") or [{}]
    function = [item.get("code") for item in performers[0].get("function", {}).get("coding", [])]
    need(set(function) <= {"AP", "EP", "OP"}, "performer.function", "10104", "fungsi tidak dikenal")
    need(_points_at(performers[0].get("actor"), "Practitioner/"), "performer.actor", "10294", "vaksinator wajib")
    reasons = body.get("reasonCode") or [{}]
    need(status != "completed" or reasons[0].get("coding"), "reasonCode", "10105", "reasonCode wajib")
    for event in body.get("reaction") or []:
        need(_points_at(event.get("detail"), "Observation/"), "reaction.detail", "10820", "harus menunjuk Observation")
        need(_moment(event.get("date")), "reaction.date", "10451", "bentuk waktu salah")
    for applied in body.get("protocolApplied") or []:
        number = applied.get("doseNumberPositiveInt")
        need(type(number) is int and number >= 1, "protocolApplied", "10456", "nomor dosis mulai dari 1")
    return wrong


def _is_identifier(item: Any) -> bool:
    return isinstance(item, dict) and bool(item.get("system")) and bool(item.get("value"))


def _points_at(reference: Any, start: str) -> bool:
    return isinstance(reference, dict) and str(reference.get("reference", "")).startswith(start)


def _moment(value: Any) -> datetime | None:
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if _FIRST_DAY <= moment <= datetime.now(UTC) else None


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        return None
