"""Deliveries that are announced but not here yet, and all doses a facility can count on, day by day."""

import uuid
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import User
from regions.models import Facility
from stock import changes
from stock.errors import StockError
from stock.models import AnnouncedDelivery, StockMovement, Transfer
from stock.queries import usable_balances

MAX_AHEAD_DAYS = 180


@dataclass(frozen=True)
class Supply:
    """Doses that may be given from `first` to `last`, both included."""

    doses: int
    first: date
    last: date


def supply(today: date, pairs: Collection[changes.Pair] | None = None) -> dict[changes.Pair, list[Supply]]:
    """What each facility can give of each vaccine, and when: on hand, on the way, announced. Three queries.

    A lot that expires before a day does not count for it. What is announced counts from DELIVERY_LEAD_DAYS after the
    expected day, and no longer once that day is over; a transfer nobody has signed for counts for TRANSFER_DAYS.
    """
    found: dict[changes.Pair, list[Supply]] = defaultdict(list)
    on_hand = _of(pairs, usable_balances(today), "facility_id", "lot__vaccine_id").values_list(
        "facility_id", "lot__vaccine_id", "doses_on_hand", "lot__expiration_date"
    )
    for facility, vaccine, doses, expires in on_hand:
        found[facility, vaccine].append(Supply(doses, today, expires))
    lead = timedelta(days=settings.DELIVERY_LEAD_DAYS)
    on_the_way = Transfer.objects.filter(state=Transfer.SENT, lot__expiration_date__gte=today)
    for transfer in _of(pairs, on_the_way, "to_facility_id", "lot__vaccine_id").select_related("lot"):
        sent_on = timezone.localdate(transfer.sent_at)
        if today <= sent_on + timedelta(days=settings.TRANSFER_DAYS):
            usable = Supply(transfer.quantity_sent, sent_on + lead, transfer.lot.expiration_date)
            found[transfer.to_facility_id, transfer.lot.vaccine_id].append(usable)
    for row in _of(pairs, counted(today), "facility_id", "vaccine_id"):
        found[row.facility_id, row.vaccine_id].append(Supply(row.doses, row.expected_on + lead, date.max))
    return found


def counted(today: date) -> QuerySet[AnnouncedDelivery]:
    """Announcements that still count: not arrived, not taken back, not overdue."""
    return AnnouncedDelivery.objects.filter(state=AnnouncedDelivery.State.ANNOUNCED, expected_on__gte=today)


def expected(today: date) -> dict[changes.Pair, date]:
    """The next expected day per facility and vaccine; one query."""
    rows = counted(today).order_by("-expected_on").values_list("facility_id", "vaccine_id", "expected_on")
    return {(facility, vaccine): day for facility, vaccine, day in rows}


@transaction.atomic
def announce(
    *,
    facility: Facility,
    vaccine_code: str,
    doses: int,
    expected_on: date,
    actor: User,
    document: str = "",
    client_uuid: uuid.UUID | None = None,
) -> AnnouncedDelivery:
    """Write down a delivery that is to come; places of the days after it open at once.

    The same `client_uuid` again returns the first answer. Raises StockError for no doses or a day out of reach.
    """
    today = timezone.localdate()
    if doses < 1:
        raise StockError("Jumlah dosis harus lebih dari nol.")
    if not today <= expected_on <= today + timedelta(days=MAX_AHEAD_DAYS):
        raise StockError(f"Pilih tanggal dari hari ini sampai {MAX_AHEAD_DAYS} hari ke depan.")
    row, _created = AnnouncedDelivery.objects.get_or_create(
        client_uuid=client_uuid or uuid.uuid4(),
        defaults={
            "facility": facility, "vaccine_id": vaccine_code, "doses": doses, "expected_on": expected_on,
            "document": document.strip()[:60], "announced_by": actor,
        },
    )  # fmt: skip
    changes.tell((row.facility_id, row.vaccine_id))
    return row


@transaction.atomic
def cancel(*, delivery_id: int, actor: User, reason: str) -> AnnouncedDelivery:
    """Take an announcement back; places that waited for it close again. Twice is once. Locks the announcement."""
    row = _locked(delivery_id)
    if row.state == AnnouncedDelivery.State.ARRIVED:
        raise StockError("Kiriman ini sudah diterima dan tidak dapat dibatalkan.")
    if row.state == AnnouncedDelivery.State.ANNOUNCED:
        _end(row, AnnouncedDelivery.State.CANCELLED, actor, note=reason.strip()[:200])
        changes.tell((row.facility_id, row.vaccine_id))
    return row


def arrive(delivery_id: int, movement: StockMovement) -> AnnouncedDelivery:
    """The box of this announcement was booked in with `movement`; the rest, if any, is announced anew by who knows.

    Runs inside the receipt's transaction. Raises StockError for another facility or vaccine, or one that is over.
    """
    row = _locked(delivery_id)
    if (row.facility_id, row.vaccine_id) != (movement.facility_id, movement.lot.vaccine_id):
        raise StockError("Kiriman yang diumumkan bukan untuk vaksin ini. Pilih yang benar.")
    if row.state != AnnouncedDelivery.State.ANNOUNCED:
        raise StockError("Kiriman yang diumumkan ini sudah selesai. Muat ulang halaman.")
    _end(row, AnnouncedDelivery.State.ARRIVED, movement.actor, doses_arrived=movement.quantity)
    return row


def _locked(delivery_id: int) -> AnnouncedDelivery:
    return AnnouncedDelivery.objects.select_for_update(no_key=True).get(pk=delivery_id)


def _end(row: AnnouncedDelivery, state: str, actor: User, **changed: Any) -> None:
    changed |= {"state": state, "ended_by": actor, "ended_at": timezone.now()}
    for name, value in changed.items():
        setattr(row, name, value)
    row.save(update_fields=list(changed))


def _of(pairs: Collection[changes.Pair] | None, rows: Any, facility: str, vaccine: str) -> Any:
    if pairs is None:
        return rows
    wanted = Q(pk__in=[])
    for facility_id, vaccine_code in pairs:
        wanted |= Q(**{facility: facility_id, vaccine: vaccine_code})
    return rows.filter(wanted)
