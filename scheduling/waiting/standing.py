"""Where an entry of the waiting list stands: its position, why nothing was offered yet, and when there is news."""

from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Q
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.formats import long_date
from scheduling import eligibility, queries
from scheduling.models import Offer, Schedule, WaitlistEntry, WaitlistMember

OFFERED, NOT_YET, TOO_EARLY, NOTHING_ON, LATER, DRAWN, NOT_ELIGIBLE, FULL, APART, GATHERED, BEHIND = (
    "offered", "not_yet", "too_early", "nothing_on", "later", "drawn", "not_eligible", "full", "apart", "gathered",
    "behind",
)  # fmt: skip


@dataclass(frozen=True)
class Standing:
    """What a person who waits may ask: `position` from 1, why in one sentence, and the day of the next news."""

    position: int
    code: str
    text: str
    news_on: date
    news_at: datetime | None = None
    offer: Offer | None = None


def standing(entry: WaitlistEntry) -> Standing:
    """How an active entry stands at this moment; some indexed queries, and the schedules from the shared overview."""
    offer = entry.offers.filter(state=Offer.State.OPEN).select_related("slot", "schedule__facility").first()
    position = _ahead(entry) + 1
    if offer:
        return Standing(
            position, OFFERED, _("Ada tempat untuk Anda. Jawab sebelum waktunya habis."),
            timezone.localdate(offer.expires_at), offer.expires_at, offer,
        )  # fmt: skip
    rows = [row for row in queries.overview() if wants(entry, row.schedule)]
    code, text, news_at = _why(entry, rows)
    news_on = timezone.localdate(news_at) if news_at else entry.last_date
    return Standing(position, code, text, news_on, news_at)


def wants(entry: WaitlistEntry, schedule: Schedule) -> bool:
    """Whether a schedule is among those the people of an entry wait for."""
    return (
        schedule.programme_id == entry.programme_id
        and entry.vaccine_id in (None, schedule.vaccine_id)
        and entry.first_date <= schedule.date <= entry.last_date
        and entry.facility_id in (None, schedule.facility_id)
        and (entry.facility_id is not None or entry.kecamatan_id in (None, schedule.facility.kecamatan_id))
    )


def waiting_for(schedule: Schedule) -> tuple[int, int]:
    """How many people wait for a place of this schedule, and how many are being offered one; for staff."""
    here = Q(facility=schedule.facility_id) | Q(facility=None) & (
        Q(kecamatan=None) | Q(kecamatan=schedule.facility.kecamatan_id)
    )
    entries = WaitlistEntry.objects.filter(
        here, Q(vaccine=None) | Q(vaccine=schedule.vaccine_id), state=WaitlistEntry.State.WAITING,
        programme=schedule.programme_id, first_date__lte=schedule.date, last_date__gte=schedule.date,
    )  # fmt: skip
    offered = WaitlistEntry.objects.filter(offers__schedule=schedule, offers__state=Offer.State.OPEN)
    people = WaitlistMember.objects.filter(is_active=True)
    return people.filter(entry__in=entries).count(), people.filter(entry__in=offered).count()


def _before(entry: WaitlistEntry) -> Q:
    """Entries whose turn comes before this one's."""
    return (
        Q(priority__lt=entry.priority)
        | Q(priority=entry.priority, rank__lt=entry.rank)
        | Q(priority=entry.priority, rank=entry.rank, pk__lt=entry.pk)
    )


def _ahead(entry: WaitlistEntry) -> int:
    """Entries before this one that could be offered a place this one waits for."""
    rows = WaitlistEntry.objects.filter(
        programme=entry.programme_id,
        state__in=WaitlistEntry.ACTIVE,
        first_date__lte=entry.last_date,
        last_date__gte=entry.first_date,
    ).filter(_before(entry))
    if entry.vaccine_id:
        rows = rows.filter(Q(vaccine=None) | Q(vaccine=entry.vaccine_id))
    if entry.facility_id and entry.facility:
        here = entry.facility.kecamatan_id
        rows = rows.filter(Q(facility=entry.facility_id) | Q(facility=None) & (Q(kecamatan=None) | Q(kecamatan=here)))
    elif entry.kecamatan_id:
        here = entry.kecamatan_id
        rows = rows.filter(
            Q(facility__kecamatan=here) | Q(facility=None) & (Q(kecamatan=None) | Q(kecamatan=here))
        )  # fmt: skip
    return rows.count()


