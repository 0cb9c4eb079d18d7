"""A small city with one open schedule, and people who may be vaccinated there."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import date, time, timedelta

from django.db import connection
from django.utils import timezone

from accounts.models import User
from programmes.models import Vaccine
from regions.models import Facility
from scheduling.models import Place, Slot
from scheduling.publishing import publish_schedule
from stock.deliveries import Delivery, receive_many
from stock.models import StockBalance
from stock.services import find_lot
from tests.factories.reference import load_reference
from tests.registration.people import make_citizen

ADULT = date(1931, 5, 17)
FAR_EXPIRY = date(2090, 1, 31)
SPARE_LOT = "CADANGAN"


def make_city():
    """The reference data; the same city in every test."""
    if not Vaccine.objects.exists():
        load_reference()


def ensure_stock(facility, vaccine, doses=100_000):
    """Doses on the shelf, through the real ledger, of a lot that every other lot comes before: places need them."""
    if StockBalance.objects.filter(
        facility=facility, lot__vaccine=vaccine, lot__lot_number=SPARE_LOT, doses_on_hand__gte=doses
    ).exists():
        return
    keeper, _new = User.objects.get_or_create(username="gudang", defaults={"full_name": "Gudang Uji"})
    lot = find_lot(vaccine.pk, SPARE_LOT, FAR_EXPIRY)
    receive_many([Delivery(facility.pk, lot.pk, doses)], actor=keeper)


def make_schedule(
    *, facility="pkm-poncol", vaccine="COV_AZ", dose_codes=("primary1",), days=1, stocked=True, **options
):
    """An open schedule `days` from today with two sessions of five places, one of them for walk-ins.

    With `stocked` there is vaccine for it, and for a thousand more.
    """
    make_city()
    facility, vaccine = Facility.objects.get(code=facility), Vaccine.objects.get(code=vaccine)
    if stocked:
        ensure_stock(facility, vaccine)
    options = {"open_time": time(8), "close_time": time(9), "places_per_slot": 5, "walk_in_percent": 20} | options
    return publish_schedule(
        facility=facility,
        vaccine=vaccine,
        dose_codes=dose_codes,
        day=options.pop("day", None) or timezone.localdate() + timedelta(days=days),
        **options,
    )


def make_slot(places=5, walk_in_percent=0, **options):
    """One session of a schedule of its own."""
    schedule = make_schedule(close_time=time(8, 30), places_per_slot=places, walk_in_percent=walk_in_percent, **options)
    return Slot.objects.select_related("schedule").get(schedule=schedule)


def make_adult(account=None, **fields):
    """Somebody old enough for every adult dose, with no dose on record."""
    return make_citizen(account, birth_date=ADULT, **fields)


def booked(slot, citizen=None, **options):
    """An appointment of somebody in this session."""
    from scheduling.services import book

    return book(citizen=citizen or make_adult(), slot_id=slot.pk, client_uuid=uuid.uuid4(), **options)


def free_places(slot):
    """How many online places of this session are free now."""
    return Place.objects.free(timezone.now()).filter(slot=slot, pool="online").count()


def at_once(function, arguments, threads=16):
    """Run `function` over `arguments` in real threads with connections of their own; exceptions are results."""

    def one(argument):
        try:
            return function(argument)
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, arguments))
