"""Participants, registrations and visits: the documented resources of PROTOCOL 9.1 to 9.4."""

import hashlib
from datetime import timedelta
from typing import Any

from pcare_bridge.simulator.answers import NO_CONTENT, Answer, Refused, page
from pcare_bridge.simulator.catalogues import CARE, POLI
from pcare_bridge.simulator.registry import Registry, of_day
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
            found = registry.member(number)
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
    wrong = _wrong_registration(body, settings)
    with registry.lock:
        if not wrong and registry.member(body["noKartu"]) is None:
            wrong.append(("noKartu", "peserta tidak ditemukan"))
        if wrong:
            raise Refused(*wrong)
        for row in _registered(registry, caller, body["tglDaftar"]) if settings.guards_doubles else []:
            if all(row[name] == body[name] for name in ("noKartu", "kdPoli")):
                raise Refused(("noKartu", "sudah terdaftar di poli ini pada tanggal tersebut"))
        counter = f"U{caller}{body['tglDaftar']}{body['kdPoli']}"
        number = f"A{registry.next(counter)}"
        row = body | {"noUrut": number, "providerPelayanan": {"kdProvider": caller, "nmProvider": "FKTP UJI"}}
        registry.put("pendaftaran", f"{caller}|{body['tglDaftar']}|{body['kdPoli']}|{number}", row, counter)
    return Answer(201, {"field": "noUrut", "message": number})


def _wrong_registration(body: dict[str, Any], settings: Settings) -> list[tuple[str, str]]:
    wrong = [] if _digits(body.get("noKartu"), 13) else [("noKartu", "harus 13 angka")]
    wrong += _wrong_day(body, "tglDaftar", settings)
    if not any(row["kdPoli"] == body.get("kdPoli") for row in POLI):
        wrong.append(("kdPoli", "tidak dikenal" if body.get("kdPoli") else "wajib diisi"))
    if not isinstance(body.get("kunjSakit"), bool):
        wrong.append(("kunjSakit", "harus benar atau salah"))
    if not any(row["kdTkp"] == body.get("kdTkp") for row in CARE):
        wrong.append(("kdTkp", "tidak dikenal"))
    if body.get("rujukBalik", 0) not in (0, 1):
        wrong.append(("rujukBalik", "harus 0 atau 1"))
    return wrong + _wrong_vitals(body)


def _wrong_vitals(body: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, "harus bilangan bulat") for name in VITALS if type(body.get(name, 0)) is not int]


def _wrong_day(body: dict[str, Any], name: str, settings: Settings) -> list[tuple[str, str]]:
    day = parse_day(body.get(name))
    if day is None or day > today():
        return [(name, "harus dd-MM-yyyy dan tidak di masa depan")]
    if day < today() - timedelta(days=settings.backdating_days):
        return [(name, f"paling lama {settings.backdating_days} hari ke belakang")]
    return []


def _registered(registry: Registry, provider: str, day: str) -> list[dict[str, Any]]:
    return registry.marked("pendaftaran", of_day(provider, day))


def registrations(registry: Registry, settings: Settings, day: str, start: int, limit: int, caller: str) -> Answer:
    """GET pendaftaran/tglDaftar/{day}/{start}/{limit}: of the facility that asks."""
    answer = page(_registered(registry, caller, day), start, min(limit, settings.longest_page), settings)
    if answer.response:
        answer.response["list"] = [_item(registry, settings, row) for row in answer.response["list"]]
    return answer


def registration(registry: Registry, settings: Settings, number: str, day: str, caller: str) -> Answer:
    """GET pendaftaran/noUrut/{noUrut}/tglDaftar/{tgl}."""
    for row in _registered(registry, caller, day):
        if row["noUrut"] == number:
            return Answer(200, _item(registry, settings, row))
    return NO_CONTENT


def _item(registry: Registry, settings: Settings, row: dict[str, Any]) -> dict[str, Any]:
    """A registration as lists show it: person, clinic and kind of care are objects (PROTOCOL 9.2, nesting assumed)."""
    if not settings.nested_registrations:
        return row
    flat = ("noKartu", "kdPoli", "kdTkp", "kdProviderPeserta", "rujukBalik")
    return {name: value for name, value in row.items() if name not in flat} | {
        "peserta": registry.member(row["noKartu"]) or {"noKartu": row["noKartu"]},
        "poli": next((one for one in POLI if one["kdPoli"] == row["kdPoli"]), {"kdPoli": row["kdPoli"]}),
        "tkp": next((one for one in CARE if one["kdTkp"] == row["kdTkp"]), {"kdTkp": row["kdTkp"]}),
        "status": "Belum dilayani",
    }


