"""Invariants I1 to I3 as counts of violations on the live database (DESIGN section 4)."""

from datetime import timedelta

from django.db import connection
from django.db.models import Count, F, Q
from django.utils import timezone

from core import audit
from scheduling.models import Appointment, Place

# A lapsed hold is free for every taker at once; the sweeper tidies the row within seconds.
HOLD_GRACE = timedelta(minutes=1)


def register() -> None:
    """Make the checks known to `manage.py audit`."""
    audit.register("I1", "setiap janji aktif punya tepat satu tempat", active_without_place)
    audit.register("I1", "setiap tempat terpakai punya tepat satu janji yang berlaku", taken_without_appointment)
    audit.register("I1", "tempat dan janji menunjuk sesi yang sama", place_elsewhere)
    audit.register("I1", "penahanan yang habis tidak tertinggal", stale_holds)
    audit.register("I2", "satu janji aktif per warga dan program", double_active)
    audit.register("I3", "satu kunci permintaan, satu janji", double_keys)
    audit.register("I3", "setiap janji menyimpan kunci permintaannya dan kode tiketnya sendiri", double_codes)


def active_without_place() -> int:
    """Booked or arrived people for whom no place is kept, or more than one."""
    rows = Appointment.objects.filter(status__in=Appointment.ACTIVE).annotate(places=Count("place"))
    return rows.exclude(places=1).count()


def taken_without_appointment() -> int:
    """Taken places that belong to nobody, to a cancelled or absent person, or share an appointment with another."""
    wrong = Place.objects.filter(state=Place.TAKEN).filter(
        Q(appointment__isnull=True) | ~Q(appointment__status__in=Appointment.KEEPS_PLACE)
    )
    shared = (
        Place.objects.filter(appointment__isnull=False).values("appointment").annotate(n=Count("id")).filter(n__gt=1)
    )
    not_taken = Place.objects.filter(appointment__isnull=False).exclude(state=Place.TAKEN)
    return wrong.count() + shared.count() + not_taken.count()


def place_elsewhere() -> int:
    """Appointments whose place is in another session than the ticket says, or whose session is of another schedule."""
    rows = Appointment.objects.filter(status__in=Appointment.KEEPS_PLACE, place__isnull=False)
    return (
        rows.exclude(place__slot=F("slot")).count()
        + Appointment.objects.exclude(slot__schedule=F("schedule")).count()
    )  # fmt: skip


def stale_holds() -> int:
    """Holds that ran out more than a minute ago and still stand."""
    return Place.objects.filter(state=Place.HELD, held_until__lt=timezone.now() - HOLD_GRACE).count()


def double_active() -> int:
    """People with more than one active appointment in one programme."""
    rows = Appointment.objects.filter(status__in=Appointment.ACTIVE)
    return rows.values("citizen", "programme").annotate(n=Count("id")).filter(n__gt=1).count()


def double_keys() -> int:
    """Request keys that made more than one appointment."""
    return Appointment.objects.values("client_uuid").annotate(n=Count("id")).filter(n__gt=1).count()


def double_codes() -> int:
    """Ticket codes or links that stand for more than one appointment, and appointments whose rows point nowhere."""
    codes = Appointment.objects.values("code").annotate(n=Count("id")).filter(n__gt=1).count()
    links = Appointment.objects.values("public_id").annotate(n=Count("id")).filter(n__gt=1).count()
    with connection.cursor() as cursor:
        # Not through a join: a row that lost its citizen would vanish from it.
        cursor.execute(
            "SELECT count(*) FROM scheduling_appointment a WHERE NOT EXISTS "
            "(SELECT FROM registration_citizen c WHERE c.id = a.citizen_id)"
        )
        orphans = cursor.fetchone()[0]
    return int(codes + links + orphans)
