"""Messages about offers and the waiting list: consumers of the outbox, each told once."""

from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from core import outbox
from core.formats import long_date
from messaging import services as messaging
from registration.models import Citizen
from registration.queries import notification_language, notification_phone
from scheduling.models import Offer, WaitlistEntry, WaitlistMember
from scheduling.waiting import offers


def told_offer(payload: dict[str, Any]) -> None:
    """The offered place with its deadline; nothing when it was answered before the message was due, or by night."""
    rows = Offer.objects.select_related("entry__programme", "schedule__facility", "schedule__vaccine", "slot")
    offer = rows.filter(pk=payload["offer_id"], state=Offer.State.OPEN, expires_at__gt=timezone.now()).first()
    if offer is None or offers.put_off_by_night(offer.pk):
        return
    for key, phone, language, names in _by_phone(offer.entry.members.filter(is_active=True)):
        with translation.override(language):
            day, time = _moment(offer.slot.starts_at)
            until_day, until = _moment(offer.expires_at)
            url = settings.PUBLIC_BASE_URL + reverse("scheduling:offer", args=[offer.public_id])
            facts = {
                "names": names, "vaccine": offer.schedule.vaccine.short_name, "facility": offer.schedule.facility.name,
                "day": day, "time": time, "until_day": until_day, "until": until, "url": url,
            }  # fmt: skip
            messaging.send(
                kind="place_offered",
                to=phone,
                text=_(
                    "Ada tempat vaksinasi untuk %(names)s: %(vaccine)s di %(facility)s, %(day)s pukul %(time)s. Tempat "
                    "disimpan sampai %(until_day)s pukul %(until)s. Terima atau tolak: %(url)s"
                )
                % facts,
                subject=_("Ada tempat vaksinasi untuk Anda"),
                language=language,
                parameters=[names, facts["vaccine"], facts["facility"], day, time, f"{until_day} {until}", url],
                expires_at=offer.expires_at,
                dedupe_key=f"offer:{offer.pk}:{key}",
                urgent=True,
            )


def told_ended(payload: dict[str, Any]) -> None:
    """That nobody looks for a place any more, why, and what can be done; entries end at midnight, people sleep then."""
    entry = WaitlistEntry.objects.select_related("programme").filter(pk=payload["entry_id"]).first()
    if entry is None or entry.is_active:
        return
    now = timezone.now()
    if (morning := offers.after_quiet(now)) > now:
        outbox.add_later("waitlist.ended", morning, entry_id=entry.pk)
        return
    for key, phone, language, names in _by_phone(entry.members.all()):
        with translation.override(language):
            facts = {
                "names": names,
                "programme": entry.programme.local_name,
                "url": settings.PUBLIC_BASE_URL + reverse("scheduling:appointments"),
            }
            messaging.send(
                kind="waitlist_ended",
                to=phone,
                text=_ended_text(entry) % facts,
                subject=_("Daftar tunggu vaksinasi berakhir"),
                language=language,
                parameters=[names, facts["programme"], facts["url"]],
                dedupe_key=f"waitlist-ended:{entry.pk}:{key}",
            )


def _ended_text(entry: WaitlistEntry) -> str:
    if entry.ended_because == WaitlistEntry.Because.MISSED:
        return _(
            "Beberapa tawaran tempat untuk %(names)s (%(programme)s) tidak dijawab, maka daftar tunggunya kami akhiri. "
            "Masuk lagi kapan saja: %(url)s"
        )
    return _(
        "Belum ada tempat untuk %(names)s (%(programme)s) sampai tanggal yang Anda pilih, maka daftar tunggunya "
        "berakhir. Masuk lagi dengan tanggal baru: %(url)s"
    )


def _by_phone(members: QuerySet[WaitlistMember]) -> list[tuple[int, str, str, str]]:
    """A key, the phone, its language and the names told there: a family with one phone gets one message.

    The key stands for the phone where the number itself must not (I6): the first person told there.
    """
    found: dict[str, list[Citizen]] = {}
    for member in members.select_related("citizen__account").order_by("pk"):
        if phone := notification_phone(member.citizen):
            found.setdefault(phone, []).append(member.citizen)
    return [
        (people[0].pk, phone, notification_language(people[0]), ", ".join(one.full_name for one in people))
        for phone, people in found.items()
    ]


def _moment(at: Any) -> tuple[str, str]:
    local = timezone.localtime(at)
    return long_date(local.date(), translation.get_language()), f"{local:%H.%M} WIB"
