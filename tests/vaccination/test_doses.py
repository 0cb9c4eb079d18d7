"""One dose: the guards, the lock, the ledger, the news, and what a correction leaves behind."""

import uuid
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from core import audit
from core.models import OutboxMessage
from programmes import history
from scheduling.models import Appointment
from stock.errors import StockError
from stock.models import StockMovement
from stock.services import set_vvm
from tests.scheduling.world import make_adult
from tests.stock.shelf import expire, facility, on_hand, stocked, together
from tests.vaccination.desk import arrived, booked_today, give, nurse, past, screened, today_schedule
from vaccination import corrections, services
from vaccination.errors import NeedsOverride, RuleRefused, VaccinationError
from vaccination.models import Immunization, Visit

pytestmark = pytest.mark.django_db


def audits_clean():
    return [check.title for check, n in audit.run() if n and check.id in ("I1", "I2", "I3", "I4", "I9")]


def test_a_dose_moves_stock_appointment_visit_and_news_together():
    lot = stocked(10)
    visit = screened()
    recorded = give(visit, lot)
    row = recorded.immunization
    visit.refresh_from_db()
    assert recorded.created
    assert (row.status, row.dose_number, row.lot_number) == ("completed", 1, lot.lot_number)
    assert on_hand(lot) == 9
    assert visit.step == Visit.Step.VACCINATED
    assert visit.observe_until == row.occurred_at + timedelta(minutes=15)
    assert visit.appointment.status == Appointment.Status.FULFILLED
    assert OutboxMessage.objects.filter(topic="immunization.recorded", payload__immunization_id=row.pk).exists()
    assert history.past_doses(visit.citizen_id)[0].dose_code == "primary1"
    assert audits_clean() == []


def test_a_dose_that_fails_leaves_nothing_behind(monkeypatch):
    lot, visit = stocked(10), screened()

    def broken(*_args, **_payload):
        raise RuntimeError("outbox")

    monkeypatch.setattr(services.outbox, "add", broken)
    with pytest.raises(RuntimeError):
        give(visit, lot)
    visit.refresh_from_db()
    assert on_hand(lot) == 10
    assert visit.step == Visit.Step.SCREENED
    assert visit.appointment.status == Appointment.Status.ARRIVED
    assert not Immunization.objects.exists()


def test_the_same_form_again_gives_the_first_answer():
    lot, visit, key = stocked(10), screened(), uuid.uuid4()
    first, second = give(visit, lot, key=key), give(visit, lot, key=key)
    assert first.immunization == second.immunization
    assert (first.created, second.created) == (True, False)
    assert on_hand(lot) == 9


@pytest.mark.django_db(transaction=True)
def test_the_same_form_eight_times_at_once_makes_one_dose():
    lot, visit, key, actor = stocked(10), screened(), uuid.uuid4(), nurse()
    results = together(lambda _n: give(visit, lot, key=key, actor=actor), range(8))
    assert [r for r in results if isinstance(r, Exception)] == []
    assert sum(result.created for result in results) == 1
    assert Immunization.objects.count() == 1
    assert on_hand(lot) == 9
    assert audits_clean() == []


@pytest.mark.django_db(transaction=True)
def test_the_last_dose_goes_to_one_of_eight_people():
    lot, schedule, actor = stocked(1, vaccine="COV_SINOVAC"), today_schedule("COV_SINOVAC"), nurse()
    visits = [screened(schedule=schedule, actor=actor) for _person in range(8)]
    results = together(lambda visit: give(visit, lot, actor=actor), visits)
    given = [result for result in results if not isinstance(result, Exception)]
    refused = [result for result in results if isinstance(result, Exception)]
    assert len(given) == 1
    assert all(isinstance(error, StockError) for error in refused)
    assert on_hand(lot) == 0
    assert Visit.objects.filter(step=Visit.Step.VACCINATED).count() == 1
    assert audits_clean() == []


@pytest.mark.django_db(transaction=True)
def test_two_facilities_cannot_give_one_person_the_same_dose_together():
    citizen, here, there = make_adult(), facility(), facility("pkm-miroto")
    lots = {here: stocked(10, at=here), there: stocked(10, at=there)}
    actors = {here: nurse(at=here), there: nurse(at=there)}

    def record(place):
        return services.record_dose(
            client_uuid=uuid.uuid4(), citizen_id=citizen.pk, facility_id=place.pk, programme_code="covid19",
            dose_code="primary1", lot_id=lots[place].pk, performer=actors[place], recorder=actors[place],
        )  # fmt: skip

    results = together(record, [here, there] * 3)
    assert sum(not isinstance(result, Exception) for result in results) == 1
    assert all(isinstance(r, RuleRefused) for r in results if isinstance(r, Exception))
    assert Immunization.objects.count() == 1


