"""The stock ledger: sums agree, nothing goes below zero, nothing is overwritten."""

import uuid
from datetime import timedelta

import pgtrigger
import pytest
from django.db import InternalError
from django.utils import timezone

from core import audit
from stock import deliveries, queries, services
from stock.errors import StockError
from stock.models import StockBalance, StockMovement, Transfer, VialOpening
from tests.stock.shelf import expire, facility, keeper, on_hand, stocked, together

pytestmark = pytest.mark.django_db


def take(lot, at=None, place=None, actor=None):
    place = place or facility()
    return services.take_dose(
        facility_id=place.pk, lot_id=lot.pk, at=at or timezone.now(), actor=actor or keeper(place),
        immunization_uuid=uuid.uuid4(),
    )  # fmt: skip


def i4_violations():
    return sum(n for check, n in audit.run() if check.id == "I4" and "Dosis tercatat" not in check.title)


def test_the_balance_is_the_sum_of_all_lines():
    here, there, actor = facility(), facility("pkm-miroto"), keeper()
    lot = stocked(30)
    take(lot)
    services.waste(facility_id=here.pk, lot_id=lot.pk, doses=5, reason="Pecah", actor=actor)
    transfer = services.send(
        from_facility_id=here.pk, to_facility_id=there.pk, lot_id=lot.pk, doses=10, actor=actor
    )  # fmt: skip
    services.receive_transfer(transfer_id=transfer.pk, doses=8, actor=keeper(there), note="Dua pecah di jalan")
    services.count(facility_id=here.pk, lot_id=lot.pk, doses=13, actor=actor, reason="Satu hilang")
    assert (on_hand(lot), on_hand(lot, there)) == (13, 8)
    lines = StockMovement.objects.filter(facility=here, lot=lot)
    assert sum(line.quantity for line in lines) == 13
    assert i4_violations() == 0


@pytest.mark.django_db(transaction=True)
def test_a_line_can_be_neither_changed_nor_deleted():
    lot = stocked(5)
    line = StockMovement.objects.get(lot=lot)
    with pytest.raises(InternalError):
        StockMovement.objects.filter(pk=line.pk).update(quantity=7)
    with pytest.raises(InternalError):
        line.delete()
    assert StockMovement.objects.get(pk=line.pk).quantity == 5


def test_a_lot_used_up_gives_no_dose():
    lot = stocked(1)
    take(lot)
    with pytest.raises(StockError, match="habis"):
        take(lot)
    assert on_hand(lot) == 0


@pytest.mark.django_db(transaction=True)
def test_eight_hands_get_the_last_dose_once():
    lot, actor, here = stocked(1, vaccine="COV_SINOVAC"), keeper(), facility()
    results = together(lambda _n: take(lot, place=here, actor=actor), range(8))
    assert sum(not isinstance(result, Exception) for result in results) == 1
    assert all(isinstance(r, StockError) for r in results if isinstance(r, Exception))
    assert on_hand(lot) == 0
    assert i4_violations() == 0


def test_an_expired_lot_is_refused_but_its_last_day_is_fine():
    lot = stocked(5, days=0)
    take(lot)
    expire(lot)
    with pytest.raises(StockError, match="kedaluwarsa"):
        take(lot)


@pytest.mark.parametrize("stage", ["C", "D"])
def test_a_lot_whose_monitor_turned_is_refused(stage):
    lot = stocked(5)
    services.set_vvm(facility_id=facility().pk, lot_id=lot.pk, stage=stage)
    with pytest.raises(StockError, match="VVM"):
        take(lot)
    with pytest.raises(StockError, match="membaik"):
        services.set_vvm(facility_id=facility().pk, lot_id=lot.pk, stage="A")


