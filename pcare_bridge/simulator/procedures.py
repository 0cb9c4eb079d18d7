"""What hangs on a visit: procedures, medicines, medical check-up, referral (PROTOCOL 9.4 and the end of 9.5)."""

from typing import Any

from pcare_bridge.simulator.answers import NO_CONTENT, Answer, Refused, page
from pcare_bridge.simulator.catalogues import (
    HOSPITALS,
    MEANS,
    MEDICINES,
    SPECIAL,
    SPECIAL_BY_SPECIALTY,
    SUBSPECIALTIES,
)
from pcare_bridge.simulator.registry import Registry
from pcare_bridge.simulator.vaccination import parse_day
from pcare_bridge.simulator.weather import Settings

# Table, number given by the service, code that a body must carry.
KINDS = {"tindakan": ("kdTindakanSK", "kdTindakan"), "obat": ("kdObatSK", "kdObat"), "MCU": ("kdMCU", "")}


def create(registry: Registry, table: str, body: dict[str, Any]) -> Answer:
    """POST: one procedure, medicine or check-up of a visit that exists."""
    key, code = KINDS[table]
    with registry.lock:
        _check(registry, table, body, code)
        number = str(registry.next(table))
        registry.put(table, number, body | {key: int(number)}, table)
    return Answer(201, {"field": key, "message": number})


def change(registry: Registry, table: str, body: dict[str, Any]) -> Answer:
    """PUT: replaces what has that number."""
    key, code = KINDS[table]
    number = str(body.get(key) or "")
    with registry.lock:
        if number not in registry.tables[table]:
            raise Refused((key, "tidak ditemukan"))
        _check(registry, table, body, code)
        registry.put(table, number, registry.tables[table][number] | body)
    return Answer(200, {"field": key, "message": number})


def remove(registry: Registry, table: str, number: str, visit: str) -> Answer:
    """DELETE by number and visit; an unknown pair is 204."""
    with registry.lock:
        row = registry.tables[table].get(number)
        if row is None or row.get("noKunjungan") != visit:
            return NO_CONTENT
        registry.put(table, number, None)
    return Answer(200)


def of_visit(registry: Registry, settings: Settings, table: str, visit: str) -> Answer:
    """GET what was recorded for a visit."""
    with registry.lock:
        rows = [row for row in registry.tables[table].values() if row.get("noKunjungan") == visit]
    return page(rows, 0, len(rows), settings)


def referral(registry: Registry, number: str) -> Answer:
    """GET kunjungan/rujukan/{noKunjungan}: the visit whose referral is meant, if it has one."""
    row = registry.tables["kunjungan"].get(number)
    return Answer(200, row) if row and row.get("rujukLanjut") else NO_CONTENT


def medicines(settings: Settings, text: str, start: int, limit: int) -> Answer:
    """GET obat/dpho: by code or part of the name."""
    rows = [row for row in MEDICINES if text.lower() in f"{row['kdObat']} {row['nmObat']}".lower()]
    return page(rows, start, limit, settings)


def hospitals(settings: Settings, subspecialty: str, means: str, day: str) -> Answer:
    """GET spesialis/rujuk/subspesialis/…: where a specialty takes people on a day."""
    _check_day(day)
    known = any(row["kdSubSpesialis"] == subspecialty for rows in SUBSPECIALTIES.values() for row in rows)
    rows = HOSPITALS if known and any(row["kdSarana"] == means for row in MEANS) else []
    return page(rows, 0, len(rows), settings)


def special_hospitals(settings: Settings, kind: str, card: str, day: str, subspecialty: str = "") -> Answer:
    """GET spesialis/rujuk/khusus/…: two kinds want the specialty in the address, the others do without."""
    _check_day(day)
    if not (card.isascii() and card.isdigit() and len(card) == 13):
        raise Refused(("noKartu", "harus 13 angka"))
    known = any(row["kdKhusus"] == kind.upper() for row in SPECIAL)
    fits = bool(subspecialty) == (kind.upper() in SPECIAL_BY_SPECIALTY)
    rows = HOSPITALS if known and fits else []
    return page(rows, 0, len(rows), settings)


def _check_day(day: str) -> None:
    if parse_day(day) is None:
        raise Refused(("tglEstRujuk", "harus dd-MM-yyyy"))


def _check(registry: Registry, table: str, body: dict[str, Any], code: str) -> None:
    wrong = []
    if body.get("noKunjungan") not in registry.tables["kunjungan"]:
        wrong.append(("noKunjungan", "tidak ditemukan"))
    if code and not body.get(code) and not (table == "obat" and body.get("nmObatNonDPHO")):
        wrong.append((code, "wajib diisi"))
    if table == "tindakan" and not isinstance(body.get("biaya", 0), int | float):
        wrong.append(("biaya", "harus angka"))
    if wrong:
        raise Refused(*wrong)
