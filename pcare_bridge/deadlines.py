"""When a delivery must have arrived, by the upstream rules that `conf` describes (PROTOCOL 7.6 and 8, assumed)."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone

WIB = ZoneInfo("Asia/Jakarta")


def next_deadline(occurred_at: datetime, service: str, now: datetime | None = None) -> datetime | None:
    """The first limit of a dose given at `occurred_at` that has not passed: same-day entry, then backdating."""
    if service != "pcare":
        return None
    now = now or timezone.now()
    midnight = occurred_at.astimezone(WIB).replace(hour=0, minute=0, second=0, microsecond=0)
    hour, minute = (int(part) for part in settings.PCARE_SAME_DAY_UNTIL.split("."))
    limits = [
        midnight + timedelta(hours=hour, minutes=minute + 1),
        midnight + timedelta(days=settings.PCARE_BACKDATING_DAYS + 1),
    ]
    return next((limit for limit in limits if limit > now), None)
