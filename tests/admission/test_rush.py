"""A small release with bots: the same engine as `make bench`, and what it says when a guard is taken out."""

import pytest

from admission import rooms, turns
from bench import rush
from bench.load import LoadFailed
from scheduling import audits
from tests.admission.rush import somebody
from tests.scheduling.world import make_city, make_schedule

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(900)]
PLAN = rush.Plan(arrivals=600, places=120, bots=0.10, processes=1)


@pytest.fixture
def slots():
    """120 online places."""
    make_city()
    found = []
    for day in (2, 3):
        schedule = make_schedule(days=day, places_per_slot=30, walk_in_percent=0)
        found += list(schedule.slots.values_list("pk", flat=True))
    return found


def test_everything_is_sold_nothing_twice_and_bots_gain_little(slots):
    result = rush.run(PLAN, slots)
    assert (result.sold, result.over) == (120, 0)
    assert result.turns == 600
    # Twelve places would be fair; with so few the luck of the draw alone reaches 1.8. The full size is in make bench.
    assert result.ratio <= 1.9, result
    for check in (audits.active_without_place, audits.taken_without_appointment, audits.double_active):
        assert check() == 0


def test_without_the_shuffle_the_bots_take_far_more_than_their_share(slots, monkeypatch):
    """The engine can see a missing guard: with the order of arrival the first places are the bots'."""
    order = {}

    def by_arrival(seed, entries):
        names = [name for name, _weight in entries]
        rows = turns.Turn.objects.filter(public_id__in=names).order_by("joined_at", "pk")
        order["seen"] = True
        return [str(public_id) for public_id in rows.values_list("public_id", flat=True)]

    monkeypatch.setattr(rooms, "fair_order", by_arrival)
    result = rush.run(PLAN, slots)
    assert order["seen"] and result.ratio > 3, result


def test_without_one_nik_one_turn_a_bot_has_several(slots, monkeypatch):
    monkeypatch.setattr(turns, "person_keys", lambda room_id, account: [somebody()])
    with pytest.raises(LoadFailed, match="another turn"):  # found by the first bot that comes back
        rush.run(PLAN, slots)
