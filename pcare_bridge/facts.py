"""What one dose says to the outside, free of models, so that every profile maps from the same facts."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple


class Answer(NamedTuple):
    """One screening answer."""

    code: str
    yes: bool
    note: str = ""


@dataclass(frozen=True)
class ScreeningFacts:
    """The screening that let the dose go ahead."""

    version: str
    temperature_c: float | None = None
    systolic: int | None = None
    diastolic: int | None = None
    answers: tuple[Answer, ...] = ()


class Symptom(NamedTuple):
    """What was observed: our key, and the words people read."""

    key: str
    words: str


@dataclass(frozen=True)
class AdverseFacts:
    """One adverse event (KIPI) of the dose."""

    onset_at: datetime
    symptoms: tuple[Symptom, ...]
    is_serious: bool
    note: str = field(default="", repr=False)
    key: str = ""
    """Ours, the same at each sending."""


@dataclass(frozen=True, repr=False)
class DoseFacts:
    """One completed dose; no repr, because it holds a NIK."""

    nik: str
    name: str
    birth_date: date
    sex: str
    phone: str
    provider_code: str
    practitioner_code: str
    occurred_at: datetime
    vaccine_code: str
    vaccine_name: str
    dose_number: int
    lot_number: str
    expiration_date: date | None
    body_site: str
    screening: ScreeningFacts | None
    adverse: tuple[AdverseFacts, ...] = ()
    """In order of onset."""
    card_number: str = ""
    # For the profile kunjungan.
    clinic_code: str = ""
    diagnosis_code: str = ""
    # For the profile satusehat (SATUSEHAT.md section 3).
    organization_id: str = ""
    location_id: str = ""
    practitioner_nik: str = ""
    facility_name: str = ""
    kfa_product: str = ""
    kfa_groups: tuple[str, ...] = ()
    cvx_code: str = ""
    route: str = ""
    dose_quantity_ml: str = ""
    """Millilitres as decimal text."""
    series_doses: int | None = None
    reason_codes: tuple[str, ...] = ()
    recorded_at: datetime | None = None
    arrived_at: datetime | None = None
    visit_key: str = ""
    """The same for all doses of one visit."""
    visit_is_shared: bool = True
    """Whether another dose that holds belongs to the visit; if not, the visit goes when the dose goes."""


@dataclass(frozen=True, repr=False)
class Job:
    """One delivery ready to be sent without touching the database."""

    operation: str
    sender_id: str
    number: str
    in_doubt: bool
    facts: DoseFacts
    references: dict[str, str] = field(default_factory=dict)
    """Numbers of steps already made by earlier tries."""
    former_niks: tuple[str, ...] = ()
    """Numbers under which earlier versions of this dose may stand upstream."""
