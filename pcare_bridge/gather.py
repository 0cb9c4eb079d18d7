"""Reads one delivery's dose into facts and a job; the only place where the bridge opens a NIK."""

from typing import Any

from django.utils import timezone

from pcare_bridge import accounts, channels, conf
from pcare_bridge.facts import AdverseFacts, Answer, DoseFacts, Job, ScreeningFacts
from pcare_bridge.models import Account, Delivery, FacilityAccount, SatusehatAccount
from programmes.models import Vaccine
from registration.models import Citizen
from vaccination.models import Immunization, Screening, Visit

# A partner facility attests that it screened; its answers stay with it.
ATTESTED = ScreeningFacts(version="mitra")


def job_for(delivery: Delivery, account: Account, in_doubt: bool) -> Job:
    """Everything needed to send `delivery` without the database."""
    immunization = Immunization.objects.select_related(
        "citizen__account", "vaccine__pcare_code", "visit", "facility"
    ).get(pk=delivery.immunization_id)
    return Job(
        operation=delivery.operation,
        sender_id=str(delivery.sender_id),
        number=delivery.upstream_number,
        in_doubt=in_doubt,
        facts=facts_of(immunization, account, str(delivery.sender_id)),
        references=dict(delivery.references),
        former_niks=_former_niks(immunization),
    )


def facts_of(immunization: Immunization, account: Account, sender_id: str = "") -> DoseFacts:
    """The dose as every profile maps it; what an account says of its facility comes from `account`."""
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
        screening=_screening(immunization),
        adverse=_adverse(immunization),
    )


def missing_before_dose(visit: Visit) -> list[str]:
    """What a profile of the facility will lack although the nurse fills in everything; Indonesian labels.

    The dose is not there yet, so lot, expiry and dose number count as given; codes of the vaccine count when the visit
    says which one it is for.
    """
    found: dict[str, None] = {}
    draft = Immunization(
        citizen=visit.citizen, visit=visit, facility=visit.facility, vaccine=visit.vaccine or Vaccine(),
        programme_id=visit.programme_id, dose_number=1, lot_number="-", expiration_date=timezone.localdate(),
        occurred_at=timezone.now(),
    )  # fmt: skip
    for profile in accounts.active_profiles(draft):
        account = accounts.find(visit.facility_id, profile)
        if account is None:
            continue
        for name, label in channels.missing_fields(profile, facts_of(draft, account)):
            of_vaccine = name in ("kdVaksin", "vaccineCode", "kdDiag1")
            if visit.vaccine_id or not of_vaccine:
                found[f"{label} ({Delivery.Profile(profile).label})" if name != "nik" else label] = None
    return list(found)


def _vaccine_code(immunization: Immunization) -> str:
    own = getattr(immunization.vaccine, "pcare_code", None)
    if own:
        return own.code
    return next(iter(immunization.vaccine.kfa_products), "")


def _phone(citizen: Citizen) -> str:
    number = citizen.contact_phone or (citizen.account.phone if citizen.account else "") or ""
    return "0" + number.removeprefix("+62") if number.startswith("+62") else number


def _screening(immunization: Immunization) -> ScreeningFacts | None:
    if immunization.visit_id is None:
        return ATTESTED
    screening = (
        Screening.objects.filter(visit_id=immunization.visit_id, outcome=Screening.Outcome.PROCEED)
        .select_related("questionnaire")
        .order_by("-decided_at")
        .first()
    )
    if screening is None:
        return None
    reading: dict[str, Any] = screening.measurements[-1] if screening.measurements else {}
    keys = screening.questionnaire.questions.order_by("sort_order").values_list("key", flat=True)
    asked = [key for key in keys if isinstance(screening.answers.get(key), bool)]
    return ScreeningFacts(
        version=f"{screening.questionnaire.code} {screening.questionnaire.version}",
        temperature_c=_number(reading.get("temperature_c")),
        systolic=_whole(reading.get("systolic")),
        diastolic=_whole(reading.get("diastolic")),
        answers=tuple(Answer(f"S{at:02d}", screening.answers[key]) for at, key in enumerate(asked, 1)),
    )


def _adverse(immunization: Immunization) -> AdverseFacts | None:
    if immunization.pk is None:
        return None
    event = immunization.adverse_events.order_by("onset_at").first()
    if event is None:
        return None
    return AdverseFacts(timezone.localdate(event.onset_at), tuple(event.symptoms), event.is_serious)


def _former_niks(immunization: Immunization) -> tuple[str, ...]:
    """NIKs under which replaced versions of this dose were sent, when they were given to another person's record."""
    found = []
    seen = {immunization.citizen_id}
    former = immunization.replaces
    while former is not None:
        if former.citizen_id not in seen and former.citizen.nik:
            seen.add(former.citizen_id)
            found.append(former.citizen.nik)
        former = former.replaces
    return tuple(found)


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _whole(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else round(number)
