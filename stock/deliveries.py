"""A delivery of many lots, booked in at once."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from stock import changes
from stock.errors import StockError
from stock.models import Lot, StockBalance, StockMovement


@dataclass(frozen=True)
class Delivery:
    """One line of a delivery of many lots."""

    facility_id: int
    lot_id: int
    doses: int


@transaction.atomic
def receive_many(deliveries: Sequence[Delivery], *, actor: User, document: str = "") -> int:
    """Book in many lots at once, in seven statements; returns the number of lines. Locks all balance rows, in order.

    For lots already written down (`find_lot`); raises StockError when one of them has expired.
    """
    wanted = Counter({(line.facility_id, line.lot_id): 0 for line in deliveries})
    for line in deliveries:
        if line.doses < 1:
            raise StockError("Jumlah dosis harus lebih dari nol.")
        wanted[line.facility_id, line.lot_id] += line.doses
    lots = {lot for _facility, lot in wanted}
    found = dict(Lot.objects.filter(pk__in=lots).values_list("pk", "vaccine_id"))
    if Lot.objects.filter(pk__in=lots, expiration_date__lt=timezone.localdate()).exists():
        raise StockError("Salah satu batch sudah kedaluwarsa. Jangan diterima.")
    StockBalance.objects.bulk_create(
        [StockBalance(facility_id=facility, lot_id=lot) for facility, lot in wanted], ignore_conflicts=True
    )
    rows = StockBalance.objects.select_for_update(no_key=True).filter(
        facility_id__in={facility for facility, _lot in wanted}, lot_id__in=lots
    )
    now, changed, lines = timezone.now(), [], []
    for balance in rows.order_by("pk"):
        doses = wanted.get((balance.facility_id, balance.lot_id), 0)
        if not doses:
            continue
        balance.doses_on_hand += doses
        balance.updated_at = now
        changed.append(balance)
        lines.append(
            StockMovement(
                facility_id=balance.facility_id,
                lot_id=balance.lot_id,
                kind=StockMovement.Kind.RECEIVED,
                quantity=doses,
                balance_after=balance.doses_on_hand,
                actor=actor,
                document=document,
            )
        )
    StockBalance.objects.bulk_update(changed, ["doses_on_hand", "updated_at"], batch_size=500)
    StockMovement.objects.bulk_create(lines, batch_size=500)
    changes.tell(*((facility, found[lot]) for facility, lot in wanted))
    return len(lines)
