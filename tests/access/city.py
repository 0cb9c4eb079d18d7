"""A city in the middle of its day, with one row of everything an address may name, and everybody who may ask."""

import uuid
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from admission.models import Room
from certificates import services as certificates
from core import sweeper
from pcare_bridge.demo import ensure_accounts
from pcare_bridge.models import Delivery, FacilityAccount
from programmes.models import Programme
from registration import claims
from scheduling import fair_order
from scheduling.draws import files as draw_files
from scheduling.models import Draw, Offer, ScheduleTemplate
from scheduling.publishing import publish_schedule
from scheduling.waiting import waitlist
from stock import announcements
from stock import services as stock
from tests.registration.people import make_account, make_citizen, nik_for, sign_in_citizen
from tests.scheduling.world import ensure_stock
from tests.staff import make_staff, sign_in_staff
from tests.stock.shelf import facility, stocked
from tests.vaccination import desk
from vaccination import adverse_events


@dataclass(frozen=True)
class City:
    """Clients by role, and what to put into the addresses."""

    clients: dict[str, Client]
    names: dict[str, Any]


def build() -> City:
    """People, one dose with everything that follows from it, one visit under way, one booking ahead."""
    here, elsewhere = facility(), facility("pkm-srondol")
    ensure_accounts()
    account, other_account = make_account(), make_account()
    staff = {
        "vaksinator": make_staff("vaksinator", facility=here),
        "asing": make_staff("vaksinator", facility=elsewhere),
        "stok": make_staff("pengelola_stok", facility=here),
        "kader": make_staff("kader", facility=here),
        "dinkes": make_staff("admin_dinkes", city=True),
        "pemantau": make_staff("pemantau_dinkes", city=True),
    }
    lot = stocked(at=here)
    vial = stock.open_vial(facility_id=here.pk, lot_id=lot.pk, actor=staff["stok"])
    transfer = stock.send(
        from_facility_id=here.pk, to_facility_id=elsewhere.pk, lot_id=lot.pk, doses=2, actor=staff["stok"]
    )
    vaccinated = make_citizen(account)
    visit = desk.screened(citizen=vaccinated, actor=staff["vaksinator"])
    dose = desk.give(visit, lot, actor=staff["vaksinator"]).immunization
    event = adverse_events.record_adverse_event(
        immunization=dose, client_uuid=uuid.uuid4(), onset_at=timezone.now(), symptoms=["nyeri"],
        actor=staff["vaksinator"],
    )  # fmt: skip
    certificate = certificates.issue(dose.pk)
    sweeper.run_all()
    waiting = desk.screened(citizen=make_citizen(account, birth_date=date(1932, 5, 17)), actor=staff["vaksinator"])
    claim = claims.open_claim(
        other_account,
        {"nik": nik_for(vaccinated.birth_date), "full_name": "Uji", "birth_date": vaccinated.birth_date, "sex": "P"},
    )
    booker = make_citizen(account, birth_date=date(1933, 5, 17))
    booking = desk.booked_today(booker)
    free = make_citizen(account, birth_date=date(1934, 5, 17))
    ensure_stock(here, lot.vaccine)
    announced = announcements.announce(
        facility=here, vaccine_code=lot.vaccine_id, doses=10, expected_on=timezone.localdate(), actor=staff["stok"]
    )
    tomorrow = publish_schedule(
        facility=here, vaccine=lot.vaccine, dose_codes=("primary1",), day=timezone.localdate() + timedelta(days=1),
        open_time=booking.schedule.open_time, close_time=booking.schedule.close_time, slot_minutes=240,
        places_per_slot=5, walk_in_percent=20,
    )  # fmt: skip
    template = ScheduleTemplate.objects.create(
        name="Uji", facility=here, programme=lot.vaccine.programme, vaccine=lot.vaccine, dose_codes=["primary1"],
        weekdays=[0], open_time=booking.schedule.open_time, close_time=booking.schedule.close_time,
    )  # fmt: skip
    seeker = make_citizen(account, birth_date=date(1935, 5, 17))
    entry = waitlist.join(
        citizens=[seeker], programme=lot.vaccine.programme, first=tomorrow.date, last=tomorrow.date + timedelta(days=9)
    )
    by_desk = waitlist.join(
        citizens=[make_citizen(account, birth_date=date(1936, 5, 17))], programme=lot.vaccine.programme,
        first=tomorrow.date, last=tomorrow.date + timedelta(days=9), joined_via="desk", user=staff["stok"], desk=here,
    )  # fmt: skip
    offer = Offer.objects.create(
        entry=entry, schedule=tomorrow, slot=tomorrow.slots.first(), state="declined", expires_at=timezone.now()
    )
    return City(
        clients={
            "tamu": Client(),
            "warga": sign_in_citizen(Client(), account),
            "warga lain": sign_in_citizen(Client(), other_account),
            **{role: sign_in_staff(Client(), user) for role, user in staff.items()},
        },
        names={
            "here": here, "vaccinated": vaccinated, "dose": dose, "event": event, "certificate": certificate,
            "visit": visit, "waiting": waiting, "booking": booking, "free": free, "schedule": tomorrow,
            "slot": tomorrow.slots.first(), "template": template, "nowhere": uuid.UUID(int=0), "vial": vial,
            "announced": announced, "transfer": transfer, "staff": staff["stok"],
            "room": Room.objects.create(
                name="Uji", reason="admin", state="closed", seed="x", seed_hash="x", rate=1, closed_at=timezone.now(),
                seed_revealed_at=timezone.now(), shuffled_count=1,
            ),
            "entry": entry, "by_desk": by_desk, "offer": offer, "draw": _drawn(),
            "membership": staff["stok"].memberships.get(), "claim": claim,
            "delivery": Delivery.objects.get(immunization=dose, profile="vaksinasi"),
            "pcare": FacilityAccount.objects.get(facility=here),
        },
    )  # fmt: skip


def _drawn() -> Draw:
    """A draw that is done, without anybody in it: what its pages show is public anyhow."""
    now = timezone.now()
    seed = fair_order.new_seed()
    return Draw.objects.create(
        title="Uji", programme=Programme.objects.get(code="covid19"), opens_at=now - timedelta(days=2),
        closes_at=now - timedelta(days=1), rest_at=now, seed=seed, seed_hash=fair_order.commitment(seed),
        state=Draw.State.DRAWN, frozen_at=now, drawn_at=now,
        list_hash=draw_files.hash_of(draw_files.participants_file([])),
    )  # fmt: skip
