"""What the home page says, read from the apps that own it."""

from dataclasses import dataclass, field
from datetime import date, datetime, time

from django.db.models import Count, Max, Min
from django.utils import timezone

from portal.models import NewsItem
from regions.models import Kecamatan
from scheduling.models import Place, Schedule
from stock.queries import StockSummary, public_stock_summary


@dataclass(frozen=True)
class OpenSchedule:
    """One bookable day at one facility, as a card on the home page."""

    id: int
    facility: str
    kecamatan: str
    programme: str
    vaccine: str
    date: date
    open_time: time
    close_time: time
    places_left: int


@dataclass(frozen=True)
class Hours:
    """Opening hours of one facility today."""

    facility: str
    kecamatan: str
    open_time: time
    close_time: time
    is_open: bool


@dataclass(frozen=True)
class Home:
    """Everything the home page says; built once per second at most."""

    places_left: int
    facilities_with_places: int
    open_now: int
    schedules: list[OpenSchedule]
    next_release_at: datetime | None
    hours: list[Hours]
    stock: StockSummary
    news: list[NewsItem]
    kecamatan: list[Kecamatan] = field(default_factory=list)


def home(limit: int = 6) -> Home:
    """Read the whole home page; a handful of aggregate queries, independent of the number of citizens."""
    now = timezone.now()
    today, clock = timezone.localdate(now), timezone.localtime(now).time()
    free = dict(
        Place.objects.bookable(now)
        .values_list("slot__schedule")
        .annotate(left=Count("id"))
        .values_list("slot__schedule", "left")
    )
    rows = (
        Schedule.objects.filter(pk__in=free)
        .select_related("facility__kecamatan", "programme", "vaccine")
        .order_by("date", "open_time", "facility__name")
    )
    schedules = [_open_schedule(row, free[row.pk]) for row in rows]
    todays = (
        Schedule.objects.filter(date=today, state=Schedule.State.OPEN)
        .values("facility__name", "facility__kecamatan__name")
        .annotate(opens=Min("open_time"), closes=Max("close_time"))
        .order_by("facility__name")
    )
    hours = [
        Hours(
            row["facility__name"],
            row["facility__kecamatan__name"],
            row["opens"],
            row["closes"],
            row["opens"] <= clock < row["closes"],
        )
        for row in todays
    ]
    return Home(
        places_left=sum(free.values()),
        facilities_with_places=len({row.facility for row in schedules}),
        open_now=sum(row.is_open for row in hours),
        schedules=spread(schedules, limit),
        next_release_at=Schedule.objects.filter(
            state=Schedule.State.OPEN, release_at__gt=now, date__gte=today
        ).aggregate(at=Min("release_at"))["at"],
        hours=sorted(hours, key=lambda row: (not row.is_open, row.facility)),
        stock=public_stock_summary(),
        news=list(NewsItem.objects.current()[:3]),
        kecamatan=list(Kecamatan.objects.all()),
    )


def spread(schedules: list[OpenSchedule], limit: int) -> list[OpenSchedule]:
    """The soonest schedules, one per facility first, so that one big site does not fill the page."""
    seen: set[str] = set()
    first, rest = [], []
    for row in schedules:
        (rest if row.facility in seen else first).append(row)
        seen.add(row.facility)
    return (first + rest)[:limit]


def _open_schedule(row: Schedule, places_left: int) -> OpenSchedule:
    return OpenSchedule(
        id=row.pk,
        facility=row.facility.name,
        kecamatan=row.facility.kecamatan.name,
        programme=row.programme.name,
        vaccine=row.vaccine.short_name,
        date=row.date,
        open_time=row.open_time,
        close_time=row.close_time,
        places_left=places_left,
    )
