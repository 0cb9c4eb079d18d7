"""Reads one delivery's dose into facts and a job; the only place where the bridge opens a NIK."""

import logging
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.apps import apps
from django.utils import timezone

from pcare_bridge import accounts, channels, conf, reading, rules
from pcare_bridge.facts import AdverseFacts, Answer, DoseFacts, Job, ScreeningFacts, Symptom
from pcare_bridge.models import Account, Delivery, FacilityAccount, SatusehatAccount
from pcare_bridge.reading import Batch
from programmes.models import Questionnaire, Vaccine
from regions.models import Facility
from registration.models import Citizen
from vaccination.adverse_events import SYMPTOMS
from vaccination.models import AdverseEvent, Immunization, Visit

logger = logging.getLogger(__name__)

# A partner facility attests that it screened; its answers stay with it.
ATTESTED = ScreeningFacts(version="mitra")
MAX_FORMER = 5  # changes of one person's record that are looked through
PHONE_LABEL = "nomor telepon (PCare tidak menerimanya lagi sesudah meja 1)"


class Reference:
    """Vaccines, facilities and questions, each read once while this object lives: a sender's run of some seconds."""

    def __init__(self) -> None:
        self._vaccines: dict[str, Vaccine] = {}
        self._facilities: dict[int, Facility] = {}
        self._questions: dict[int, tuple[Questionnaire, list[str]]] = {}

    def complete(self, immunization: Immunization) -> None:
        """Give a dose its vaccine and facility."""
        vaccine = self._vaccines.get(immunization.vaccine_id)
        if vaccine is None:
            vaccine = Vaccine.objects.select_related("pcare_code").get(pk=immunization.vaccine_id)
            self._vaccines[vaccine.pk] = vaccine
        immunization.vaccine = vaccine
        if immunization.facility_id is not None:
            facility = self._facilities.get(immunization.facility_id)
            if facility is None:
                facility = self._facilities[immunization.facility_id] = Facility.objects.get(
                    pk=immunization.facility_id
                )
            immunization.facility = facility

    def questions(self, questionnaire_id: int) -> tuple[Questionnaire, list[str]]:
        """A form and the keys of its questions in order."""
        if questionnaire_id not in self._questions:
            form = Questionnaire.objects.get(pk=questionnaire_id)
            keys = list(form.questions.order_by("sort_order").values_list("key", flat=True))
            self._questions[questionnaire_id] = form, keys
        return self._questions[questionnaire_id]


class Known:
    """What many doses at once say beside their own rows; a batch read for it brings most of it along."""

    def __init__(
        self, immunizations: Iterable[Immunization], reference: Reference | None = None, read: Batch | None = None
    ) -> None:
        doses = list(immunizations)
        self.reference = reference or Reference()
        if read is None:
            self.screenings = reading.screenings([dose.visit_id for dose in doses if dose.visit_id])
        else:
            self.screenings, doses = read.screenings, read.eventful
        self.events: dict[int, list[AdverseEvent]] = {}
        rows = [version for dose in doses for version in versions(dose)]
        for event in reading.events(rows) if rows else ():
            self.events.setdefault(event.immunization_id, []).append(event)


def job_for(delivery: Delivery, account: Account, in_doubt: bool) -> Job:
    """Everything needed to send `delivery` without the database."""
    return jobs_for([(delivery, account, in_doubt)], Reference())[delivery.pk]


def jobs_for(wanted: Sequence[tuple[Delivery, Account, bool]], reference: Reference) -> dict[UUID, Job]:
    """`job_for` many deliveries by their id, in a handful of queries; raises when one of them is not readable."""
    read = reading.batch([delivery.immunization_id for delivery, _, _ in wanted])
    doses = read.doses
    for dose in doses.values():
        reference.complete(dose)
    known = Known(doses.values(), reference, read)
    return {
        delivery.pk: _job(delivery, doses[delivery.immunization_id], account, in_doubt, known)
        for delivery, account, in_doubt in wanted
    }


def _job(delivery: Delivery, immunization: Immunization, account: Account, in_doubt: bool, known: Known) -> Job:
    # Only who reads back before writing needs to know under which numbers the dose may stand.
    looks_back = in_doubt or delivery.operation != Delivery.Operation.CREATE
    return Job(
        operation=delivery.operation,
        sender_id=str(delivery.sender_id),
        number=delivery.upstream_number,
        in_doubt=in_doubt,
        facts=facts_of(
            immunization, account, str(delivery.sender_id), known,
            visit_is_shared=delivery.operation == Delivery.Operation.CREATE or _visit_is_shared(immunization),
        ),
        references=dict(delivery.references),
        former_niks=_former_niks(immunization, looks_back),
    )  # fmt: skip


