"""What the home page says, put together from the apps that own it."""

from dataclasses import dataclass
from datetime import date, datetime, time

from django.utils import timezone

from portal.models import NewsItem
from regions.models import Facility, Kecamatan
from scheduling.queries import OPEN, Row, next_release, overview
from stock.queries import StockSummary, public_stock_summary


@dataclass(frozen=True)
class Hours:
    """When one facility vaccinates today."""

    facility: Facility
    open_time: time
    close_time: time
    is_open: bool


@dataclass(frozen=True)
class Home:
    """Everything the home page says about today; built once per second at most."""

    places_left: int
    facilities_with_places: int
    schedules: list[Row]
    next_release_at: datetime | None
    hours: list[Hours]
    stock: StockSummary
    news: list[NewsItem]
    kecamatan: list[Kecamatan]

    @property
    def open_now(self) -> int:
        """Facilities that vaccinate at this moment."""
        return sum(row.is_open for row in self.hours)


def home(limit: int = 6) -> Home:
    """Read the whole home page in a handful of queries, however many citizens there are."""
    rows = overview()
    bookable = [row for row in rows if row.state == OPEN]
    return Home(
        places_left=sum(row.places_left for row in bookable),
        facilities_with_places=len({row.schedule.facility_id for row in bookable}),
        schedules=spread(bookable, limit),
        next_release_at=next_release(rows),
        hours=hours_today(rows, timezone.localtime()),
        stock=public_stock_summary(),
        news=list(NewsItem.objects.current()[:3]),
        kecamatan=list(Kecamatan.objects.all()),
    )


def hours_today(rows: list[Row], now: datetime) -> list[Hours]:
    """Opening hours of today's facilities over all their schedules; those open at `now` first."""
    today: dict[int, list[Row]] = {}
    for row in rows:
        if row.schedule.date == date(now.year, now.month, now.day) and row.schedule.state == "open":
            today.setdefault(row.schedule.facility_id, []).append(row)
    found = []
    for group in today.values():
        opens = min(row.schedule.open_time for row in group)
        closes = max(row.schedule.close_time for row in group)
        found.append(Hours(group[0].schedule.facility, opens, closes, opens <= now.time() < closes))
    return sorted(found, key=lambda row: (not row.is_open, row.facility.name))


def spread(rows: list[Row], limit: int) -> list[Row]:
    """The soonest schedules, one per facility first, so that one big site does not fill the page."""
    seen: set[int] = set()
    first: list[Row] = []
    rest: list[Row] = []
    for row in rows:
        (rest if row.schedule.facility_id in seen else first).append(row)
        seen.add(row.schedule.facility_id)
    return (first + rest)[:limit]