def _why(entry: WaitlistEntry, rows: list[queries.Row]) -> tuple[str, str, datetime | None]:
    """Code, sentence and the next moment something changes, from the schedules this entry waits for."""
    on = [row for row in rows if row.state != queries.CLOSED]
    if not on:
        if entry.source == WaitlistEntry.Source.NEXT_DOSE and entry.first_date > timezone.localdate():
            text = _("Dosis berikutnya mulai %(day)s; kami tawarkan tempat begitu jadwalnya terbit.")
            return TOO_EARLY, text % {"day": _day(entry.first_date)}, None
        return NOTHING_ON, _("Belum ada jadwal yang terbit untuk pilihan Anda."), None
    released = [row for row in on if row.state not in (queries.LATER, queries.DRAW)]
    news_at = queries.next_release(on)
    if all(row.state == queries.DRAW for row in on):
        return DRAWN, _("Tempatnya dibagikan lewat undian. Ikuti undiannya; yang tersisa ditawarkan di sini."), news_at
    if not released and news_at:
        local = timezone.localtime(news_at)
        text = _("Pendaftarannya belum dibuka. Dibuka %(day)s pukul %(time)s WIB.")
        return LATER, text % {"day": _day(local.date()), "time": f"{local:%H.%M}"}, news_at
    eligible_from = _too_early_for(entry, [row.schedule for row in released])
    if eligible_from is not None:
        return NOT_ELIGIBLE, eligible_from, news_at
    size = entry.members.filter(is_active=True).count()
    if kept := _kept_back(entry, size, [row.schedule.pk for row in released]):
        return kept
    if size > 1 and any(row.places_left for row in released):
        text = _(
            "Tempat yang kosong belum cukup untuk %(size)s orang sekaligus. Bila mendesak, daftarkan dalam rombongan "
            "lebih kecil: lebih cepat dapat tempat."
        )
        return APART, text % {"size": size}, news_at
    if any(row.places_left for row in released):
        return NOT_YET, _("Tempat kosong sedang dibagikan menurut urutan."), news_at
    text = ngettext(
        "%(count)s jadwal dalam pilihan Anda penuh.", "Semua %(count)s jadwal dalam pilihan Anda penuh.", len(released)
    )  # fmt: skip
    return FULL, text % {"count": len(released)}, news_at


def _kept_back(entry: WaitlistEntry, size: int, schedule_ids: list[int]) -> tuple[str, str, datetime] | None:
    """Code, sentence and until when, while places are gathered for this family or for another one."""
    gathered = WaitlistEntry.objects.filter(
        state=WaitlistEntry.State.WAITING, gather_schedule__in=schedule_ids, gather_until__gt=timezone.now()
    ).select_related("gather_schedule__facility")
    other = gathered.filter(pk=entry.pk).first() or gathered.filter(_before(entry)).order_by("-gather_until").first()
    if other is None or other.gather_until is None or other.gather_schedule is None:
        return None
    until = timezone.localtime(other.gather_until)
    facts = {
        "size": size, "facility": other.gather_schedule.facility.name, "day": _day(other.gather_schedule.date),
        "time": f"{until:%H.%M}",
    }  # fmt: skip
    if other.pk == entry.pk:
        text = _(
            "Tempat berdampingan untuk %(size)s orang sedang kami kumpulkan di %(facility)s, %(day)s, paling lama "
            "sampai pukul %(time)s WIB."
        )
        return GATHERED, text % facts, other.gather_until
    text = _(
        "Tempat yang kosong di %(facility)s, %(day)s, sedang dikumpulkan untuk keluarga di depan Anda, paling lama "
        "sampai pukul %(time)s WIB. Sesudah itu dibagikan menurut urutan."
    )
    return BEHIND, text % facts, other.gather_until


def _too_early_for(entry: WaitlistEntry, schedules: list[Schedule]) -> str | None:
    """A sentence when somebody of the entry may not come on any of these days; None when everybody may."""
    days = list({(one.vaccine_id, tuple(one.dose_codes), one.date): one for one in schedules}.values())
    for member in entry.members.filter(is_active=True).select_related("citizen"):
        case = eligibility.Case.of(member.citizen)
        options = [eligibility.for_schedule(member.citizen, one, case) for one in days]
        if options and not any(option.eligible for option in options):
            return f"{member.citizen.full_name}: {min(options, key=eligibility._rank).text}"
    return None


def _day(day: date) -> str:
    return long_date(day, translation.get_language())
