"""Rows a sender reads by the thousand, by statements planned once and without composing a query for each batch.

What comes back are ordinary instances; columns nobody needs on the way are left out and fetched only when asked for.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, models
from django.db.models.base import ModelState

from core.prepared import Prepared
from pcare_bridge.accounts import ACCOUNT_MODELS
from pcare_bridge.models import Account
from registration.models import Citizen, CitizenAccount
from vaccination.models import AdverseEvent, Immunization, Screening, Visit

M = TypeVar("M", bound=models.Model)


class Shape(Generic[M]):
    """Some columns of a model, and how they become an instance."""

    def __init__(self, model: type[M], alias: str, *names: str) -> None:
        wanted = set(names) or {field.attname for field in model._meta.concrete_fields}
        self.model = model
        fields = [field for field in model._meta.concrete_fields if field.attname in wanted]
        self.names = [field.attname for field in fields]
        self.columns = ", ".join(f'{alias}."{field.column}"' for field in fields)
        self.width = len(fields)
        self._fields = fields
        self._converters: list[tuple[str, list[Callable[..., Any]], Any]] | None = None

    def build(self, row: Sequence[Any], at: int = 0) -> M:
        """The instance whose columns begin at `at`."""
        if self._converters is None:
            self._converters = list(self._found_converters())
        values = dict(zip(self.names, row[at : at + self.width], strict=True))
        for name, converters, column in self._converters:
            for convert in converters:
                values[name] = convert(values[name], column, connection)
        # What `from_db` makes, without the constructor, which costs more than the rest of a row: it sets each field by
        # its descriptor and speaks to listeners that these models do not have.
        found = self.model.__new__(self.model)
        found._state = ModelState()
        found._state.adding, found._state.db = False, DEFAULT_DB_ALIAS
        vars(found).update(values)
        return found

    def _found_converters(self) -> Iterator[tuple[str, list[Callable[..., Any]], Any]]:
        for field in self._fields:
            column = field.cached_col
            found = [*connection.ops.get_db_converters(column), *column.get_db_converters(connection)]
            if found:
                yield field.attname, found, column


DOSE = Shape(
    Immunization, "d", "id", "citizen_id", "visit_id", "programme_id", "vaccine_id", "facility_id", "replaces_id",
    "dose_number", "dose_quantity_ml", "occurred_at", "recorded_at", "lot_number", "expiration_date", "body_site",
    "route",
)  # fmt: skip
CITIZEN = Shape(
    Citizen, "c", "id", "account_id", "nik", "nik_index", "full_name", "birth_date", "sex", "contact_phone"
)  # fmt: skip
PHONE = Shape(CitizenAccount, "a", "id", "phone")
VISIT = Shape(Visit, "v", "id", "public_id", "arrived_at")
SCREENING = Shape(Screening, "s", "id", "visit_id", "questionnaire_id", "answers", "measurements", "outcome")

_DOSES = """
SELECT {DOSE.columns}, {CITIZEN.columns}, {PHONE.columns}, {VISIT.columns}, {SCREENING.columns},
    d.replaces_id IS NOT NULL OR EXISTS (SELECT FROM vaccination_adverseevent e WHERE e.immunization_id = d.id)
