"""Participants, registrations and visits: the documented resources of PROTOCOL 9.1 to 9.4."""

import hashlib
from datetime import timedelta
from typing import Any

from pcare_bridge.simulator.answers import NO_CONTENT, Answer, Refused, page
from pcare_bridge.simulator.registry import Registry
from pcare_bridge.simulator.vaccination import knows, parse_day, today
from pcare_bridge.simulator.weather import Settings

# Vital signs a registration carries; whole numbers, zero accepted (PROTOCOL 9.2).
VITALS = ("sistole", "diastole", "beratBadan", "tinggiBadan", "respRate", "lingkarPerut", "heartRate")


def participant(registry: Registry, settings: Settings, kind: str, number: str) -> Answer:
    """GET peserta/{noKartu}, peserta/nik/{nik}, peserta/noka/{noKartu}."""
    length = 16 if kind == "nik" else 13
    if kind not in ("nik", "noka") or not (number.isdigit() and len(number) == length):
        raise Refused(("nik" if kind == "nik" else "noKartu", f"harus {length} angka"))
    with registry.lock:
        people = registry.tables["peserta"]
        if kind == "noka":
            found = next((row for row in people.values() if row["noKartu"] == number), None)
        else:
            found = people.get(number)
            if found is None and knows(registry, settings, number):
                found = _invent(number)
                registry.put("peserta", number, found)
    return Answer(200, found) if found else NO_CONTENT


def add_participant(registry: Registry, row: dict[str, Any]) -> None:
    """Make a person known; missing fields are invented."""
    registry.put("peserta", row["noKTP"], _invent(row["noKTP"]) | row)


def _invent(nik: str) -> dict[str, Any]:
    digits = str(int(hashlib.sha256(nik.encode()).hexdigest()[:12], 16)).zfill(12)[:12]
    provider = {"kdProvider": "1184U001", "nmProvider": "PUSKESMAS UJI 1"}
    return {
        "noKartu": "0" + digits,
        "nama": f"PESERTA UJI {digits[:4]}",
        "hubunganKeluarga": "Peserta",
        "sex": "P" if int(nik[6:8]) > 40 else "L",
        "tglLahir": "01-01-1950",
        "tglMulaiAktif": "01-01-2014",
        "tglAkhirBerlaku": "31-12-2099",
        "kdProviderPst": provider,
        "kdProviderGigi": {"kdProvider": None, "nmProvider": None},
        "jnsKelas": {"kode": "3", "nama": "KELAS III"},
        "jnsPeserta": {"kode": "21", "nama": "PBI (APBN)"},
        "golDarah": None,
        "noHP": None,
        "noKTP": nik,
        "pstProl": None,
        "pstPrb": None,
        "aktif": True,
        "ketAktif": "AKTIF",
        "asuransi": {"kdAsuransi": None, "nmAsuransi": None, "noAsuransi": None, "cob": False},
        "tunggakan": 0,
    }


def register(registry: Registry, settings: Settings, body: dict[str, Any], caller: str) -> Answer:
    """POST pendaftaran; answers an object, as the documented service does."""
    wrong = []
    if not _digits(body.get("noKartu"), 13):
        wrong.append(("noKartu", "harus 13 angka"))
    day = parse_day(body.get("tglDaftar"))
    if day is None or day > today():
        wrong.append(("tglDaftar", "harus dd-MM-yyyy dan tidak di masa depan"))
    elif day < today() - timedelta(days=settings.backdating_days):
        wrong.append(("tglDaftar", f"paling lama {settings.backdating_days} hari ke belakang"))
    if not body.get("kdPoli") or not isinstance(body.get("kdPoli"), str):
        wrong.append(("kdPoli", "wajib diisi"))
    if not isinstance(body.get("kunjSakit"), bool):
        wrong.append(("kunjSakit", "harus benar atau salah"))
    if body.get("kdTkp") not in ("10", "20", "50"):
        wrong.append(("kdTkp", "tidak dikenal"))
    wrong += [(name, "harus angka") for name in VITALS if not isinstance(body.get(name, 0), int | float)]
    if wrong:
        raise Refused(*wrong)
    provider = caller
    with registry.lock:
        for row in _registered(registry, provider) if settings.guards_doubles else []:
            if all(row[name] == body[name] for name in ("noKartu", "tglDaftar", "kdPoli")):
                raise Refused(("noKartu", "sudah terdaftar di poli ini pada tanggal tersebut"))
        counter = f"U{provider}{body['tglDaftar']}{body['kdPoli']}"
        number = f"A{registry.next(counter)}"
        row = body | {"noUrut": number, "providerPelayanan": {"kdProvider": provider, "nmProvider": "FKTP UJI"}}
        registry.put("pendaftaran", f"{provider}|{body['tglDaftar']}|{body['kdPoli']}|{number}", row, counter)
    return Answer(201, {"field": "noUrut", "message": number})


