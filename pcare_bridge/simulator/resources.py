"""From method and path to an answer: every resource the simulated service offers."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import unquote

from pcare_bridge.simulator import catalogues, groups, procedures, vaccination, visits
from pcare_bridge.simulator.answers import NOT_FOUND, WRONG_METHOD, Answer, Refused, page
from pcare_bridge.simulator.registry import Registry
from pcare_bridge.simulator.weather import Settings

MAX_LIMIT = 1000


class Resources:
    """Routes of one service; letter case and a trailing slash do not matter (PROTOCOL 4.5)."""

    def __init__(self, registry: Registry, settings: Settings) -> None:
        self.registry = registry
        self.settings = settings
        self.routes: list[tuple[str, re.Pattern[str], Callable[..., Answer]]] = []
        self.of_caller: set[Callable[..., Answer]] = set()
        self._add_vaccination()
        self._add_visits()
        self._add_procedures()
        self._add_referrals()
        self._add_groups()
        self._add_references()

    def answer(self, method: str, path: str, body: Any, caller: str = "") -> Answer:
        """Route one authenticated request of the facility `caller`; `path` as it came, still quoted."""
        path = path.strip("/")
        known = False
        for verb, pattern, handler in self.routes:
            match = pattern.fullmatch(path)
            if not match:
                continue
            known = True
            if verb != method:
                continue
            if method in ("POST", "PUT") and not isinstance(body, dict):
                return Answer(400, None, "Badan permintaan bukan objek JSON")
            try:
                arguments = [body] if method in ("POST", "PUT") else []
                mine = {"caller": caller} if handler in self.of_caller else {}
                return handler(*arguments, **_parts(match), **mine)
            except Refused as refused:
                # Registration and participants answer an object, everything else an array (PROTOCOL 5.3).
                single = path.lower().startswith(("peserta", "pendaftaran"))
                return Answer(412, refused.remarks[0] if single else refused.remarks)
        return WRONG_METHOD if known else NOT_FOUND

    def _on(self, method: str, template: str, handler: Callable[..., Answer], *, own: bool = False) -> None:
        if own:
            self.of_caller.add(handler)
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template)
        self.routes.append((method, re.compile(pattern, re.IGNORECASE), handler))

    def _add_vaccination(self) -> None:
        registry, settings = self.registry, self.settings
        self._on("POST", "vaksinasi", lambda body: vaccination.create(registry, settings, body))
        self._on("PUT", "vaksinasi", lambda body: vaccination.change(registry, settings, body))
        self._on(
            "GET",
            "vaksinasi/nik/{nik}/{start}/{limit}",
            lambda nik, start, limit: vaccination.by_nik(registry, settings, nik, start, limit),
        )
        self._on("GET", "vaksinasi/{number}", lambda number: vaccination.read(registry, settings, number))
        self._on("DELETE", "vaksinasi/{number}", lambda number: vaccination.remove(registry, number))

    def _add_visits(self) -> None:
        registry, settings = self.registry, self.settings
        self._on("GET", "peserta/{number}", lambda number: visits.participant(registry, settings, "noka", number))
        self._on(
            "GET",
            "peserta/{kind}/{number}",
            lambda kind, number: visits.participant(registry, settings, kind.lower(), number),
        )
        self._on(
            "POST",
            "pendaftaran",
            lambda body, caller: visits.register(registry, settings, body, caller),
            own=True,
        )
        self._on(
            "GET",
            "pendaftaran/noUrut/{number}/tglDaftar/{day}",
            lambda number, day, caller: visits.registration(registry, settings, number, day, caller),
            own=True,
        )
        self._on(
            "GET",
            "pendaftaran/tglDaftar/{day}/{start}/{limit}",
            lambda day, start, limit, caller: visits.registrations(registry, settings, day, start, limit, caller),
            own=True,
        )
        for tail in ("", "/kdPoli/{clinic}"):
            self._on(
                "DELETE",
                "pendaftaran/peserta/{card}/tglDaftar/{day}/noUrut/{number}" + tail,
                lambda card, day, number, caller, clinic="": visits.unregister(
                    registry, card, day, number, clinic, caller
                ),
                own=True,
            )
        for path in ("kunjungan", "kunjungan/v1"):
            self._on("POST", path, partial(visits.visit, registry, settings), own=True)
            self._on("PUT", path, partial(visits.change_visit, registry, settings), own=True)
        self._on(
            "DELETE",
            "kunjungan/{number}",
            lambda number, caller: visits.remove_visit(registry, number, caller),
            own=True,
        )
        self._on("GET", "kunjungan/peserta/{card}", lambda card: visits.visits_of(registry, settings, card))
        self._on("GET", "kunjungan/rujukan/{number}", lambda number: procedures.referral(registry, number))

    def _add_procedures(self) -> None:
        registry, settings = self.registry, self.settings
        for table, path in (("tindakan", "tindakan"), ("obat", "obat/kunjungan"), ("MCU", "MCU")):
            self._on("POST", path, partial(procedures.create, registry, table))
            self._on(
                "GET",
                table + "/kunjungan/{visit}",
                lambda visit, table=table: procedures.of_visit(registry, settings, table, visit),
            )
            self._on(
                "DELETE",
                table + "/{number}/kunjungan/{visit}",
                lambda number, visit, table=table: procedures.remove(registry, table, number, visit),
            )
        for table in ("tindakan", "MCU"):
            self._on("PUT", table, partial(procedures.change, registry, table))
        self._on(
            "GET", "tindakan/kdTkp/{kind}/{start}/{limit}", lambda kind, **at: self._paged(catalogues.PROCEDURES)(**at)
        )
        self._on(
            "GET",
            "obat/dpho/{text}/{start}/{limit}",
            lambda text, start, limit: procedures.medicines(settings, text, start, limit),
        )

    def _add_referrals(self) -> None:
        settings = self.settings
        self._on("GET", "spesialis/sarana", lambda: self._all(catalogues.MEANS))
        self._on("GET", "spesialis/khusus", lambda: self._all(catalogues.SPECIAL))
        self._on("GET", "spesialis", lambda: self._all(catalogues.SPECIALTIES))
        self._on(
            "GET",
            "spesialis/{code}/subspesialis",
            lambda code: self._all(catalogues.SUBSPECIALTIES.get(code.upper(), [])),
        )
        self._on(
            "GET",
            "spesialis/rujuk/subspesialis/{subspecialty}/sarana/{means}/tglEstRujuk/{day}",
            partial(procedures.hospitals, settings),
        )
        for middle in ("", "/subspesialis/{subspecialty}"):
            self._on(
                "GET",
                "spesialis/rujuk/khusus/{kind}" + middle + "/noKartu/{card}/tglEstRujuk/{day}",
                partial(procedures.special_hospitals, settings),
            )

    def _add_groups(self) -> None:
        registry, settings = self.registry, self.settings
        self._on("GET", "kelompok/club/{kind}", partial(groups.clubs, settings))
        self._on("GET", "kelompok/kegiatan/{month}", partial(groups.activities, registry, settings))
        self._on("POST", "kelompok/kegiatan", partial(groups.add_activity, registry))
        self._on("DELETE", "kelompok/kegiatan/{number}", partial(groups.remove_activity, registry))
        self._on("GET", "kelompok/peserta/{number}", partial(groups.members, registry, settings))
        self._on("POST", "kelompok/peserta", partial(groups.add_member, registry))
        self._on("DELETE", "kelompok/peserta/{number}/{card}", partial(groups.remove_member, registry))

    def _add_references(self) -> None:
        paged = {"poli/fktp": catalogues.POLI, "dokter": catalogues.DOCTORS, "provider": catalogues.PROVIDERS}
        for template, rows in paged.items():
            self._on("GET", template + "/{start}/{limit}", self._paged(rows))
        self._on("GET", "kesadaran", lambda: self._all(catalogues.AWARENESS))
        self._on("GET", "prognosa", lambda: self._all(catalogues.PROGNOSES))
        self._on("GET", "statuspulang/rawatInap/{inpatient}", self._discharge)
        self._on("GET", "alergi/jenis/{kind}", lambda kind: self._all(catalogues.ALLERGIES.get(kind, [])))
        self._on("GET", "diagnosa/{text}/{start}/{limit}", self._diagnoses)

    def _discharge(self, inpatient: str) -> Answer:
        if inpatient.lower() not in catalogues.DISCHARGE:
            raise Refused(("rawatInap", "harus true atau false"))
        return self._all([*catalogues.DISCHARGE[inpatient.lower()], catalogues.REFERRED])

    def _all(self, rows: list[Any]) -> Answer:
        return page(rows, 0, len(rows), self.settings)

    def _paged(self, rows: list[Any]) -> Callable[..., Answer]:
        return lambda start, limit: page(rows, start, limit, self.settings)

    def _diagnoses(self, text: str, start: int, limit: int) -> Answer:
        wanted = text.lower()
        rows = [row for row in catalogues.DIAGNOSES if wanted in f"{row['kdDiag']} {row['nmDiag']}".lower()]
        return page(rows, start, limit, self.settings)


def _parts(match: re.Match[str]) -> dict[str, Any]:
    """The path's named parts, opened one by one so that a quoted slash stays inside; start and limit as numbers."""
    parts: dict[str, Any] = {name: unquote(value) for name, value in match.groupdict().items()}
    for name in ("start", "limit"):
        if name in parts:
            value = parts[name]
            if not (value.isascii() and value.isdigit() and int(value) <= (MAX_LIMIT if name == "limit" else 10**9)):
                raise Refused((name, "di luar batas"))
            parts[name] = int(value)
    return parts
