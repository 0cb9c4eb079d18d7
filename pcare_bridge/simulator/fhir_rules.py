"""The rules of SATUSEHAT.md section 3 as this stand-in checks them, by the Ministry's numbers."""

import re
from datetime import UTC, date, datetime
from typing import Any

NIK_SYSTEM = "https://fhir.kemkes.go.id/id/nik"
_KFA = "http://sys-ids.kemkes.go.id/kfa"
_CVX = "http://hl7.org/fhir/sid/cvx"
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\+00:00")
_FIRST_DAY = datetime(2014, 6, 3, tzinfo=UTC)

# Where, rule number, text.
Broken = tuple[str, str, str]


def broken_rules(kind: str, body: dict[str, Any]) -> list[Broken]:
    """Every rule this resource breaks."""
    if not body.get("identifier") or not all(_is_identifier(item) for item in body["identifier"]):
        return [(f"{kind}.identifier", "10100", "identifier wajib")]
    return _encounter(body) if kind == "Encounter" else _immunization(body)


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
    need(product and group and cvx, "vaccineCode", "10103", "harus kode KFA, kelompok KFA, dan CVX")
    need(_points_at(body.get("patient"), "Patient/P"), "patient", "10155", "patient wajib")
    need(_points_at(body.get("encounter"), "Encounter/"), "encounter", "10293", "encounter wajib")
    given = _moment(body.get("occurrenceDateTime"))
    need(given, "occurrenceDateTime", "10156", "harus UTC dengan +00:00, sesudah 3 Juni 2014, tidak di masa depan")
    need(body.get("recorded") is None or _moment(body["recorded"]), "recorded", "10451", "bentuk waktu salah")
    need(body.get("primarySource") is True, "primarySource", "10292", "harus true bila dicatat saat diberikan")
    need(_points_at(body.get("location"), "Location/"), "location", "10305", "location wajib")
    need(body.get("lotNumber"), "lotNumber", "10306", "lotNumber wajib")
    expiry = _day(body.get("expirationDate"))
    need(expiry and (given is None or expiry > given.date()), "expirationDate", "10307", "harus sesudah penyuntikan")
    performers = body.get("performer") or [{}]
    function = [item.get("code") for item in performers[0].get("function", {}).get("coding", [])]
    need(set(function) <= {"AP", "EP", "OP"}, "performer.function", "10104", "fungsi tidak dikenal")
    need(_points_at(performers[0].get("actor"), "Practitioner/"), "performer.actor", "10294", "vaksinator wajib")
    reasons = body.get("reasonCode") or [{}]
    need(status != "completed" or reasons[0].get("coding"), "reasonCode", "10105", "reasonCode wajib")
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