def unregister(registry: Registry, card: str, day: str, number: str, clinic: str, caller: str) -> Answer:
    """DELETE pendaftaran/peserta/…: numbers are given per facility, so only the caller's own are found."""
    with registry.lock:
        for row in _registered(registry, caller, day):
            if (row["noKartu"], row["noUrut"]) == (card, number) and clinic in ("", row["kdPoli"]):
                registry.put("pendaftaran", f"{caller}|{day}|{row['kdPoli']}|{number}", None)
                return Answer(200)
    return NO_CONTENT


def visit(registry: Registry, settings: Settings, body: dict[str, Any], caller: str) -> Answer:
    """POST kunjungan and kunjungan/v1; answers an array."""
    _check_visit(body, settings)
    with registry.lock:
        if not any(
            (row["noKartu"], row["kdPoli"]) == (body["noKartu"], body["kdPoli"])
            for row in _registered(registry, caller, body["tglDaftar"])
        ):
            raise Refused(("noKartu", "belum terdaftar pada tanggal dan poli ini"))
        counter = f"Y{caller}{today():%m%y}"
        number = f"{caller}{today():%m%y}Y{registry.next(counter):06d}"
        row = body | {"noKunjungan": number, "kdProvider": caller}
        registry.put("kunjungan", number, row, counter)
    return Answer(201, [{"field": "noKunjungan", "message": number}])


def change_visit(registry: Registry, settings: Settings, body: dict[str, Any], caller: str) -> Answer:
    """PUT kunjungan and kunjungan/v1: only one's own."""
    number = str(body.get("noKunjungan") or "")
    with registry.lock:
        before = registry.tables["kunjungan"].get(number)
        if before is None or before["kdProvider"] != caller:
            raise Refused(("noKunjungan", "tidak ditemukan"))
        _check_visit(body, settings)
        registry.put("kunjungan", number, before | body)
    return Answer(200, [{"field": "noKunjungan", "message": number}])


def remove_visit(registry: Registry, number: str, caller: str) -> Answer:
    """DELETE kunjungan/{noKunjungan}, with what was recorded for it."""
    with registry.lock:
        row = registry.tables["kunjungan"].get(number)
        if row is None or row["kdProvider"] != caller:
            return NO_CONTENT
        for table in ("tindakan", "obat", "MCU"):
            for key in [key for key, item in registry.tables[table].items() if item.get("noKunjungan") == number]:
                registry.put(table, key, None)
        registry.put("kunjungan", number, None)
    return Answer(200)


def visits_of(registry: Registry, settings: Settings, card: str) -> Answer:
    """GET kunjungan/peserta/{noKartu}: the member's visits, at whatever facility."""
    rows = registry.marked("kunjungan", card)
    return page(rows, 0, len(rows), settings)


def _check_visit(body: dict[str, Any], settings: Settings) -> None:
    wrong = [] if _digits(body.get("noKartu"), 13) else [("noKartu", "harus 13 angka")]
    wrong += _wrong_day(body, "tglDaftar", settings)
    wrong += [(name, "wajib diisi") for name in ("kdPoli", "kdSadar", "kdDokter", "kdDiag1") if not body.get(name)]
    if body.get("tglPulang") is not None and parse_day(body["tglPulang"]) is None:
        wrong.append(("tglPulang", "harus dd-MM-yyyy"))
    referred = body.get("rujukLanjut")
    if referred is not None and not (
        isinstance(referred, dict) and referred.get("kdppk") and parse_day(referred.get("tglEstRujuk"))
    ):
        wrong.append(("rujukLanjut", "harus kosong atau berisi kdppk dan tglEstRujuk"))
    wrong += _wrong_vitals(body)
    if wrong:
        raise Refused(*wrong)


def _digits(value: Any, length: int) -> bool:
    return isinstance(value, str) and value.isascii() and value.isdigit() and len(value) == length
