"""The odds of a draw: pure functions, 2,000 draws with fixed seeds, so that nothing here flickers."""

from decimal import Decimal

from scheduling.draws import files as draw_files
from scheduling.draws import weights as draw_weights

# --- odds -----------------------------------------------------------------------------------------------------------

DRAWS = 2000


def winners(weights):
    """Name → how often it came first in DRAWS draws with fixed seeds."""
    first = dict.fromkeys(weights, 0)
    tickets = [draw_files.Ticket(name, weight, 1, (1,)) for name, weight in weights.items()]
    for number in range(DRAWS):
        first[draw_files.drawn_order(f"seed {number}", "f" * 64, tickets)[0]] += 1
    return first


def chi_square(found, expected):
    return sum((found[name] - expected[name]) ** 2 / expected[name] for name in expected)


def test_equal_tickets_have_equal_odds():
    found = winners({f"N{number}": 1 for number in range(10)})
    # 9 degrees of freedom, 1 in 1000 by chance; the seeds are fixed, so this never flickers.
    assert chi_square(found, dict.fromkeys(found, DRAWS / 10)) < 27.9


def test_two_tickets_win_twice_as_often_as_one():
    weights = {"A": 2} | {f"N{number}": 1 for number in range(8)}
    found = winners(weights)
    assert chi_square(found, {name: DRAWS * weight / 10 for name, weight in weights.items()}) < 26.1
    assert 1.7 < found["A"] / (sum(found.values()) - found["A"]) * 8 < 2.3


def test_every_rank_is_fair_not_only_the_first():
    tickets = [draw_files.Ticket(f"N{number}", 1, 1, (1,)) for number in range(6)]
    ranks = dict.fromkeys(range(6), 0)
    for number in range(DRAWS):
        ranks[draw_files.drawn_order(f"seed {number}", "", tickets).index("N3")] += 1
    assert chi_square(ranks, dict.fromkeys(ranks, DRAWS / 6)) < 20.5


def test_the_order_in_which_people_entered_has_no_say():
    tickets = [draw_files.Ticket(f"N{number}", number % 3 + 1, 1, (1,)) for number in range(50)]
    assert draw_files.drawn_order("s", "h", tickets) == draw_files.drawn_order("s", "h", tickets[::-1])


def test_one_more_entry_changes_everybodys_tickets():
    """Whoever knew the seed could not add a number that wins and leave the others where they were."""
    tickets = [draw_files.Ticket(f"N{number:02}", 1, 1, (1,)) for number in range(20)]
    more = [*tickets, draw_files.Ticket("ZZ", 1, 1, (1,))]
    before, after = (
        draw_files.drawn_order("s", draw_files.hash_of(draw_files.participants_file(one)), one)
        for one in (tickets, more)
    )
    assert before != [name for name in after if name != "ZZ"]


# --- weights --------------------------------------------------------------------------------------------------------


def test_tickets_add_up_as_the_table_says():
    rules = [
        draw_weights.age_rule(60, 2),
        draw_weights.missed_rule(1, 3),
        {"kind": "coverage", "below": "50", "dose": "booster1", "codes": ["33.74.13"], "extra": 1},
    ]

    def count(age, missed, home):
        return draw_weights.tickets_of(rules, draw_weights.Person(age, missed, home))

    assert count(30, 0, None) == 1
    assert count(59, 0, None) == 1
    assert count(60, 0, None) == 3
    assert count(30, 2, None) == 3
    assert count(30, 9, None) == 4
    assert count(30, 0, "33.74.13") == 2
    assert count(70, 5, "33.74.13") == 7


def test_the_favoured_kecamatan_are_fixed_when_the_draw_is_announced(monkeypatch):
    reached = {"33.74.01": Decimal("49.99"), "33.74.02": Decimal("50"), "33.74.03": Decimal("12")}
    monkeypatch.setattr(draw_weights, "_coverage", [lambda _programme, _dose: reached])
    rule = draw_weights.coverage_rule("covid19", "booster1", Decimal(50), 1)
    assert rule["codes"] == ["33.74.01", "33.74.03"]
