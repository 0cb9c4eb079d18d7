"""A shelf with lots, for tests of stock and of the desk."""

import threading
import uuid
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from regions.models import Facility
from stock import services
from stock.models import Lot, StockBalance
from tests.scheduling.world import at_once, make_city
from tests.staff import make_staff


def facility(code="pkm-poncol"):
    """A facility of the reference city."""
    make_city()
    return Facility.objects.get(code=code)


def keeper(at=None):
    """A stock keeper."""
    return make_staff("pengelola_stok", facility=at or facility())


def stocked(doses=20, *, vaccine="COV_AZ", at=None, lot_number=None, days=200, vvm_stage="A", actor=None):
    """Receive `doses` of a lot that expires in `days`; returns the lot."""
    at = at or facility()
    line = services.receive(
        facility_id=at.pk, vaccine_code=vaccine, lot_number=lot_number or f"U{uuid.uuid4().hex[:8]}",
        expiration_date=timezone.localdate() + timedelta(days=days), doses=doses, actor=actor or keeper(at),
        vvm_stage=vvm_stage,
    )  # fmt: skip
    return line.lot


def expire(lot: Lot):
    """Let a lot have expired yesterday."""
    Lot.objects.filter(pk=lot.pk).update(expiration_date=timezone.localdate() - timedelta(days=1))


def on_hand(lot: Lot, at=None):
    """Doses of the lot at the facility."""
    return StockBalance.objects.get(facility=at or facility(), lot=lot).doses_on_hand


def together(function, arguments):
    """Run `function` over `arguments` in threads that all stand ready, connected, before the first one starts."""
    arguments = list(arguments)
    line = threading.Barrier(len(arguments))

    def one(argument):
        connection.ensure_connection()
        line.wait(timeout=60)
        return function(argument)

    return at_once(one, arguments, threads=len(arguments))