def test_a_key_of_one_person_cannot_answer_for_another():
    key = uuid.uuid4()
    give(key=key)
    with pytest.raises(VaccinationError, match="orang lain"):
        give(screened(schedule=today_schedule("COV_MODERNA")), stocked(vaccine="COV_MODERNA"), key=key)


def test_a_dose_already_given_is_refused_with_its_day():
    visit = screened()
    give(visit)
    with pytest.raises(RuleRefused, match="sudah diberikan"):
        give(visit)


def test_the_wrong_dose_is_refused():
    visit = screened()
    with pytest.raises(RuleRefused, match="tidak boleh"):
        give(visit, dose_code="booster1")
    with pytest.raises(RuleRefused, match="tidak dikenal"):
        give(visit, dose_code="booster9")


def test_the_vaccine_of_another_programme_is_refused():
    visit = screened()
    with pytest.raises(RuleRefused, match="bukan vaksin program ini"):
        give(visit, stocked(vaccine="MR"))


def test_too_early_needs_a_reason_and_then_does_not_count():
    citizen = make_adult()
    past(citizen, "primary1", 10)
    visit = screened(citizen=citizen, dose_code="primary2")
    lot = stocked()
    with pytest.raises(NeedsOverride):
        give(visit, lot)
    assert on_hand(lot) == 20
    row = give(visit, lot, override_reason="Berangkat haji besok").immunization
    assert row.invalid_reasons == ["too_early"]
    assert row.override_reason == "Berangkat haji besok"
    assert not history.past_doses(citizen.pk)[-1].counts


def test_an_expired_lot_an_empty_lot_and_a_turned_monitor_are_refused():
    visit, expired, empty, turned = screened(), stocked(), stocked(1, vaccine="COV_SINOVAC"), stocked()
    expire(expired)
    with pytest.raises(StockError, match="kedaluwarsa"):
        give(visit, expired)
    set_vvm(facility_id=facility().pk, lot_id=turned.pk, stage="C")
    with pytest.raises(StockError, match="VVM"):
        give(visit, turned)
    give(screened(schedule=today_schedule("COV_SINOVAC")), empty)
    with pytest.raises(StockError, match="habis"):
        give(visit, empty)
    assert not Immunization.objects.filter(citizen=visit.citizen).exists()


def test_no_dose_without_a_screening_that_said_go_ahead():
    with pytest.raises(VaccinationError, match="Skrining belum"):
        give(arrived())


def test_no_dose_in_the_future_before_birth_or_long_ago():
    visit, lot = screened(), stocked()
    for at, word in [(timedelta(hours=1), "masa depan"), (timedelta(days=-40), "riwayat")]:
        with pytest.raises(VaccinationError, match=word):
            give(visit, lot, occurred_at=timezone.now() + at)


def test_a_booster_counts_over_the_whole_series():
    citizen = make_adult()
    past(citizen, "primary1", 900)
    past(citizen, "primary2", 800)
    visit = screened(citizen=citizen, dose_code="booster1")
    row = give(visit).immunization
    assert row.dose_number == 3
    assert float(row.dose_quantity_ml) > 0


def test_a_correction_keeps_both_versions_and_moves_stock():
    wrong, right = stocked(10), stocked(10)
    old = give(lot=wrong).immunization
    new = corrections.correct_dose(
        immunization_id=old.pk, client_uuid=uuid.uuid4(), actor=nurse(), reason="Batch tertukar", lot_id=right.pk
    ).immunization  # fmt: skip
    old.refresh_from_db()
    assert (old.status, old.status_reason, old.lot_number) == ("entered-in-error", "Batch tertukar", wrong.lot_number)
    assert (new.status, new.replaces_id, new.lot_number) == ("completed", old.pk, right.lot_number)
    assert (on_hand(wrong), on_hand(right)) == (10, 9)
    kinds = StockMovement.objects.filter(immunization_uuid__in=[old.uuid, new.uuid]).values_list("kind", flat=True)
    assert sorted(kinds) == ["given", "given", "given_reversed"]
    assert OutboxMessage.objects.filter(
        topic="immunization.corrected", payload__immunization_id=old.pk, payload__replacement_id=new.pk
    ).exists()
    assert audits_clean() == []


