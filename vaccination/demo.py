"""A family with a history, for a trial: boosters possible today, children due for routine doses.

All people are invented: region 9974 of their NIK does not exist and the serial starts with 9 (RULES N-11).
"""

import uuid
from dataclasses import dataclass
from datetime import date, timedelta

from django.db import transaction
from django.utils import timezone

from accounts.demo import ensure_demo_staff
from accounts.models import Membership, User
from regions.models import Kelurahan
from registration.models import Citizen, CitizenAccount
from registration.services import find_by_nik, phone_index, register_citizen
from vaccination.past_doses import record_past_dose

PHONE = "+6281200009001"
KELURAHAN = "33.74.01.1007"
_KEYS = uuid.UUID("5b0f2c1e-6d0a-4c55-9a39-0c1f6f1d9974")


@dataclass(frozen=True)
class Member:
    """One invented person and the doses on record: programme, vaccine, dose, days ago."""

    name: str
    relation: str
    sex: str
    born: date
    serial: int
    doses: tuple[tuple[str, str, str, int], ...]

    @property
    def nik(self) -> str:
        """Invented region, own birth date, serial 9xxx."""
        day = self.born.day + (40 if self.sex == "P" else 0)
        return f"997401{day:02d}{self.born:%m%y}{self.serial}"


def family(today: date) -> list[Member]:
    """The people, seen from `today`: ages of the children move with it until they are first written."""
    covid = "covid19"
    return [
        Member("Ratna Contoh", "diri", "P", date(1931, 4, 21), 9001, (
            (covid, "COV_AZ", "primary1", 1500), (covid, "COV_AZ", "primary2", 1400),
        )),
        Member("Slamet Contoh", "pasangan", "L", date(1929, 8, 17), 9002, (
            (covid, "COV_SINOVAC", "primary1", 1500), (covid, "COV_SINOVAC", "primary2", 1470),
            (covid, "COV_AZ", "booster1", 1200),
        )),
        Member("Dewi Contoh", "anak", "P", date(1958, 2, 9), 9003, ()),
        Member("Bima Contoh", "anak", "L", today - timedelta(days=75), 9004, (
            ("rutin", "HB0", "hb0", 75), ("rutin", "BCG", "bcg", 40), ("rutin", "OPV", "opv1", 40),
        )),
        Member("Kirana Contoh", "anak", "P", today - timedelta(days=300), 9005, (
            ("rutin", "HB0", "hb0", 300), ("rutin", "BCG", "bcg", 268), ("rutin", "OPV", "opv1", 268),
            ("rutin", "PENTA", "penta1", 236), ("rutin", "OPV", "opv2", 236), ("rutin", "PENTA", "penta2", 205),
            ("rutin", "OPV", "opv3", 205), ("rutin", "PENTA", "penta3", 175), ("rutin", "OPV", "opv4", 175),
        )),
    ]  # fmt: skip


@transaction.atomic
def ensure_demo_history() -> int:
    """Write the demo family once; returns how many people were added."""
    account, _made = CitizenAccount.objects.get_or_create(
        phone_index=phone_index(PHONE), defaults={"phone": PHONE, "verified_at": timezone.now()}
    )
    if Citizen.objects.of_account(account).exists():
        return 0
    recorder = _vaccinator()
    place = Kelurahan.objects.filter(pk=KELURAHAN).first()
    guardian = None
    members = family(timezone.localdate())
    for member in members:
        citizen = find_by_nik(member.nik) or register_citizen(
            account=account, nik=member.nik, full_name=member.name, birth_date=member.born, sex=member.sex,
            relation=member.relation, guardian=guardian if member.born.year > 2000 else None, kelurahan=place,
        )  # fmt: skip
        if member.relation == "anak" and member.born.year < 2000:
            guardian = citizen
        for programme, vaccine, dose_code, days_ago in member.doses:
            record_past_dose(
                client_uuid=uuid.uuid5(_KEYS, f"{member.serial}:{dose_code}"), citizen_id=citizen.pk,
                programme_code=programme, vaccine_code=vaccine, dose_code=dose_code,
                occurred_on=timezone.localdate() - timedelta(days=days_ago), origin="card", recorder=recorder,
                outside_facility="Buku KIA" if programme == "rutin" else "Sertifikat lama",
            )  # fmt: skip
    return len(members)


def _vaccinator() -> User:
    rows = User.objects.filter(memberships__role=Membership.Role.VACCINATOR)
    vaccinator = rows.first()
    if vaccinator is None:
        ensure_demo_staff()
        vaccinator = rows.get()
    return vaccinator
