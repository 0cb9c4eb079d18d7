"""When a delivery must have arrived, by the upstream rules that `conf` describes (PROTOCOL 7.6 and 8, assumed)."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from pcare_bridge.models import OPEN_STATES, Delivery
from pcare_bridge.profiles.common import WIB


def next_deadline(occurred_at: datetime, service: str, now: datetime | None = None) -> datetime | None:
    """The first limit of a dose given at `occurred_at` that has not passed: same-day entry, then backdating."""
    if service != "pcare":
        return None
    now = now or timezone.now()
    midnight = occurred_at.astimezone(WIB).replace(hour=0, minute=0, second=0, microsecond=0)
    limits = [
        midnight + _clock(settings.PCARE_SAME_DAY_UNTIL) + timedelta(minutes=1),
        midnight + timedelta(days=settings.PCARE_BACKDATING_DAYS + 1),
    ]
    return next((limit for limit in limits if limit > now), None)


def _clock(text: str) -> timedelta:
    """Time since midnight of a text such as 20.00."""
    hour, minute = (int(part) for part in text.split("."))
    return timedelta(hours=hour, minutes=minute)


def would_miss(user: Any, now: datetime | None = None) -> QuerySet[Delivery]:
    """From the warning hour on: deliveries of the user's territory that would miss today's limit, nearest first."""
    now = now or timezone.now()
    local = now.astimezone(WIB)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    rows: QuerySet[Delivery] = Delivery.objects.visible_to(user).filter(
        state__in=[*OPEN_STATES, Delivery.REFUSED], deadline_at__gt=now, deadline_at__lte=midnight + timedelta(days=1)
    )
    if local < midnight + _clock(settings.PCARE_DEADLINE_WARNING):
        return rows.none()
    return rows.select_related("immunization__citizen", "immunization__vaccine", "facility").order_by("deadline_at")
