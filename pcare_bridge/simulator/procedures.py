"""Procedures, medicines and the references for referral: PROTOCOL 9.4 and the rest of 9.5."""

from typing import Any

from pcare_bridge.simulator.answers import NO_CONTENT, Answer, Refused, page
from pcare_bridge.simulator.registry import Registry
from pcare_bridge.simulator.weather import Settings

CATALOGUE = [
    {"kdTindakan": "01001", "nmTindakan": "Suntik vaksin", "maxTarif": 0, "withValue": False},
    {"kdTindakan": "01002", "nmTindakan": "Konsultasi gizi", "maxTarif": 0, "withValue": False},
]
MEDICINES = [
    {"kdObat": "130100001", "nmObat": "Paracetamol 500 mg", "sedia": 100},
    {"kdObat": "130100002", "nmObat": "Epinefrin 1 mg/mL", "sedia": 10},
]
SPECIALTIES = [{"kdSpesialis": "ANA", "nmSpesialis": "Anak"}, {"kdSpesialis": "INT", "nmSpesialis": "Penyakit dalam"}]
SUBSPECIALTIES = {
    "ANA": [{"kdSubSpesialis": "3", "nmSubSpesialis": "Anak", "kdPoliRujuk": "ANA"}],
    "INT": [{"kdSubSpesialis": "26", "nmSubSpesialis": "Penyakit dalam", "kdPoliRujuk": "INT"}],
}
MEANS = [{"kdSarana": "1", "nmSarana": "Rekam medik"}]
SPECIAL = [{"kdKhusus": "HDL", "nmKhusus": "Hemodialisis"}]

# Table, number given by the service, code that a body must carry.
KINDS = {"tindakan": ("kdTindakanSK", "kdTindakan"), "obat": ("kdObatSK", "kdObat")}


def create(registry: Registry, table: str, body: dict[str, Any]) -> Answer:
    """POST: one procedure or medicine of a visit that exists."""
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
    with registry.lock:
        rows = [row for row in registry.tables[table].values() if row.get("noKunjungan") == visit]
    return page(rows, 0, len(rows), settings)


def referral(registry: Registry, number: str) -> Answer:
    """GET kunjungan/rujukan/{noKunjungan}: the visit whose referral is meant, if it has one."""
    row = registry.tables["kunjungan"].get(number)
    return Answer(200, row) if row and row.get("rujukLanjut") else NO_CONTENT


def medicines(settings: Settings, text: str, start: int, limit: int) -> Answer:
    rows = [row for row in MEDICINES if text.lower() in str(row["nmObat"]).lower()]
    return page(rows, start, limit, settings)


def _check(registry: Registry, table: str, body: dict[str, Any], code: str) -> None:
    wrong = []
    if body.get("noKunjungan") not in registry.tables["kunjungan"]:
        wrong.append(("noKunjungan", "tidak ditemukan"))
    if not body.get(code) and not (table == "obat" and body.get("nmObatNonDPHO")):
        wrong.append((code, "wajib diisi"))
    if table == "tindakan" and not isinstance(body.get("biaya", 0), int | float):
        wrong.append(("biaya", "harus angka"))
    if wrong:
        raise Refused(*wrong)
