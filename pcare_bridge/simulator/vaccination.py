"""The resource `vaksinasi` of PROTOCOL 8.2: its rules, numbers and refusals."""

import re
from datetime import date, datetime, timedelta, timezone
from typing import Any

from pcare_bridge.simulator.answers import NO_CONTENT, Answer, Refused, page
from pcare_bridge.simulator.registry import Registry
from pcare_bridge.simulator.weather import Settings

WIB = timezone(timedelta(hours=7))
TABLE = "vaksinasi"


def create(registry: Registry, settings: Settings, body: dict[str, Any]) -> Answer:
    """POST: a repeat by the same sender gets the first number and 200."""
    with registry.lock:
        known = registry.by_sender.get(_text(body, "idPengirim"))
        if known and settings.guards_doubles:
            return Answer(200, [{"field": "noVaksinasi", "message": known}])
        row = _checked(body, settings)
        if not knows(registry, settings, row["nik"]):
            return NO_CONTENT
        if settings.guards_doubles:
            _refuse_double(registry, row)
        counter = f"V{row['kdProviderPelayanan']}{today():%m%y}"
        number = f"{row['kdProviderPelayanan']}{today():%m%y}V{registry.next(counter):06d}"
        registry.put(TABLE, number, row | {"noVaksinasi": number}, counter)
    return Answer(201, [{"field": "noVaksinasi", "message": number}])


def change(registry: Registry, settings: Settings, body: dict[str, Any]) -> Answer:
    """PUT: replaces the content of a known number; the sender's id stays."""
    with registry.lock:
        number = _text(body, "noVaksinasi")
        before = registry.tables[TABLE].get(number)
        if before is None:
            raise Refused(("noVaksinasi", "tidak ditemukan"))
        row = _checked(body, settings)
        if not knows(registry, settings, row["nik"]):
            return NO_CONTENT
        _refuse_double(registry, row, except_number=number)
        registry.put(TABLE, number, row | {"noVaksinasi": number, "idPengirim": before["idPengirim"]})
    return Answer(200, [{"field": "noVaksinasi", "message": number}])


def remove(registry: Registry, number: str) -> Answer:
    """DELETE: an unknown number is 204."""
    with registry.lock:
        if number not in registry.tables[TABLE]:
            return NO_CONTENT
        registry.put(TABLE, number, None)
    return Answer(200)


def read(registry: Registry, settings: Settings, number: str) -> Answer:
    row = registry.tables[TABLE].get(number)
    return Answer(200, _shown(row, settings)) if row else NO_CONTENT


def by_nik(registry: Registry, settings: Settings, nik: str, start: int, limit: int) -> Answer:
    with registry.lock:
        rows = [_shown(registry.tables[TABLE][number], settings) for number in registry.by_nik.get(nik, ())]
    return page(rows, start, limit, settings)


def knows(registry: Registry, settings: Settings, nik: str) -> bool:
    """Whether the person exists upstream; region 0000 never does, so that a refusal can be tried."""
    if settings.known_nik == "listed":
        return nik in registry.tables["peserta"]
    return not nik.startswith("0000")


def today() -> date:
    return datetime.now(WIB).date()


def _shown(row: dict[str, Any], settings: Settings) -> dict[str, Any]:
    return row if settings.echo_sender else {name: value for name, value in row.items() if name != "idPengirim"}


def _refuse_double(registry: Registry, row: dict[str, Any], except_number: str = "") -> None:
    for number in registry.by_nik.get(row["nik"], ()):
        other = registry.tables[TABLE][number]
        same = other["kdVaksin"] == row["kdVaksin"] and other["dosisKe"] == row["dosisKe"]
        if same and number != except_number:
            raise Refused(("dosisKe", f"dosis ke-{row['dosisKe']} vaksin ini sudah tercatat untuk NIK tersebut"))


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""


def parse_day(value: Any) -> date | None:
    """A dd-MM-yyyy date, or None."""
    if not isinstance(value, str) or not re.fullmatch(r"\d{2}-\d{2}-\d{4}", value):
        return None
    try:
        return date(int(value[6:]), int(value[3:5]), int(value[:2]))
    except ValueError:
        return None


