"""Figures of the day on the health office's first page: doses, places, stock, PCare; each with its page."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, Q
from django.utils import timezone

from accounts.models import User
from pcare_bridge.models import Delivery, Upstream
from scheduling.models import Place, Schedule
from stock.queries import public_stock_summary
from vaccination.models import Immunization, Visit


@dataclass(frozen=True, slots=True)
class Figure:
    """One number with what it means and where it leads; `tone` is "", "warn" or "stop"."""

    value: int
    label: str
    detail: str = ""
    path: str = ""
    tone: str = ""
    since: datetime | None = None


def of_the_city(user: User) -> list[Figure]:
    """The figures this user may see; a handful of aggregate queries."""
    can = user.territory().can
    figures = [_doses_today()]
    if can("schedule.view"):
        figures.append(_places_today())
    if can("stock.overview"):
        stock = public_stock_summary()
        figures.append(Figure(stock.doses, "dosis siap pakai", f"di {stock.facilities} fasilitas", "/dinkes/stok/"))
    if can("pcare.view"):
        figures += _pcare()
    return figures


def _doses_today() -> Figure:
    today = timezone.localdate()
    start = timezone.make_aware(datetime.combine(today, datetime.min.time()))
    given = Immunization.objects.completed().filter(is_primary_source=True, occurred_at__gte=start).count()
    waiting = Visit.objects.filter(date=today, step__in=[Visit.Step.ARRIVED, Visit.Step.SCREENED]).count()
    return Figure(given, "dosis diberikan hari ini", f"{waiting} orang sedang dilayani")


def _places_today() -> Figure:
    now = timezone.now()
    schedules = Schedule.objects.filter(date__gte=timezone.localdate(now), state=Schedule.State.OPEN).count()
    free = Place.objects.bookable(now).count()
    tone = "" if free else "warn"
    return Figure(free, "tempat masih bisa dipesan", f"{schedules} jadwal terbuka", "/dinkes/jadwal/", tone)


def _pcare() -> list[Figure]:
    # Held and paused rows wait for something, refused ones for a person. A dose may go to several services.
    counts = Delivery.objects.exclude(state__in=[Delivery.SENT]).aggregate(
        waiting=Count("immunization", distinct=True, filter=Q(state__in=["waiting", "in_flight", "held", "paused"])),
        oldest=Min("created_at", filter=Q(state__in=["waiting", "in_flight", "held", "paused"])),
        refused=Count("pk", filter=Q(state="refused")),
    )
    down = Upstream.objects.exclude(state="closed").exists()
    return [
        Figure(
            counts["waiting"],
            "dosis menunggu PCare",
            "PCare sedang terganggu" if down else "terkirim sendiri",
            "/dinkes/pcare/",
            "warn" if down or counts["waiting"] > 100 else "",
            counts["oldest"],
        ),
        Figure(
            counts["refused"],
            "kiriman perlu ditangani",
            "ditolak PCare, menunggu petugas" if counts["refused"] else "tidak ada yang ditolak",
            "/dinkes/pcare/",
            "stop" if counts["refused"] else "",
        ),
    ]
