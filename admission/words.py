"""What a waiting person is told: the phase, two sentences, and when to ask again. No database, no Redis."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from admission import pace
from admission.board import Seen, Status
from core.formats import number as grouped

BEFORE, QUEUE, PAUSED, DOOR, GONE, OVER = "before", "queue", "paused", "door", "gone", "over"


@dataclass(frozen=True)
class Told:
    """One answer to one waiting person."""

    phase: str
    headline: str
    detail: str
    interval: int
    number: int | None = None
    served: int = 0
    ahead: int | None = None
    minutes: tuple[int, int] | None = None
    left: int = 0
    message: str = ""
    may_enter: bool = False

    def as_json(self) -> dict[str, object]:
        """For the poll; a page reloads itself when `phase` or `enter` changes."""
        return {
            "phase": self.phase,
            "headline": self.headline,
            "detail": self.detail,
            "interval": self.interval,
            "number": self.number,
            "served": self.served,
            "ahead": self.ahead,
            "minutes": self.minutes,
            "left": self.left,
            "message": self.message,
            "enter": self.may_enter,
        }


def tell(seen: Seen, *, slow: bool = False, now: float | None = None) -> Told:
    """Say where one turn stands; `slow` doubles the time until the next poll."""
    now = time.time() if now is None else now
    status, number = seen.status, seen.number
    ahead = None if number is None else max(0, number - 1 - status.served)
    called = number is not None and number <= status.served
    wait = pace.interval(
        ahead=ahead,
        waiting=max(0, status.last - status.served),
        rate=status.rate,
        seconds_to_release=max(0.0, status.release_at - now),
        polls_per_second=settings.ADMISSION_POLLS_PER_SECOND,
    ) * (1 if seen.from_redis else 2) * (2 if slow else 1)  # fmt: skip
    phase = _phase(status, number, called)
    headline, detail, minutes = _say(phase, status, number, ahead, called)
    return Told(
        phase=phase,
        headline=headline,
        detail=detail,
        interval=wait,
        number=number,
        served=status.served,
        ahead=ahead,
        minutes=minutes,
        left=status.left,
        message=status.message,
        may_enter=called and status.state == "admitting" and (phase == DOOR or status.elsewhere > 0),
    )


def _phase(status: Status, number: int | None, called: bool) -> str:
    if status.state == "closed":
        return OVER
    if number is None:
        return BEFORE
    if status.gone:
        return GONE
    if called:
        return DOOR
    return PAUSED if status.paused else QUEUE


def _say(
    phase: str, status: Status, number: int | None, ahead: int | None, called: bool
) -> tuple[str, str, tuple[int, int] | None]:
    if phase == OVER:
        return _("Antrean sudah selesai"), _("Anda dapat langsung memesan tanpa nomor."), None
    if phase == BEFORE:
        return _("Anda sudah di ruang tunggu"), _before(status), None
    if phase == DOOR:
        detail = _("Tekan tombol di bawah untuk mulai memesan. Kesempatan ini berlaku %(minutes)s menit.")
        return _("Giliran Anda"), detail % {"minutes": settings.ADMISSION_MINUTES}, None
    language = get_language()
    place = _("Nomor Anda %(number)s, sedang dilayani %(served)s") % {
        "number": grouped(number or 0, language),
        "served": grouped(status.served, language),
    }
    if phase == GONE:
        return _("Semua tempat pembukaan ini sudah habis"), _gone(status, called, place), None
    if phase == PAUSED:
        return place, _("Pelayanan sedang dijeda sebentar. Nomor Anda tetap."), None
    minutes = pace.minutes_to_go(ahead or 0, status.rate)
    return place, f"{_range(minutes)} {_chance(status, ahead or 0)}", minutes


def _before(status: Status) -> str:
    local = timezone.localtime(datetime.fromtimestamp(status.release_at, UTC))
    return _(
        "Urutan diundi pukul %(time)s WIB di antara semua yang hadir. Datang lebih awal atau memuat ulang halaman "
        "tidak mengubah peluang."
    ) % {"time": f"{local:%H.%M}"}


def _gone(status: Status, called: bool, place: str) -> str:
    if not status.elsewhere:
        return _("Tidak ada tempat lain saat ini. Masuk daftar tunggu, kami kabari bila ada tempat kosong.")
    left = ngettext(
        "Masih ada %(count)s tempat di hari lain.", "Masih ada %(count)s tempat di hari lain.", status.elsewhere
    ) % {"count": grouped(status.elsewhere, get_language())}
    return f"{left} " + (_("Giliran Anda berlaku juga untuk itu.") if called else f"{place}.")


def _range(minutes: tuple[int, int]) -> str:
    low, high = minutes
    if high <= 1:
        return _("Kurang dari 1 menit lagi.")
    if low == 0:
        return _("Kira-kira %(high)s menit lagi atau kurang.") % {"high": high}
    return _("Kira-kira %(low)s–%(high)s menit lagi.") % {"low": low, "high": high}


def _chance(status: Status, ahead: int) -> str:
    """Honest about the odds: more people before you than places left."""
    language = get_language()
    if not status.left:
        return _("Semua tempat sedang diisi orang lain; bila ada yang lepas, antrean berjalan lagi.")
    values = {"left": grouped(status.left, language), "ahead": grouped(ahead, language)}
    if ahead >= status.left:
        return (
            _(
                "Sisa %(left)s tempat, di depan Anda %(ahead)s orang: mungkin habis sebelum giliran Anda. Daftar "
                "tunggu dapat dipilih sekarang juga."
            )
            % values
        )
    return _("Sisa %(left)s tempat, di depan Anda %(ahead)s orang.") % values
