"""Recorded doses of invented people, without the desk."""

import itertools
import uuid
from datetime import timedelta

from django.utils import timezone

from programmes.models import Programme, Vaccine
from regions.models import Facility, Kecamatan
from tests.registration.people import make_account, make_citizen
from vaccination.models import Immunization

_numbers = itertools.count(1)


def make_facility():
    kecamatan, _ = Kecamatan.objects.get_or_create(
        code="99.74.01", defaults={"name": "Uji", "grid_row": 1, "grid_col": 1}
    )
    facility, _ = Facility.objects.get_or_create(
        code="puskesmas-uji", defaults={"name": "Puskesmas Uji", "kind": "puskesmas", "kecamatan": kecamatan}
    )
    return facility


def make_vaccine(code="COV_PFIZER", **fields):
    fields = {"name": "Pfizer-BioNTech", "short_name": "Pfizer", "category": "covid19", "antigen": code[:20], **fields}
    fields.setdefault("primary_doses", 2)
    return Vaccine.objects.get_or_create(code=code, defaults=fields)[0]


def make_dose(citizen=None, *, vaccine="COV_PFIZER", dose_code="primary1", days_ago=1, **fields):
    """A completed dose; the citizen has an account with a verified phone unless one is given."""
    programme, _ = Programme.objects.get_or_create(code="covid19", defaults={"name": "COVID-19"})
    citizen = citizen or make_citizen(make_account())
    values = {
        "client_uuid": uuid.uuid4(),
        "citizen": citizen,
        "programme": programme,
        "vaccine": make_vaccine(vaccine),
        "dose_code": dose_code,
        "dose_number": 1,
        "occurred_at": timezone.now() - timedelta(days=days_ago),
        "lot_number": f"UJI-{next(_numbers)}",
        "facility": make_facility(),
        **fields,
    }
    return Immunization.objects.create(**values)