def facts_of(
    immunization: Immunization,
    account: Account,
    sender_id: str = "",
    known: Known | None = None,
    *,
    visit_is_shared: bool = True,
) -> DoseFacts:
    """The dose as every profile maps it; what an account says of its facility comes from `account`."""
    known = known or Known([immunization])
    citizen, vaccine, visit = immunization.citizen, immunization.vaccine, immunization.visit
    pcare = account if isinstance(account, FacilityAccount) else None
    satusehat = account if isinstance(account, SatusehatAccount) else None
    quantity = immunization.dose_quantity_ml or vaccine.dose_quantity_ml
    own = getattr(vaccine, "pcare_code", None)
    return DoseFacts(
        nik=citizen.nik or "",
        name=citizen.full_name,
        birth_date=citizen.birth_date,
        sex=citizen.sex,
        phone=_phone(citizen),
        provider_code=pcare.provider_code if pcare else "",
        practitioner_code=pcare.practitioner_code if pcare else "",
        clinic_code=pcare.clinic_code if pcare else "",
        diagnosis_code=(own.diagnosis_code if own else "") or conf.diagnosis(vaccine.code, vaccine.category),
        organization_id=satusehat.organization_id if satusehat else "",
        location_id=satusehat.location_id if satusehat else "",
        practitioner_nik=satusehat.practitioner_nik if satusehat else "",
        facility_name=immunization.facility.name if immunization.facility else "",
        kfa_product=_vaccine_code(immunization),
        kfa_groups=(own.kfa_group,) if own and own.kfa_group else tuple(vaccine.kfa_groups),
        cvx_code=(own.cvx_code if own else "") or next(iter(vaccine.cvx_codes), ""),
        route=immunization.route or vaccine.route,
        dose_quantity_ml=f"{quantity.normalize():f}" if quantity else "",
        series_doses=vaccine.primary_doses,
        reason_codes=conf.REASONS.get(vaccine.category, conf.REASON_OTHERWISE),
        recorded_at=immunization.recorded_at,
        arrived_at=visit.arrived_at if visit else None,
        visit_key=str(visit.public_id) if visit else sender_id,
        occurred_at=immunization.occurred_at,
        vaccine_code=_vaccine_code(immunization),
        vaccine_name=immunization.vaccine.name,
        dose_number=immunization.dose_number,
        lot_number=immunization.lot_number,
        expiration_date=immunization.expiration_date,
        body_site=immunization.body_site,
        screening=_screening(immunization, known),
        adverse=_adverse(immunization, known),
        visit_is_shared=visit_is_shared,
    )


def missing_before_dose(visit: Visit) -> list[tuple[str, str]]:
    """What a profile of the facility will lack although the nurse fills in everything, as (upstream name, label).

    The dose is not there yet, so lot, expiry and dose number count as given; codes of the vaccine count when the visit
    says which one it is for.
    """
    found: dict[str, str] = {}
    draft = Immunization(
        citizen=visit.citizen, visit=visit, facility=visit.facility, vaccine=visit.vaccine or Vaccine(),
        programme_id=visit.programme_id, dose_number=1, lot_number="-", expiration_date=timezone.localdate(),
        occurred_at=timezone.now(),
    )  # fmt: skip
    known = Known([draft])  # once for all profiles: the page is opened for every dose
    for profile in accounts.active_profiles(draft):
        account = accounts.find(visit.facility_id, profile)
        if account is None:
            continue
        facts = facts_of(draft, account, known=known)
        for name, label in channels.missing_fields(profile, facts):
            of_vaccine = name in ("kdVaksin", "vaccineCode", "kdDiag1")
            if visit.vaccine_id or not of_vaccine:
                of_person = name in ("nik", "patient")
                found[label if of_person else f"{label} ({Delivery.Profile(profile).label})"] = name
        if profile == Delivery.Profile.VAKSINASI and rules.phone_is_late(facts.phone):
            found[PHONE_LABEL] = "noHP"
    return [(name, label) for label, name in found.items()]


