"""A draw in the small city: schedules not yet open, people who enter, and a clock that can be moved on."""

import uuid
from datetime import timedelta

from django.utils import timezone

from core import audit
from programmes.models import Programme
from scheduling.draws import run as draw_run
from scheduling.draws import services as draws
from scheduling.models import Draw, Schedule, Slot
from tests.scheduling.world import make_adult, make_city, make_slot


def make_draw(*schedules, places=3, **options):
    """An open draw over one schedule with one session of `places`, unless schedules are given."""
    make_city()
    now = timezone.now()
    if not schedules:
        days = 3 + Schedule.objects.count()  # one schedule of a kind on a day
        slot = make_slot(places=places, days=days, release_at=now + timedelta(hours=3))
        schedules = (slot.schedule,)
    options = {
        "title": "Booster akhir pekan",
        "opens_at": now - timedelta(hours=1),
        "closes_at": now + timedelta(hours=1),
        "rest_at": now + timedelta(hours=2),
    } | options
    return draws.announce(
        programme=Programme.objects.get(code=schedules[0].programme_id),
        schedule_ids=[one.pk for one in schedules],
        **options,
    )


def enter(draw, *citizens, wishes=None, channel="web", key=None):
    """Somebody's number; a fresh adult unless told otherwise."""
    return draws.enter(
        draw_id=draw.pk,
        citizens=citizens or [make_adult()],
        wishes=wishes or list(draw.schedules.order_by("pk").values_list("pk", flat=True)),
        client_uuid=key or uuid.uuid4(),
        channel=channel,
    )


def let_time_pass(draw, *, frozen=True):
    """The window is over; with `frozen` the pause after freezing as well."""
    past = timezone.now() - timedelta(minutes=1)
    Draw.objects.filter(pk=draw.pk).update(
        opens_at=past - timedelta(hours=2), closes_at=past, rest_at=past + timedelta(minutes=30)
    )
    if frozen:
        draw_run.run(draw.pk)
        Draw.objects.filter(pk=draw.pk, state="frozen").update(frozen_at=timezone.now() - timedelta(hours=1))
    draw.refresh_from_db()


def hold_draw(draw):
    """From the end of the window to the result."""
    let_time_pass(draw)
    draw_run.run(draw.pk)
    draw.refresh_from_db()
    return draw


def slot_of(draw):
    """The first session of the draw."""
    return Slot.objects.select_related("schedule").filter(schedule__draw=draw).order_by("starts_at", "pk").first()


def by_outcome(draw):
    """Outcome → numbers in drawn order."""
    found = {}
    for entry in draw.entries.order_by("rank", "pk"):
        found.setdefault(entry.outcome, []).append(entry.ticket)
    return found


def complaints():
    """Title → count, of the checks of `audit` that complain."""
    return {check.title: count for check, count in audit.run() if check.id in ("I1", "I2", "I3") and count}


def people_form(*citizens, **more):
    """What kader and desk send to enter these people."""
    form = {"orang-TOTAL_FORMS": str(max(2, len(citizens))), "orang-INITIAL_FORMS": "0", **more}
    for number, citizen in enumerate(citizens):
        form[f"orang-{number}-identitas"] = citizen.nik or citizen.temporary_code
        form[f"orang-{number}-lahir"] = f"{citizen.birth_date:%Y-%m-%d}"
    return form


def announce_form(*schedules, **changes):
    """What the office sends to announce a draw of these schedules."""
    start = timezone.localtime() + timedelta(hours=1)
    clock = "%Y-%m-%dT%H:%M"
    return {
        "judul": "Booster lansia",
        "jadwal": [one.pk for one in schedules],
        "buka": f"{start:{clock}}",
        "tutup": f"{start + timedelta(hours=5):{clock}}",
        "sisa": f"{start + timedelta(hours=6):{clock}}",
    } | changes