def test_the_proposal_is_opened_then_vvm_b_then_earliest_expiry():
    here, now = facility(), timezone.now()
    late, early = stocked(20, days=300, lot_number="LATE"), stocked(20, days=100, lot_number="EARLY")
    older_stage = stocked(20, days=200, lot_number="STAGE-B", vvm_stage="B")
    opened = stocked(20, days=400, lot_number="OPENED")
    expired = stocked(20, days=1, lot_number="EXPIRED")
    expire(expired)
    services.open_vial(facility_id=here.pk, lot_id=opened.pk, actor=keeper())
    order = [lot.lot_id for lot in queries.usable_lots(here.pk, "COV_AZ", now)]
    assert order == [opened.pk, older_stage.pk, early.pk, late.pk]


def test_an_open_vial_ends_after_its_hours_and_its_rest_cannot_be_given():
    here, lot = facility(), stocked(10)
    opened_at = timezone.now() - timedelta(hours=7)
    vial = services.open_vial(facility_id=here.pk, lot_id=lot.pk, actor=keeper(), at=opened_at)
    assert vial.discard_at == opened_at + timedelta(hours=6)
    assert queries.usable_lots(here.pk, "COV_AZ", timezone.now()) == []
    with pytest.raises(StockError, match="lewat waktu"):
        take(lot)
    take(lot, at=opened_at + timedelta(hours=1))  # entered late, given in time
    services.discard_vial(vial_id=vial.pk, reason="Lewat waktu pakai", actor=keeper())
    assert on_hand(lot) == 0
    assert services.discard_vial(vial_id=vial.pk, reason="Lewat waktu pakai", actor=keeper()) is None


def test_taking_a_dose_opens_a_vial_and_the_last_one_closes_it():
    lot = stocked(12, vaccine="COV_PFIZER")
    for _dose in range(6):
        take(lot)
    vial = VialOpening.objects.get(lot=lot)
    assert (vial.doses, vial.doses_used) == (6, 6)
    assert vial.closed_at is not None
    take(lot)
    assert VialOpening.objects.filter(lot=lot).count() == 2


def test_a_dose_is_given_back_once():
    lot, key = stocked(10), uuid.uuid4()
    services.take_dose(
        facility_id=facility().pk, lot_id=lot.pk, at=timezone.now(), actor=keeper(), immunization_uuid=key
    )  # fmt: skip
    first = services.give_back(immunization_uuid=key, actor=keeper(), reason="Salah batch")
    again = services.give_back(immunization_uuid=key, actor=keeper(), reason="Salah batch")
    assert first == again
    assert on_hand(lot) == 10
    assert VialOpening.objects.get(lot=lot).doses_used == 0


@pytest.mark.parametrize("verb", ["receive", "waste", "send"])
def test_a_form_sent_twice_writes_one_line(verb):
    here, actor, lot, key = facility(), keeper(), stocked(20), uuid.uuid4()
    calls = {
        "receive": lambda: services.receive(
            facility_id=here.pk, vaccine_code="COV_AZ", lot_number=lot.lot_number, expiration_date=lot.expiration_date,
            doses=5, actor=actor, client_uuid=key,
        ),
        "waste": lambda: services.waste(
            facility_id=here.pk, lot_id=lot.pk, doses=5, reason="Rusak", actor=actor, client_uuid=key
        ),
        "send": lambda: services.send(
            from_facility_id=here.pk, to_facility_id=facility("pkm-miroto").pk, lot_id=lot.pk, doses=5, actor=actor,
            client_uuid=key,
        ),
    }  # fmt: skip
    first, second = calls[verb](), calls[verb]()
    assert first == second
    assert on_hand(lot) == (25 if verb == "receive" else 15)