def missing_of(deliveries: Sequence[Delivery]) -> dict[UUID, list[str]]:
    """What each of these deliveries still lacks, in Indonesian, by its id; a handful of queries for all of them."""
    reference = Reference()
    found: dict[UUID, list[str]] = {row.pk: ["akun fasilitas"] for row in deliveries}
    for service in accounts.ACCOUNT_MODELS:
        mine = [row for row in deliveries if row.service == service]
        held = accounts.by_facility(service, {row.facility_id for row in mine})
        ready = [(row, held[row.facility_id], False) for row in mine if row.facility_id in held]
        try:
            jobs = jobs_for(ready, reference)
        except Exception:
            # A row that cannot be read is told by the queue itself; the others must still be shown.
            logger.exception("deliveries not readable")
            return {}
        for row, _account, _in_doubt in ready:
            facts = jobs[row.pk].facts
            found[row.pk] = [label for _, label in channels.missing_fields(row.profile, facts)]
            if row.profile == Delivery.Profile.VAKSINASI and rules.phone_is_late(facts.phone, row.upstream_number):
                found[row.pk].append("nomor telepon")
    return found


def _vaccine_code(immunization: Immunization) -> str:
    own = getattr(immunization.vaccine, "pcare_code", None)
    if own:
        return own.code
    return next(iter(immunization.vaccine.kfa_products), "")


def _phone(citizen: Citizen) -> str:
    number = citizen.contact_phone or (citizen.account.phone if citizen.account else "") or ""
    return "0" + number.removeprefix("+62") if number.startswith("+62") else number


def _screening(immunization: Immunization, known: Known) -> ScreeningFacts | None:
    if immunization.visit_id is None:
        return ATTESTED
    screening = known.screenings.get(immunization.visit_id)
    if screening is None:
        return None
    reading: dict[str, Any] = screening.measurements[-1] if screening.measurements else {}
    form, keys = known.reference.questions(screening.questionnaire_id)
    asked = [key for key in keys if isinstance(screening.answers.get(key), bool)]
    return ScreeningFacts(
        version=f"{form.code} {form.version}",
        temperature_c=_number(reading.get("temperature_c")),
        systolic=_whole(reading.get("systolic")),
        diastolic=_whole(reading.get("diastolic")),
        answers=tuple(Answer(f"S{at:02d}", screening.answers[key]) for at, key in enumerate(asked, 1)),
    )


def _adverse(immunization: Immunization, known: Known) -> tuple[AdverseFacts, ...]:
    """What was reported of this dose under any of its versions: a correction of the row does not undo the event."""
    rows = [event for version in versions(immunization) for event in known.events.get(version, ())]
    return tuple(
        AdverseFacts(
            row.onset_at,
            tuple(Symptom(key, SYMPTOMS.get(key, key)) for key in row.symptoms),
            row.is_serious,
            row.description,
            str(row.client_uuid),
        )
        for row in sorted(rows, key=lambda event: (event.onset_at, event.pk))
    )


def versions(immunization: Immunization) -> list[int]:
    """Primary keys of this dose and of every one it replaced; none of a dose that is not stored yet."""
    found = [immunization.pk] if immunization.pk else []
    former = immunization.replaces if immunization.replaces_id else None
    while former is not None:
        found.append(former.pk)
        former = former.replaces if former.replaces_id else None
    return found


def _visit_is_shared(immunization: Immunization) -> bool:
    """Whether a visit of this dose, or of a version before it, has another dose that holds."""
    mine = versions(immunization)
    visits = Immunization.objects.filter(pk__in=mine, visit__isnull=False).values("visit_id")
    return Immunization.objects.completed().filter(visit_id__in=visits).exclude(pk__in=mine).exists()


def _former_niks(immunization: Immunization, looks_back: bool) -> tuple[str, ...]:
    """Other NIKs under which this dose may stand: of people it was first given to, and this person's before mending."""
    found = []
    seen = {immunization.citizen_id}
    former = immunization.replaces if immunization.replaces_id else None
    while former is not None:
        if former.citizen_id not in seen and former.citizen.nik:
            seen.add(former.citizen_id)
            found.append(former.citizen.nik)
        former = former.replaces
    if looks_back:
        events = apps.get_model("registration", "CitizenEvent")._default_manager
        older = events.filter(pgh_obj_id=immunization.citizen_id)
        niks = older.exclude(nik_index=None).exclude(nik_index=immunization.citizen.nik_index)
        found += [row.nik for row in niks.order_by("-pgh_id")[:MAX_FORMER]]
    return tuple(dict.fromkeys(found))


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _whole(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else round(number)