FROM unnest(%(ids)s::bigint[]) AS wanted (id)
JOIN vaccination_immunization d ON d.id = wanted.id
JOIN registration_citizen c ON c.id = d.citizen_id
LEFT JOIN registration_citizenaccount a ON a.id = c.account_id
LEFT JOIN vaccination_visit v ON v.id = d.visit_id
LEFT JOIN LATERAL (
    SELECT * FROM vaccination_screening WHERE visit_id = d.visit_id AND outcome = '{PROCEED}'
    ORDER BY decided_at DESC LIMIT 1
) s ON true
"""
_SCREENINGS = """
SELECT {SCREENING.columns} FROM vaccination_screening s
WHERE s.visit_id = ANY(%(visits)s::bigint[]) AND s.outcome = '{PROCEED}' ORDER BY s.decided_at
"""
_EVENTS = "SELECT id FROM vaccination_adverseevent WHERE immunization_id = ANY(%(doses)s::bigint[])"
# Who wrote a row and where it lies: both change with every update, the place also within one transaction.
VERSION = "a.xmin::text || a.ctid::text"
_VERSIONS = "SELECT a.facility_id, {version} FROM {account} a WHERE a.facility_id = ANY(%(homes)s::bigint[])"

_PROCEEDED = {"SCREENING": SCREENING, "PROCEED": Screening.Outcome.PROCEED.value}
DOSES = Prepared("pcare_doses", _DOSES.format(DOSE=DOSE, CITIZEN=CITIZEN, PHONE=PHONE, VISIT=VISIT, **_PROCEEDED))
SCREENINGS = Prepared("pcare_screenings", _SCREENINGS.format(**_PROCEEDED))
EVENTS = Prepared("pcare_events", _EVENTS)
VERSIONS = {
    service: Prepared(f"pcare_versions_{service}", _VERSIONS.format(account=model._meta.db_table, version=VERSION))
    for service, model in ACCOUNT_MODELS.items()
}


class Batch(NamedTuple):
    """Doses by their id with citizen, telephone and visit; the screening by which each visit went ahead, by visit."""

    doses: dict[int, Immunization]
    screenings: dict[int, Screening]
    eventful: list[Immunization]
    """Those that may have adverse events: their own, or an earlier version's."""


def batch(ids: Collection[int]) -> Batch:
    """Read these doses in one round trip."""
    found = Batch({}, {}, [])
    for row in DOSES.rows(ids=list(set(ids))):
        dose, at = DOSE.build(row), DOSE.width
        dose.citizen = CITIZEN.build(row, at)
        at += CITIZEN.width
        dose.citizen.account = PHONE.build(row, at) if dose.citizen.account_id else None
        at += PHONE.width
        dose.visit = VISIT.build(row, at) if dose.visit_id else None
        at += VISIT.width
        if row[at] is not None:
            screening = SCREENING.build(row, at)
            found.screenings[screening.visit_id] = screening
        if row[-1]:
            found.eventful.append(dose)
        found.doses[dose.pk] = dose
    return found


def screenings(visits: Sequence[int]) -> dict[int, Screening]:
    """The screening by which each visit went ahead: the last one decided."""
    rows = (SCREENING.build(row) for row in SCREENINGS.rows(visits=list(visits)))
    return {screening.visit_id: screening for screening in rows}


def events(versions: Sequence[int]) -> list[AdverseEvent]:
    """Adverse events of these doses; hardly any has one."""
    ids = [row[0] for row in EVENTS.rows(doses=list(versions))]
    return list(AdverseEvent.objects.filter(pk__in=ids)) if ids else []


class Accounts:
    """Accounts of one service while a sender runs: opened once, and anew when somebody has changed the row."""

    def __init__(self, service: str) -> None:
        self._model, self._versions = ACCOUNT_MODELS[service], VERSIONS[service]
        self._held: dict[int, tuple[str, Account]] = {}

    def of(self, facilities: Collection[int]) -> dict[int, Account]:
        """Those of these facilities by facility; one look-up that opens no secret while nothing has changed."""
        return self.as_of(dict(self._versions.rows(homes=list(set(facilities)))))

    def as_of(self, versions: Mapping[int, str]) -> dict[int, Account]:
        """The same when the versions have been looked up, by facility."""
        stale = [home for home, version in versions.items() if self._held.get(home, ("",))[0] != version]
        if stale:
            # A row changed between the two reads is read anew next time: its version is not the one noted here.
            for account in self._model._default_manager.filter(facility_id__in=stale):
                self._held[account.facility_id] = versions[account.facility_id], account
        return {home: self._held[home][1] for home in versions if home in self._held}