def test_a_transfer_is_received_once_with_its_difference_explained():
    here, there = facility(), facility("pkm-miroto")
    lot = stocked(20)
    transfer = services.send(
        from_facility_id=here.pk, to_facility_id=there.pk, lot_id=lot.pk, doses=10, actor=keeper()
    )  # fmt: skip
    with pytest.raises(StockError, match="catatan"):
        services.receive_transfer(transfer_id=transfer.pk, doses=9, actor=keeper(there))
    with pytest.raises(StockError, match="lebih banyak"):
        services.receive_transfer(transfer_id=transfer.pk, doses=11, actor=keeper(there))
    for _again in range(2):
        services.receive_transfer(transfer_id=transfer.pk, doses=10, actor=keeper(there))
    assert on_hand(lot, there) == 10
    with pytest.raises(StockError, match="sudah diterima"):
        services.cancel_transfer(transfer_id=transfer.pk, actor=keeper(), reason="Salah kirim")


def test_a_cancelled_transfer_comes_back_and_cannot_be_received():
    here, there = facility(), facility("pkm-miroto")
    lot = stocked(20)
    transfer = services.send(
        from_facility_id=here.pk, to_facility_id=there.pk, lot_id=lot.pk, doses=10, actor=keeper()
    )  # fmt: skip
    for _again in range(2):
        services.cancel_transfer(transfer_id=transfer.pk, actor=keeper(), reason="Salah kirim")
    assert on_hand(lot) == 20
    with pytest.raises(StockError, match="dibatalkan"):
        services.receive_transfer(transfer_id=transfer.pk, doses=10, actor=keeper(there))
    assert i4_violations() == 0


def test_a_count_that_differs_needs_a_reason():
    here, lot = facility(), stocked(20)
    assert services.count(facility_id=here.pk, lot_id=lot.pk, doses=20, actor=keeper()) is None
    assert StockBalance.objects.get(lot=lot).counted_at is not None
    with pytest.raises(StockError, match="alasan"):
        services.count(facility_id=here.pk, lot_id=lot.pk, doses=18, actor=keeper())
    services.count(facility_id=here.pk, lot_id=lot.pk, doses=18, actor=keeper(), reason="Dua vial pecah")
    assert on_hand(lot) == 18


def test_a_known_lot_with_another_expiry_date_is_refused():
    lot = stocked(5, lot_number="SAME")
    with pytest.raises(StockError, match="sudah tercatat"):
        stocked(5, lot_number="same", days=10)
    assert on_hand(lot) == 5


@pytest.mark.parametrize("broken", ["balance", "running", "transfer", "vial"])
def test_audit_i4_finds_what_was_broken(broken):
    here, lot = facility(), stocked(20)
    take(lot)
    transfer = services.send(
        from_facility_id=here.pk, to_facility_id=facility("pkm-miroto").pk, lot_id=lot.pk, doses=5, actor=keeper()
    )  # fmt: skip
    assert i4_violations() == 0
    if broken == "balance":
        StockBalance.objects.filter(lot=lot).update(doses_on_hand=99)
    elif broken == "transfer":
        Transfer.objects.filter(pk=transfer.pk).update(state=Transfer.CANCELLED)
    elif broken == "vial":
        VialOpening.objects.filter(lot=lot).update(doses=5000, doses_used=0)
    else:
        with pgtrigger.ignore("stock.StockMovement:append_only"):
            StockMovement.objects.filter(lot=lot, kind="given").update(balance_after=3)
    assert i4_violations() > 0


def test_a_delivery_of_many_lots_adds_up():
    first, second = stocked(10), stocked(10)
    here, there = facility(), facility("pkm-miroto")
    lines = deliveries.receive_many(
        [
            deliveries.Delivery(here.pk, first.pk, 5),
            deliveries.Delivery(there.pk, first.pk, 7),
            deliveries.Delivery(here.pk, second.pk, 9),
            deliveries.Delivery(here.pk, second.pk, 1),
        ],
        actor=keeper(),
    )
    assert lines == 3
    assert (on_hand(first), on_hand(first, there), on_hand(second)) == (15, 7, 20)
    assert i4_violations() == 0
    expire(first)
    with pytest.raises(StockError, match="kedaluwarsa"):
        deliveries.receive_many([deliveries.Delivery(here.pk, first.pk, 1)], actor=keeper())
