"""Group activities of the chronic-disease clubs: the resources `kelompok/…` of PROTOCOL 9.5, not used by the bridge.

The field names are those of public clients; which of them the service insists on is assumed.
"""

from typing import Any

from pcare_bridge.simulator.answers import NO_CONTENT, Answer, Refused, page
from pcare_bridge.simulator.catalogues import CLUBS
from pcare_bridge.simulator.registry import Registry
from pcare_bridge.simulator.vaccination import parse_day
from pcare_bridge.simulator.weather import Settings

ACTIVITIES, MEMBERS = "kegiatan", "kegiatan_peserta"


def clubs(settings: Settings, kind: str) -> Answer:
    """GET kelompok/club/{jenis}."""
    rows = CLUBS.get(kind, [])
    return page(rows, 0, len(rows), settings)


def activities(registry: Registry, settings: Settings, month: str) -> Answer:
    """GET kelompok/kegiatan/{dd-MM-yyyy}: those of the month that day lies in."""
    day = parse_day(month)
    if day is None:
        raise Refused(("bulan", "harus dd-MM-yyyy"))
    with registry.lock:
        rows = [row for row in registry.tables[ACTIVITIES].values() if row["tglPelayanan"].endswith(f"{day:-%m-%Y}")]
    return page(rows, 0, len(rows), settings)


def add_activity(registry: Registry, body: dict[str, Any]) -> Answer:
    """POST kelompok/kegiatan; a body that carries a known eduId changes that one."""
    known = {row["clubId"]: row for rows in CLUBS.values() for row in rows}
    wrong = [] if body.get("clubId") in known else [("clubId", "tidak ditemukan")]
    wrong += [] if parse_day(body.get("tglPelayanan")) else [("tglPelayanan", "harus dd-MM-yyyy")]
    wrong += [(name, "wajib diisi") for name in ("kdKegiatan", "kdKelompok") if not body.get(name)]
    if wrong:
        raise Refused(*wrong)
    with registry.lock:
        given = str(body.get("eduId") or "")
        is_new = given not in registry.tables[ACTIVITIES]
        number = f"{registry.next(ACTIVITIES):011d}" if is_new else given
        row = body | {"eduId": number, "clubProl": known[body["clubId"]]}
        registry.put(ACTIVITIES, number, row, ACTIVITIES if is_new else "")
    return Answer(201 if is_new else 200, {"field": "eduId", "message": number})


def remove_activity(registry: Registry, number: str) -> Answer:
    """DELETE kelompok/kegiatan/{eduId}, with the people entered for it."""
    with registry.lock:
        if number not in registry.tables[ACTIVITIES]:
            return NO_CONTENT
        for key in [key for key, row in registry.tables[MEMBERS].items() if row["eduId"] == number]:
            registry.put(MEMBERS, key, None)
        registry.put(ACTIVITIES, number, None)
    return Answer(200)


def members(registry: Registry, settings: Settings, number: str) -> Answer:
    """GET kelompok/peserta/{eduId}."""
    with registry.lock:
        rows = [row for row in registry.tables[MEMBERS].values() if row["eduId"] == number]
    return page(rows, 0, len(rows), settings)


def add_member(registry: Registry, body: dict[str, Any]) -> Answer:
    """POST kelompok/peserta: one person at one activity, once."""
    number, card = str(body.get("eduId") or ""), str(body.get("noKartu") or "")
    with registry.lock:
        if number not in registry.tables[ACTIVITIES]:
            raise Refused(("eduId", "tidak ditemukan"))
        person = registry.member(card)
        if person is None:
            raise Refused(("noKartu", "tidak ditemukan"))
        registry.put(MEMBERS, f"{number}|{card}", {"eduId": number, "peserta": person})
    return Answer(201, {"field": "eduId", "message": number})


def remove_member(registry: Registry, number: str, card: str) -> Answer:
    """DELETE kelompok/peserta/{eduId}/{noKartu}."""
    key = f"{number}|{card}"
    with registry.lock:
        if key not in registry.tables[MEMBERS]:
            return NO_CONTENT
        registry.put(MEMBERS, key, None)
    return Answer(200)
