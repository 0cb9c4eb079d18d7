"""Invariants I1 to I3 as counts of violations on the live database (DESIGN section 4)."""

from datetime import timedelta

from django.db import connection
from django.db.models import Count, Exists, F, OuterRef, Q
from django.utils import timezone

from core import audit
from scheduling import capacity
from scheduling.models import Appointment, Offer, Place, Schedule, WaitlistEntry, WaitlistMember

# A lapsed hold is free for every taker at once; the sweeper tidies the row within seconds.
HOLD_GRACE = timedelta(minutes=1)


def register() -> None:
    """Make the checks known to `manage.py audit`."""
    audit.register("I1", "setiap janji aktif punya tepat satu tempat", active_without_place)
    audit.register("I1", "setiap tempat terpakai punya tepat satu janji yang berlaku", taken_without_appointment)
    audit.register("I1", "tempat dan janji menunjuk sesi yang sama", place_elsewhere)
    audit.register("I1", "penahanan yang habis tidak tertinggal", stale_holds)
    audit.register("I1", "setiap tawaran terbuka punya tempat untuk semua orangnya", offers_without_places)
    audit.register("I1", "tidak ada tempat tertahan tanpa tawaran terbuka", offered_to_nobody)
    audit.register("I1", "daftar tunggu dan tawarannya sekata", entries_astray)
    audit.register("I1", "tempat yang dapat dipesan tidak melebihi stok", capacity.bookable_beyond_stock)
    audit.register("I2", "satu janji aktif per warga dan program", double_active)
    audit.register("I2", "yang sudah punya janji tidak ditawari tempat lagi", booked_and_offered)
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


def offers_without_places() -> int:
    """Open offers of an open day that keep fewer places, or more, than there are people; or ran out and still stand."""
    now = timezone.now()
    rows = Offer.objects.filter(
        state=Offer.State.OPEN, schedule__state=Schedule.State.OPEN, expires_at__gt=now
    ).annotate(people=Count("entry__members", filter=Q(entry__members__is_active=True)))
    kept = Place.objects.filter(state=Place.HELD, held_by__in=rows.values("public_id"))
    places = dict(kept.order_by().values_list("held_by").annotate(n=Count("id")))
    stale = Offer.objects.filter(state=Offer.State.OPEN, expires_at__lt=now - HOLD_GRACE)
    return sum(offer.people != places.get(offer.public_id, 0) for offer in rows) + stale.count()


def offered_to_nobody() -> int:
    """Places kept for an offer that is not open: lost to everybody."""
    kept = Place.objects.filter(state=Place.HELD, pool__in=(Place.Pool.OFFERED, Place.Pool.NEXT_DOSE))
    return kept.exclude(held_by__in=Offer.objects.filter(state=Offer.State.OPEN).values("public_id")).count()


def entries_astray() -> int:
    """Entries said to have an offer without one, or the reverse; ended ones whose people still count as waiting."""
    open_offer = Exists(Offer.objects.filter(entry=OuterRef("pk"), state=Offer.State.OPEN))
    offered = WaitlistEntry.State.OFFERED
    without = WaitlistEntry.objects.filter(~open_offer, state=offered).count()
    unexpected = WaitlistEntry.objects.filter(open_offer).exclude(state=offered).count()
    ended = WaitlistMember.objects.filter(is_active=True).exclude(entry__state__in=WaitlistEntry.ACTIVE).count()
    return without + unexpected + ended


def booked_and_offered() -> int:
    """People with an active appointment and, for longer than a minute, an open offer in the same programme."""
    booked = Appointment.objects.filter(
        citizen=OuterRef("citizen"), programme=OuterRef("programme"), status__in=Appointment.ACTIVE,
        booked_at__lt=timezone.now() - HOLD_GRACE,
    )  # fmt: skip
    rows = WaitlistMember.objects.filter(Exists(booked), is_active=True, entry__offers__state=Offer.State.OPEN)
    return rows.count()


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
