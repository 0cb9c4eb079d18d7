"""Invented people and their doses, made without the desk; and the account their facility delivers by."""

import itertools
import uuid
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from core import outbox
from core.crypto import blind_index
from pcare_bridge.models import FacilityAccount, SatusehatAccount, VaccineCode
from pcare_bridge.simulator import defaults
from programmes.models import Programme, Vaccine
from regions.models import Facility, Kecamatan
from registration.models import Citizen
from vaccination.models import Immunization

_numbers = itertools.count(1)


def make_facility(number: int = 7) -> Facility:
    """A facility with an active PCare account that the simulator knows."""
    kecamatan, _ = Kecamatan.objects.get_or_create(
        code="99.74.01", defaults={"name": "Kecamatan Uji", "grid_row": 0, "grid_col": 0}
    )
    facility = Facility.objects.create(
        code=f"uji-{number}", name=f"Puskesmas Uji {number}", kind=Facility.Kind.PUSKESMAS, kecamatan=kecamatan
    )
    kd_provider = defaults.provider_code(number)
    username, password = defaults.account(kd_provider)
    FacilityAccount.objects.create(
        facility=facility,
        provider_code=kd_provider,
        cons_id=defaults.CONS_ID,
        secret=defaults.SIGNING_KEY,
        user_key=defaults.USER_KEY,
        username=username,
        password=password,
        practitioner_code="000001",
        active_since=timezone.now() - timedelta(days=1),
    )
    return facility


def add_profiles(facility: Facility, *profiles: str, number: int = 7) -> None:
    """Deliver the facility's doses by exactly these profiles, with accounts the simulator knows."""
    account = facility.pcare_account
    account.profiles = [profile for profile in profiles if profile != "satusehat"]
    account.clinic_code = "023"
    account.save()
    if "satusehat" in profiles:
        SatusehatAccount.objects.create(
            facility=facility, active_since=timezone.now() - timedelta(days=1), **defaults.satusehat(number)
        )
    vaccine = make_vaccine()
    vaccine.kfa_groups, vaccine.cvx_codes, vaccine.category = ["VG107"], ["198"], "covid19"
    vaccine.route, vaccine.dose_quantity_ml = "IM", Decimal("0.50")
    vaccine.save()


def make_vaccine() -> Vaccine:
    programme, _ = Programme.objects.get_or_create(code="uji", defaults={"name": "Program Uji"})
    vaccine, created = Vaccine.objects.get_or_create(
        code="VAKSIN_UJI",
        defaults={
            "name": "Vaksin Uji",
            "short_name": "Uji",
            "category": "uji",
            "programme": programme,
            "antigen": "UJI",
        },
    )
    if created:
        VaccineCode.objects.create(vaccine=vaccine, code="93009999", is_sample=True)
    return vaccine


def make_citizen(name: str = "Warga Uji ꦱꦼꦩꦫꦁ 🙂", nik: str | None = "") -> Citizen:
    """A person with a NIK of an invented region; `nik=None` makes one without."""
    number = next(_numbers)
    text = f"997401010150{9000 + number % 1000:04d}" if nik == "" else nik
    if nik == "" and number >= 1000:
        text = f"9974{1 + number // 1000:02d}010150{9000 + number % 1000:04d}"
    return Citizen.objects.create(
        nik=text,
        nik_index=blind_index(text, "nik") if text else None,
        no_nik_reason="" if text else Citizen.NoNikReason.OTHER,
        full_name=name,
        birth_date=date(1950, 1, 1),
        sex="L",
    )


def _just_now() -> datetime:
    """Five minutes ago, and today: who compares days asks for the doses of today, also just after midnight."""
    midnight = timezone.make_aware(datetime.combine(timezone.localdate(), time()))
    return max(timezone.now() - timedelta(minutes=5), midnight)


def make_dose(
    facility: Facility, citizen: Citizen | None = None, *, announce: bool = True, **fields: Any
) -> Immunization:
    """A completed dose and, like the desk's own transaction, its news in the outbox."""
    vaccine = make_vaccine()
    values: dict[str, Any] = {
        "client_uuid": uuid.uuid4(),
        "programme_id": "uji",
        "vaccine": vaccine,
        "dose_code": "booster1",
        "dose_number": 3,
        "occurred_at": _just_now(),
        "lot_number": "UJI-01",
        "expiration_date": date(2099, 12, 31),
        "body_site": "LA",
    } | fields
    with transaction.atomic():
        dose = Immunization.objects.create(facility=facility, citizen=citizen or make_citizen(), **values)
        if announce:
            outbox.add("immunization.recorded", immunization_id=dose.pk)
    return dose


def correct(
    dose: Immunization, *, withdraw: bool = False, announce: bool = True, **changes: Any
) -> Immunization | None:
    """Mark a dose as wrong and, unless it is withdrawn, write it anew; the news as the desk sends it."""
    with transaction.atomic():
        Immunization.objects.filter(pk=dose.pk).update(status="entered-in-error", status_reason="salah catat")
        new = None
        if not withdraw:
            facility = changes.pop("facility", dose.facility)
            citizen = changes.pop("citizen", dose.citizen)
            values = {"lot_number": "UJI-02", "replaces": dose} | changes
            new = make_dose(facility, citizen, announce=False, **values)
        if announce:
            outbox.add("immunization.corrected", immunization_id=dose.pk, replacement_id=new.pk if new else None)
    return new
