"""How each service is doing, how fast the queue drains, and which outages there were; for everybody to see."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, DateTimeField, Func, Min, Q, Value
from django.utils import timezone

from core.formats import number
from pcare_bridge import accounts, channels, conf, health
from pcare_bridge.models import SERVICE_NAMES, Delivery, DeliveryQuerySet, Incident, SatusehatAccount, Upstream

WINDOW = timedelta(minutes=10)
SHORTEST = timedelta(seconds=20)  # a pace is read from no less than this
UNTHROTTLED = 600  # requests a minute, assumed where no throttle is set
ENOUGH = 5  # arrivals from which a pace is read
CLOCK_LIMIT = 60  # seconds; from here on staff are told


@dataclass(frozen=True)
class ServiceState:
    """How one service is doing, for the public page, the queue and the banners."""

    service: str
    configured: bool
    is_down: bool
    since: datetime | None
    waiting: int
    """Deliveries: a dose that goes by two profiles of one service waits twice."""
    doses: int
    kept: int
    """Of those waiting: kept back until a person acts, because the account is refused or the profile is stopped."""
    oldest: datetime | None
    last_success_at: datetime | None
    per_minute: float
    done_at: datetime | None
    clock_difference: int | None
    stopped: str

    @property
    def name(self) -> str:
        """What people call the service."""
        return SERVICE_NAMES[self.service]

    @property
    def forecast(self) -> str:
        """1.240 menunggu, 40/menit, selesai sekitar 11.30 (tanpa 12 yang menunggu akun atau izin kirim)."""
        words = [f"{number(self.waiting)} menunggu", f"{number(round(self.per_minute))}/menit"]
        if self.done_text:
            without = f" (tanpa {number(self.kept)} yang menunggu akun atau izin kirim)" if self.kept else ""
            words.append(f"selesai sekitar {self.done_text}{without}")
        elif self.waiting:
            down = "dilanjutkan" if self.stopped else "tersambung lagi"
            only_kept = self.kept == self.waiting and not (self.stopped or self.is_down)
            words.append(f"selesai setelah {'akun atau izin kirim dibereskan' if only_kept else down}")
        return ", ".join(words)

    @property
    def done_text(self) -> str:
        """When the queue will be empty: the time of day, with the day when it is not today."""
        if self.done_at is None:
            return ""
        local = timezone.localtime(self.done_at)
        return f"{local:%H.%M}" if local.date() == timezone.localdate() else f"{local:%d-%m %H.%M}"

    @property
    def clock_is_off(self) -> bool:
        return abs(self.clock_difference or 0) > CLOCK_LIMIT


def services() -> list[str]:
    """The services this city reports to: PCare always, SATUSEHAT once it has an address or an active account."""
    ministry = conf.base_url("satusehat") or SatusehatAccount.objects.filter(is_active=True).exists()
    return ["pcare", "satusehat"] if ministry else ["pcare"]


def service_states() -> list[ServiceState]:
    """The state of each service in use; a handful of cheap queries."""
    return [service_state(service) for service in services()]


def service_state(service: str = "pcare") -> ServiceState:
    """The state of one service now; a few cheap queries."""
    upstream = health.upstream(service)
    now = timezone.now()
    mine = Delivery.objects.filter(profile__in=accounts.profiles_of(service))
    queue = mine.open().aggregate(
        count=Count("pk"), doses=Count("immunization", distinct=True), oldest=Min("created_at")
    )
    kept = Q(state=Delivery.PAUSED) | accounts.stopped(service)
    rows = mine.open().exclude(kept) if queue["count"] else mine.none()
    moving = dict(rows.values_list("profile").annotate(count=Count("pk")))
    running = upstream is not None and not upstream.is_down and not upstream.paused_reason
    per_minute, is_known = _pace(mine, upstream.changed_at, now) if upstream and running else (0.0, False)
    return ServiceState(
        service=service,
        configured=upstream is not None,
        is_down=bool(upstream and upstream.is_down),
        since=upstream.changed_at if upstream else None,
        waiting=queue["count"],
        doses=queue["doses"],
        kept=queue["count"] - sum(moving.values()),
        oldest=queue["oldest"],
        last_success_at=upstream.last_success_at if upstream else None,
        per_minute=per_minute,
        done_at=_forecast(moving, per_minute if is_known else 0, now) if running else None,
        clock_difference=upstream.clock_difference_seconds if upstream else None,
        stopped=upstream.paused_reason if upstream else "",
    )


def _pace(mine: DeliveryQuerySet, up_since: datetime, now: datetime) -> tuple[float, bool]:
    """What arrives in a minute, and whether enough arrived to say so.

    Counted from the first arrival of the window, and not from before an outage ended: a queue that begins to drain
    has no pace of ten minutes.
    """
    recent = mine.filter(state=Delivery.SENT, finished_at__gte=max(now - WINDOW, up_since))
    found = recent.aggregate(count=Count("pk"), first=Min("finished_at"))
    if not found["count"]:
        return 0, False
    span = max(now - found["first"], SHORTEST)
    return found["count"] / (span / timedelta(minutes=1)), found["count"] >= ENOUGH


def _forecast(moving: dict[str, int], per_minute: float, now: datetime) -> datetime | None:
    """When what moves will have arrived: at the pace of the last minutes, if there is one, never above the throttle."""
    count = sum(moving.values())
    if not count:
        return None
    permitted = settings.PCARE_PER_SECOND * 60 or UNTHROTTLED
    requests = sum(rows * channels.requests_of(profile) for profile, rows in moving.items())
    minutes = max(requests / permitted, count / per_minute if per_minute else 0)
    return now + timedelta(minutes=math.ceil(minutes))


@dataclass(frozen=True)
class Outage:
    """A service that does not answer now, since when, and how many doses wait for it."""

    name: str
    since: datetime
    waiting: int


def outages() -> list[Outage]:
    """Services that are down now; one query while all are up."""
    by_address = {address: service for service in SERVICE_NAMES if (address := conf.base_url(service))}
    down = Upstream.objects.filter(base_url__in=by_address).exclude(state=Upstream.State.CLOSED)
    found = []
    for row in down.order_by("base_url"):
        service = by_address[row.base_url]
        rows = Delivery.objects.open().filter(profile__in=accounts.profiles_of(service))
        doses = rows.aggregate(doses=Count("immunization", distinct=True))["doses"]
        found.append(Outage(SERVICE_NAMES[service], row.changed_at, doses))
    return found


@dataclass(frozen=True)
class Bar:
    """Deliveries that arrived in ten minutes; place and height in the units of the chart."""

    begins: datetime
    count: int
    x: int
    y: int
    height: int


CHART_WIDTH, CHART_HEIGHT, BAR_WIDTH = 720, 120, 20
SLOT = timedelta(minutes=10)


def rate(now: datetime | None = None) -> list[Bar]:
    """What arrived in each ten minutes of the last six hours, oldest first; one query over recent rows."""
    now = now or timezone.now()
    slots = CHART_WIDTH // BAR_WIDTH
    first = now - slots * SLOT
    counts = [0] * slots
    arrived = Delivery.objects.filter(state=Delivery.SENT, finished_at__gt=first, finished_at__lte=now)
    # Counted by the database: a fast evening has a hundred thousand rows, and the page reloads itself.
    binned = Func(Value(SLOT), "finished_at", Value(first), function="date_bin", output_field=DateTimeField())
    for begins, count in arrived.annotate(slot=binned).values_list("slot").annotate(count=Count("pk")):
        counts[min(round((begins - first) / SLOT), slots - 1)] += count
    most = max(counts) or 1
    heights = [round(count / most * CHART_HEIGHT) for count in counts]
    return [
        Bar(first + at * SLOT, count, at * BAR_WIDTH, CHART_HEIGHT - height, height)
        for at, (count, height) in enumerate(zip(counts, heights, strict=True))
    ]


@dataclass(frozen=True)
class PastOutage:
    """One line of the history: whose outage, and how long it lasted."""

    name: str
    incident: Incident


def incidents(days: int = 90) -> list[PastOutage]:
    """Outages of the last days at the addresses in use, newest first; one that began earlier and ended since counts."""
    names = {address: SERVICE_NAMES[service] for service in SERVICE_NAMES if (address := conf.base_url(service))}
    since = timezone.now() - timedelta(days=days)
    rows = Incident.objects.filter(upstream__base_url__in=names).exclude(ended_at__lt=since)
    return [PastOutage(names[row.upstream.base_url], row) for row in rows.select_related("upstream")[:100]]
