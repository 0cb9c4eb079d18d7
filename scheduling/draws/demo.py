"""One draw to look at in a trial: open now, over the booster days at two facilities that open last."""

from datetime import timedelta

from django.utils import timezone

from programmes.models import Programme
from scheduling import errors
from scheduling.draws import services as draws
from scheduling.draws import weights as draw_weights
from scheduling.models import Draw, Schedule

TITLE = "Booster akhir pekan"
FACILITIES = ("pkm-pandanaran", "pkm-karangayu")


def ensure_demo_draw() -> int:
    """Announce a draw while none is under way; returns how many were made. Safe to repeat."""
    now = timezone.now()
    if Draw.objects.filter(state__in=Draw.PENDING).exists():
        return 0
    # The hours are those of a trial somebody looks at for a morning: the window closes today or tomorrow.
    closes = now + timedelta(hours=6)
    schedules = Schedule.objects.filter(
        facility__code__in=FACILITIES, programme="covid19", draw__isnull=True, state=Schedule.State.OPEN,
        release_at__gt=closes + timedelta(hours=2),
    )  # fmt: skip
    chosen = list(schedules.order_by("-date", "facility__code")[:2])
    if not chosen:
        return 0
    try:
        draws.announce(
            title=TITLE, programme=Programme.objects.get(pk="covid19"), schedule_ids=[one.pk for one in chosen],
            opens_at=now, closes_at=closes, rest_at=closes + timedelta(hours=2),
            weights=[draw_weights.age_rule(60, 2), draw_weights.missed_rule(1, 3)],
        )  # fmt: skip
    except errors.BookingError:
        return 0  # somebody tries things out with these very days
    return 1
