"""Why a place could not be had; each with a sentence for the screen and what the page needs to offer a way on."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Self

from django.core.exceptions import ValidationError
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from core.formats import long_date

if TYPE_CHECKING:
    from programmes.rules import Option
    from registration.models import Citizen
    from scheduling.models import Appointment, Offer, WaitlistEntry


class BookingError(ValidationError):
    """Base of all refusals of this app; `code` is stable, the text is in the active language."""

    code = "booking"
    # Whom of a family it concerns; None when it is not about one person.
    citizen: "Citizen | None" = None

    def __init__(self, text: str) -> None:
        super().__init__(text, code=self.code)

    def about(self, citizen: "Citizen") -> Self:
        """The same refusal, saying whom of a family it concerns."""
        self.citizen = citizen
        return self

    @property
    def sentence(self) -> str:
        """The text for the screen, after the name of whom it concerns."""
        text = " ".join(self.messages)
        return f"{self.citizen.full_name}: {text}" if self.citizen else text


class SlotFull(BookingError):
    """No place of the wanted kind is left in this session."""

    code = "slot_full"

    def __init__(self) -> None:
        super().__init__(_("Tempat pada sesi ini baru saja habis. Silakan pilih sesi lain."))


class HoldExpired(BookingError):
    """The reserved time ran out and somebody else took the place."""

    code = "hold_expired"

    def __init__(self) -> None:
        super().__init__(
            _("Waktu penahanan tempat habis dan tempatnya sudah diambil warga lain. Silakan pilih sesi lain.")
        )


class SlotOver(BookingError):
    """The session has ended."""

    code = "slot_over"

    def __init__(self) -> None:
        super().__init__(_("Sesi ini sudah lewat. Silakan pilih sesi lain."))


class AlreadyBooked(BookingError):
    """The person has an active appointment in this programme: `appointment`."""

    code = "already_booked"

    def __init__(self, appointment: "Appointment") -> None:
        super().__init__(_("Sudah ada janji aktif untuk program ini. Anda dapat memindahkan atau membatalkannya."))
        self.appointment = appointment


class ScheduleClosed(BookingError):
    """The schedule is closed; `reason` as the health office gave it."""

    code = "schedule_closed"

    def __init__(self, reason: str = "") -> None:
        text = _("Jadwal ini ditutup: %(reason)s.") % {"reason": reason} if reason else _("Jadwal ini ditutup.")
        super().__init__(text)
        self.reason = reason


class NotReleasedYet(BookingError):
    """Booking opens later, at `release_at`."""

    code = "not_released_yet"

    def __init__(self, release_at: datetime) -> None:
        local = timezone.localtime(release_at)
        super().__init__(
            _("Pendaftaran jadwal ini dibuka %(day)s pukul %(time)s WIB.")
            % {"day": long_date(local.date(), translation.get_language()), "time": f"{local:%H.%M}"}
        )
        self.release_at = release_at


class ToBeDrawn(BookingError):
    """The places of this schedule are given by a draw that is not done yet."""

    code = "to_be_drawn"

    def __init__(self) -> None:
        super().__init__(
            _("Tempat di jadwal ini dibagikan lewat undian, tidak dipesan langsung. Ikuti undiannya di halaman Undian.")
        )


class WalkInOnly(BookingError):
    """The hour has come at which what was left online belongs to people at the gate."""

    code = "walk_in_only"

    def __init__(self) -> None:
        super().__init__(
            _("Pendaftaran daring untuk jadwal ini sudah berakhir. Sisa tempat dilayani langsung di lokasi.")
        )


class NotEligible(BookingError):
    """The dose rules say no, or a person has to decide; `option` carries rule, reason and first possible date."""

    code = "not_eligible"

    def __init__(self, option: "Option", on_date: date) -> None:
        super().__init__(option.text)
        self.option = option
        self.on_date = on_date


class NotChangeable(BookingError):
    """The appointment is no longer in a state in which this can be done."""

    code = "not_changeable"

    def __init__(self, status_text: str) -> None:
        super().__init__(_("Janji ini tidak dapat diubah lagi (%(status)s).") % {"status": status_text.lower()})


class KeyBelongsToAnother(BookingError):
    """The request key was used for another person: a defect or a forgery, never an answer about that person."""

    code = "key_taken"

    def __init__(self) -> None:
        super().__init__(_("Formulir ini sudah tidak berlaku. Silakan mulai lagi dari pilihan sesi."))


class TooFewTogether(BookingError):
    """Not enough places side by side: `left` fit together where `wanted` were asked for."""

    code = "too_few_together"

    def __init__(self, left: int, wanted: int) -> None:
        super().__init__(
            _("Tinggal %(left)d tempat berdampingan di sesi ini, sedangkan Anda memerlukan %(wanted)d.")
            % {"left": left, "wanted": wanted}
        )
        self.left, self.wanted = left, wanted


class AlreadyWaiting(BookingError):
    """The person waits in this programme already: `entry`."""

    code = "already_waiting"

    def __init__(self, entry: "WaitlistEntry") -> None:
        super().__init__(_("Orang ini sudah ada di daftar tunggu program ini."))
        self.entry = entry


class OfferOver(BookingError):
    """The offer can no longer be answered: its time is over, it was declined or withdrawn; `offer`."""

    code = "offer_over"

    def __init__(self, offer: "Offer") -> None:
        super().__init__(_("Tawaran ini sudah tidak berlaku. Anda tetap dapat mencari tempat lain."))
        self.offer = offer