def test_a_correction_sent_twice_is_one_and_a_stale_one_is_refused():
    row, key = give().immunization, uuid.uuid4()
    change = {"immunization_id": row.pk, "actor": nurse(), "reason": "Lengan lain", "body_site": "RA"}
    first = corrections.correct_dose(client_uuid=key, **change)
    assert corrections.correct_dose(client_uuid=key, **change).immunization == first.immunization
    with pytest.raises(VaccinationError, match="sudah dibetulkan"):
        corrections.correct_dose(client_uuid=uuid.uuid4(), **change)
    assert Immunization.objects.count() == 2


def test_a_correction_without_a_new_lot_leaves_the_ledger_alone_and_can_still_be_withdrawn():
    lot = stocked(10)
    row = give(lot=lot).immunization
    new = corrections.correct_dose(
        immunization_id=row.pk, client_uuid=uuid.uuid4(), actor=nurse(), reason="Lengan lain", body_site="RA"
    ).immunization  # fmt: skip
    assert on_hand(lot) == 9
    corrections.withdraw_dose(immunization_id=new.pk, actor=nurse(), reason="Ternyata tidak jadi")
    assert on_hand(lot) == 10
    assert audits_clean() == []


def test_a_correction_to_a_wrong_dose_is_refused_and_changes_nothing():
    row = give().immunization
    with pytest.raises(RuleRefused):
        corrections.correct_dose(
            immunization_id=row.pk, client_uuid=uuid.uuid4(), actor=nurse(), reason="Salah", dose_code="booster2"
        )  # fmt: skip
    row.refresh_from_db()
    assert row.status == "completed"


def test_a_withdrawn_dose_returns_stock_and_the_person_to_the_desk():
    lot, visit = stocked(10), screened()
    row = give(visit, lot).immunization
    for _again in range(2):
        corrections.withdraw_dose(immunization_id=row.pk, actor=nurse(), reason="Salah orang")
    visit.refresh_from_db()
    assert visit.step == Visit.Step.SCREENED
    assert visit.appointment.status == Appointment.Status.ARRIVED
    assert on_hand(lot) == 10
    assert give(visit, lot).created
    assert audits_clean() == []


def test_a_past_dose_is_taken_over_without_stock_and_opens_the_booster():
    citizen = make_adult()
    row = past(citizen, "primary1", 900)
    assert (row.is_primary_source, row.report_origin, row.lot_id_used) == (False, "card", None)
    with pytest.raises(RuleRefused):
        past(citizen, "primary1", 880)


def test_news_and_dose_commit_together_or_not_at_all():
    visit, lot = screened(), stocked()
    before = OutboxMessage.objects.filter(topic="immunization.recorded").count()
    with pytest.raises(RuntimeError), transaction.atomic():
        give(visit, lot)
        raise RuntimeError("power cut before commit")
    assert OutboxMessage.objects.filter(topic="immunization.recorded").count() == before
    assert not Immunization.objects.exists()


@pytest.mark.parametrize("broken", ["I3", "I4", "I9"])
def test_the_audit_finds_what_was_broken(broken):
    from core.models import ReadLog

    row = give().immunization
    booked_today()
    assert audits_clean() == []
    if broken == "I3":
        Visit.objects.filter(pk=row.visit_id).update(step=Visit.Step.VACCINATED)
        Immunization.objects.filter(pk=row.pk).update(visit=None)
    elif broken == "I4":
        Immunization.objects.filter(pk=row.pk).update(status="entered-in-error")
    else:
        ReadLog.objects.all().delete()
    assert any(n for check, n in audit.run() if check.id == broken)


@pytest.mark.django_db(transaction=True)
def test_crossing_corrections_of_two_lots_do_not_block_each_other():
    one, other, actor = stocked(20), stocked(20), nurse()
    schedule = today_schedule()
    rows = [
        give(screened(schedule=schedule, actor=actor), lot, actor=actor).immunization for lot in [one, other] * 4
    ]  # fmt: skip

    def swap(row):
        to = other if row.lot_id_used == one.pk else one
        return corrections.correct_dose(
            immunization_id=row.pk, client_uuid=uuid.uuid4(), actor=actor, reason="Batch tertukar", lot_id=to.pk
        )

    assert [result for result in together(swap, rows) if isinstance(result, Exception)] == []
    assert (on_hand(one), on_hand(other)) == (16, 16)
    assert audits_clean() == []