def _registered(registry: Registry, provider: str) -> list[dict[str, Any]]:
    with registry.lock:
        rows = list(registry.tables["pendaftaran"].values())
    return [row for row in rows if row["providerPelayanan"]["kdProvider"] == provider]


def registrations(registry: Registry, settings: Settings, day: str, start: int, limit: int, caller: str) -> Answer:
    rows = [row for row in _registered(registry, caller) if row["tglDaftar"] == day]
    return page(rows, start, limit, settings)


def registration(registry: Registry, number: str, day: str, caller: str) -> Answer:
    for row in _registered(registry, caller):
        if row["noUrut"] == number and row["tglDaftar"] == day:
            return Answer(200, row)
    return NO_CONTENT


def unregister(registry: Registry, card: str, day: str, number: str, clinic: str) -> Answer:
    with registry.lock:
        for key, row in registry.tables["pendaftaran"].items():
            mine = (row["noKartu"], row["tglDaftar"], row["noUrut"]) == (card, day, number)
            if mine and clinic in ("", row["kdPoli"]):
                registry.put("pendaftaran", key, None)
                return Answer(200)
    return NO_CONTENT


def visit(registry: Registry, body: dict[str, Any], caller: str) -> Answer:
    """POST kunjungan and kunjungan/v1; answers an array."""
    _check_visit(body)
    with registry.lock:
        registered = [
            row
            for row in _registered(registry, caller)
            if all(row[name] == body[name] for name in ("noKartu", "tglDaftar", "kdPoli"))
        ]
        if not registered:
            raise Refused(("noKartu", "belum terdaftar pada tanggal dan poli ini"))
        provider = caller
        counter = f"Y{provider}{today():%m%y}"
        number = f"{provider}{today():%m%y}Y{registry.next(counter):06d}"
        row = body | {"noKunjungan": number, "kdProvider": provider}
        registry.put("kunjungan", number, row, counter)
    return Answer(201, [{"field": "noKunjungan", "message": number}])


def change_visit(registry: Registry, body: dict[str, Any]) -> Answer:
    number = str(body.get("noKunjungan") or "")
    with registry.lock:
        before = registry.tables["kunjungan"].get(number)
        if before is None:
            raise Refused(("noKunjungan", "tidak ditemukan"))
        _check_visit(body)
        registry.put("kunjungan", number, before | body)
    return Answer(200, [{"field": "noKunjungan", "message": number}])


def remove_visit(registry: Registry, number: str) -> Answer:
    with registry.lock:
        if number not in registry.tables["kunjungan"]:
            return NO_CONTENT
        registry.put("kunjungan", number, None)
    return Answer(200)


def visits_of(registry: Registry, settings: Settings, card: str) -> Answer:
    with registry.lock:
        rows = [row for row in registry.tables["kunjungan"].values() if row["noKartu"] == card]
    return page(rows, 0, len(rows), settings)


def _check_visit(body: dict[str, Any]) -> None:
    wrong = [] if _digits(body.get("noKartu"), 13) else [("noKartu", "harus 13 angka")]
    wrong += [("tglDaftar", "harus dd-MM-yyyy")] if parse_day(body.get("tglDaftar")) is None else []
    wrong += [(name, "wajib diisi") for name in ("kdPoli", "kdSadar", "kdDokter", "kdDiag1") if not body.get(name)]
    if wrong:
        raise Refused(*wrong)


def _digits(value: Any, length: int) -> bool:
    return isinstance(value, str) and value.isascii() and value.isdigit() and len(value) == length
