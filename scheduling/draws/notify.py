"""What people of a draw are told, and the way on for those who got no place: consumers of the outbox, in batches."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from core import outbox
from core.formats import long_date
from messaging import services as messaging
from registration.queries import notification_language, notification_phone
from scheduling.models import Draw, DrawEntry, DrawMember, Schedule, WaitlistEntry
from scheduling.waiting import waitlist

CONSUMER = "scheduling.draw"
BATCH = 500
LOST, INELIGIBLE, CANCELLED = RESULTS = ("draw_lost", "draw_ineligible", "draw_cancelled")


def told_entered(payload: dict[str, Any]) -> None:
    """The number, so that it can be found in the published list."""
    entry = DrawEntry.objects.select_related("draw").filter(pk=payload["entry_id"]).first()
    if entry and entry.outcome == DrawEntry.Outcome.WAITING:
        messaging.send_many(_letters(entry, "draw_entered", _entered_text))


def settle_batch(payload: dict[str, Any]) -> None:
    """Tell the next people of a draw that ended, put the losers on the waiting list, and queue the following batch.

    Locks the entries of the batch and waits for each: one passed over would never be told. Runs in the transaction of
    its message, so a crash repeats none of it.
    """
    draw = Draw.objects.defer("seed").get(pk=payload["draw_id"])
    rows = DrawEntry.objects.filter(draw=draw, told_at__isnull=True).order_by("rank", "pk")
    locked = rows.select_for_update(no_key=True, of=("self",))
    batch = list(locked.prefetch_related("members__citizen__account")[:BATCH])
    waits = _join_waiting_list(draw, [entry for entry in batch if entry.outcome == DrawEntry.Outcome.LOST])
    letters: list[messaging.Letter] = []
    for entry in batch:
        entry.draw = draw
        if news := _news(entry, waits):
            letters += _letters(entry, *news)
    messaging.send_many(letters)
    DrawEntry.objects.filter(pk__in=[entry.pk for entry in batch]).update(told_at=timezone.now())
    if len(batch) == BATCH:
        outbox.add("draw.ended", draw_id=draw.pk)


def untold(draw: Draw) -> int:
    """Numbers of an ended draw whose people are still to be told, or whose message has not left yet."""
    written = draw.entries.filter(told_at__isnull=True).count()
    return written + sum(messaging.unsent(_key(kind, draw.pk)) for kind in RESULTS)


def _news(entry: DrawEntry, waits: set[UUID]) -> tuple[str, Callable[[], str]] | None:
    """Kind and text of what the people of a number are told; None for who withdrew.

    Winners have the message of their appointment, with the ticket.
    """
    if entry.outcome == DrawEntry.Outcome.WITHDRAWN:
        return None
    if entry.draw.state == Draw.State.CANCELLED:
        return CANCELLED, _cancelled_text
    if entry.outcome == DrawEntry.Outcome.LOST:
        return LOST, _lost_text if entry.client_uuid in waits else _lost_only_text
    if entry.outcome == DrawEntry.Outcome.INELIGIBLE:
        return INELIGIBLE, _ineligible_text
    return None


def _members(entry: DrawEntry) -> list[DrawMember]:
    return sorted(entry.members.all(), key=lambda member: member.pk)


def _join_waiting_list(draw: Draw, lost: Sequence[DrawEntry]) -> set[UUID]:
    """Whoever lost waits on in drawn order, for the same days; returns the keys of the numbers that do.

    Not those of whom somebody waits or is booked already.
    """
    schedules = Schedule.objects.filter(draw=draw).select_related("facility", "vaccine").in_bulk()
    seekers = [seeker for entry in lost if (seeker := _seeker(entry, schedules))]
    return waitlist.join_many(seekers, programme=draw.programme_id, source=WaitlistEntry.Source.DRAW)


def _seeker(entry: DrawEntry, schedules: dict[int, Schedule]) -> waitlist.Seeker | None:
    wished = [schedules[pk] for pk in entry.wishes if pk in schedules]
    citizens = [
        member.citizen for member in _members(entry) if member.is_active and member.citizen.merged_into_id is None
    ]
    if not citizens or not wished:
        return None
    facilities = {one.facility_id for one in wished}
    vaccines = {one.vaccine_id for one in wished}
    return waitlist.Seeker(
        citizens=citizens, first=min(one.date for one in wished), last=max(one.date for one in wished),
        facility=wished[0].facility if len(facilities) == 1 else None,
        vaccine=wished[0].vaccine if len(vaccines) == 1 else None,
        rank=entry.rank or 0, joined_via=entry.channel, client_uuid=entry.client_uuid,
    )  # fmt: skip


def _letters(entry: DrawEntry, kind: str, text: Callable[[], str]) -> Iterator[messaging.Letter]:
    """One message per phone: a family of five is told once."""
    members = _members(entry)
    phones = {phone: member.citizen for member in reversed(members) if (phone := notification_phone(member.citizen))}
    for position, (phone, citizen) in enumerate(sorted(phones.items(), key=lambda pair: pair[1].pk)):
        language = notification_language(citizen)
        with translation.override(language):
            facts = _facts(entry, [member.citizen.full_name for member in members])
            yield messaging.Letter(
                kind=kind, to=phone, text=text() % facts, subject=_("Undian vaksinasi %(number)s") % facts,
                language=language,
                parameters=[facts["names"], facts["title"], facts["number"], facts["day"], facts["url"]],
                dedupe_key=f"{_key(kind, entry.draw_id)}{entry.pk}:{position}",
            )  # fmt: skip


def _key(kind: str, draw_id: int) -> str:
    return f"{kind}:{draw_id}:"


def _facts(entry: DrawEntry, names: list[str]) -> dict[str, str]:
    base = settings.PUBLIC_BASE_URL
    closes, rest = timezone.localtime(entry.draw.closes_at), timezone.localtime(entry.draw.rest_at)
    language = translation.get_language()
    return {
        "names": ", ".join(names),
        "title": entry.draw.title,
        "number": entry.ticket,
        "day": f"{long_date(closes.date(), language)} {closes:%H.%M} WIB",
        "rest": f"{long_date(rest.date(), language)} {rest:%H.%M} WIB",
        "reason": entry.draw.cancel_reason,
        "url": base + reverse("scheduling:draw", args=[entry.draw_id]),
        "mine": base + reverse("scheduling:appointments"),
        "list": base + reverse("scheduling:list"),
    }


def _entered_text() -> str:
    return _(
        "%(names)s ikut undian %(title)s. Nomor undian: %(number)s. Pendaftaran ditutup %(day)s, hasilnya diumumkan "
        "setelah itu di %(url)s dan lewat pesan."
    )


def _lost_text() -> str:
    return _(
        "Undian %(title)s sudah selesai. Nomor %(number)s (%(names)s) kali ini belum dapat tempat. Anda otomatis masuk "
        "daftar tunggu menurut urutan undian; bila ada tempat, kami kirim tawaran. Tidak perlu mendaftar lagi. "
        "Lihat: %(mine)s"
    )


def _lost_only_text() -> str:
    return _(
        "Undian %(title)s sudah selesai. Nomor %(number)s (%(names)s) kali ini belum dapat tempat. Janji atau daftar "
        "tunggu yang sudah Anda punya tetap berlaku. Lihat: %(mine)s"
    )


def _ineligible_text() -> str:
    return _(
        "Undian %(title)s sudah selesai. Nomor %(number)s (%(names)s) terundi, tetapi tidak dapat dipakai: sudah ada "
        "janji lain atau menurut aturan dosis belum waktunya. Jadwal lain: %(list)s"
    )


def _cancelled_text() -> str:
    return _(
        "Mohon maaf, undian %(title)s dibatalkan: %(reason)s. Nomor %(number)s tidak berlaku lagi. Tempatnya dibuka "
        "untuk semua pada %(rest)s: %(list)s"
    )