def _checked(body: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """The row to store; raises Refused naming every field that is wrong."""
    wrong: list[tuple[str, str]] = []

    def need(ok: object, name: str, text: str) -> None:
        if not ok:
            wrong.append((name, text))

    need(re.fullmatch(r"\d{16}", _text(body, "nik")), "nik", "harus 16 angka")
    card = body.get("noKartu")
    need(card is None or (isinstance(card, str) and re.fullmatch(r"\d{13}", card)), "noKartu", "harus 13 angka")
    need(1 <= len(_text(body, "nama")) <= 100, "nama", "wajib diisi, paling panjang 100")
    need(body.get("noHP") is None or isinstance(body["noHP"], str), "noHP", "harus teks")
    need(body.get("sex") in ("L", "P"), "sex", "harus L atau P")
    need(len(_text(body, "kdProviderPelayanan")) == 8, "kdProviderPelayanan", "harus 8 karakter")
    need(_text(body, "kdVaksin"), "kdVaksin", "wajib diisi")
    need(_text(body, "nmVaksin"), "nmVaksin", "wajib diisi")
    need(_text(body, "kdDokter"), "kdDokter", "wajib diisi")
    need(1 <= len(_text(body, "noBatch")) <= 50, "noBatch", "wajib diisi, paling panjang 50")
    dose = body.get("dosisKe")
    need(type(dose) is int and dose >= 1, "dosisKe", "harus bilangan mulai 1")
    time_text = body.get("jamVaksin")
    need(time_text is None or re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", str(time_text)), "jamVaksin", "harus HH:mm")
    need(body.get("lokasiSuntik") in (None, "LA", "RA", "LT", "RT"), "lokasiSuntik", "tidak dikenal")
    wrong += _wrong_dates(body, settings) + _wrong_screening(body.get("skrining")) + _wrong_adverse(body.get("kipi"))
    if wrong:
        raise Refused(*wrong)
    return {name: value for name, value in body.items() if name != "noVaksinasi"} | {
        "idPengirim": _text(body, "idPengirim")
    }


def _wrong_dates(body: dict[str, Any], settings: Settings) -> list[tuple[str, str]]:
    wrong = []
    born, given = parse_day(body.get("tglLahir")), parse_day(body.get("tglVaksin"))
    if born is None or born > today():
        wrong.append(("tglLahir", "harus dd-MM-yyyy dan sudah lewat"))
    if given is None or given > today():
        wrong.append(("tglVaksin", "harus dd-MM-yyyy dan tidak di masa depan"))
    elif given < today() - timedelta(days=settings.backdating_days):
        wrong.append(("tglVaksin", f"paling lama {settings.backdating_days} hari ke belakang"))
    if body.get("tglKedaluwarsa") is not None:
        expiry = parse_day(body["tglKedaluwarsa"])
        if expiry is None or (given is not None and expiry < given):
            wrong.append(("tglKedaluwarsa", "harus dd-MM-yyyy dan tidak sebelum tglVaksin"))
    return wrong


def _wrong_screening(screening: Any) -> list[tuple[str, str]]:
    if not isinstance(screening, dict):
        return [("skrining", "wajib diisi")]
    if screening.get("hasil") != "LANJUT":
        return [("skrining.hasil", "harus LANJUT")]
    wrong = [] if isinstance(screening.get("versi"), str) else [("skrining.versi", "harus teks")]
    if not isinstance(screening.get("suhu"), int | float | None):
        wrong.append(("skrining.suhu", "harus angka"))
    wrong += [
        (f"skrining.{name}", "harus bilangan bulat")
        for name in ("sistole", "diastole")
        if screening.get(name) is not None and type(screening[name]) is not int
    ]
    answers = screening.get("jawaban")
    if not isinstance(answers, list) or not all(
        isinstance(item, dict) and isinstance(item.get("kode"), str) and isinstance(item.get("jawab"), bool)
        for item in answers
    ):
        wrong.append(("skrining.jawaban", "harus daftar kode dan jawab"))
    return wrong


def _wrong_adverse(event: Any) -> list[tuple[str, str]]:
    if event is None:
        return []
    if not isinstance(event, dict) or not isinstance(event.get("ada"), bool):
        return [("kipi", "harus objek dengan ada")]
    if not event["ada"]:
        return []
    wrong = [] if parse_day(event.get("tglKejadian")) else [("kipi.tglKejadian", "harus dd-MM-yyyy")]
    symptoms = event.get("gejala")
    if not isinstance(symptoms, list) or not all(isinstance(item, str) for item in symptoms):
        wrong.append(("kipi.gejala", "harus daftar teks"))
    if not isinstance(event.get("serius"), bool):
        wrong.append(("kipi.serius", "harus benar atau salah"))
    return wrong
