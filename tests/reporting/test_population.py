import io

import pytest
from django.core.management import CommandError, call_command

from core.crypto import blind_index
from programmes.history import PastDose
from programmes.reference import ruleset_from_files
from programmes.rules import Facts, evaluate, pick
from registration.models import Citizen
from registration.nik import parse
from reporting import checks
from reporting.models import CoverageRollup
from reporting.population import LAST_DAY, doses, people
from stock import queries as stock
from tests.factories.reference import load_reference
from vaccination.models import Immunization
from vaccination.queries import doses_without_stock

PLACES = [("33.74.11.1001", 3), ("33.74.05.1001", 1)]


def test_the_same_seed_gives_the_same_people_and_doses():
    one, two = list(people(300, 7, PLACES)), list(people(300, 7, PLACES))
    assert one == two
    assert list(doses(one, 700, 7)) == list(doses(two, 700, 7))
    assert list(people(300, 8, PLACES)) != one


def test_every_nik_is_well_formed_unique_and_of_a_province_that_does_not_exist():
    crowd = list(people(5000, 1, PLACES))
    assert len({person.nik for person in crowd}) == 5000
    for person in crowd:
        parsed = parse(person.nik, today=LAST_DAY)
        assert parsed.warnings(birth_date=person.birth_date, sex=person.sex) == ["region"]


def test_exactly_as_many_doses_as_asked_or_a_plain_no():
    crowd = list(people(200, 1, PLACES))
    room = sum(person.most_doses for person in crowd)
    for count in (0, 1, 199, 500, room):
        assert sum(1 for _ in doses(crowd, count, 1)) == count
    with pytest.raises(ValueError, match="paling banyak"):
        list(doses(crowd, room + 1, 1))


def test_no_invented_history_breaks_a_rule_that_decides():
    rules = ruleset_from_files()
    crowd = list(people(400, 3, PLACES))
    past: dict[int, list[PastDose]] = {}
    for dose in doses(crowd, 900, 3):
        day, person = dose.at.date(), crowd[dose.person]
        history = past.setdefault(dose.person, [])
        options = evaluate(Facts(person.birth_date, person.sex), history, day, rules)
        option = pick(options, dose.programme, dose.vaccine, dose.code, rules)
        assert option.eligible or option.manual_review, (person, dose, option)
        assert option.reason in ("ok", "unverified_rule"), option
        history.append(PastDose(dose.programme, dose.vaccine, dose.code, day))


@pytest.mark.django_db
def test_a_loaded_population_is_found_like_any_other_and_all_its_sums_agree():
    load_reference()
    out = io.StringIO()
    call_command("load_population", citizens=600, doses=1500, seed=1, stdout=out)
    assert "600 warga dan 1.500 dosis dimuat" in out.getvalue()
    assert "warga: 600 dari 600" in out.getvalue()
    assert (Citizen.objects.count(), Immunization.objects.count()) == (600, 1500)
    person = next(people(1, 1, [("33.74.01.1001", 1)]))
    found = Citizen.objects.exclude(address=None).order_by("pk").first()
    assert found.nik.startswith("9801")
    assert found.nik_index == blind_index(found.nik, "nik")
    assert found.address.startswith("Jalan ")
    assert person.nik[:4] == "9801"
    assert CoverageRollup.objects.exists()
    assert checks.different_cells() == 0
    assert stock.unbalanced() == stock.broken_running_totals() == doses_without_stock() == 0
    found.full_clean(exclude=["nik", "address", "contact_phone", "family_card_number"])
    for row in Immunization.objects.all()[:50]:
        row.full_clean()


@pytest.mark.django_db
def test_a_seed_is_loaded_once_and_a_refusal_leaves_nothing():
    load_reference()
    call_command("load_population", citizens=50, doses=60, seed=1, verbosity=0)
    with pytest.raises(CommandError, match="sudah dimuat"):
        call_command("load_population", citizens=80, doses=60, seed=1, verbosity=0)
    with pytest.raises(CommandError, match="paling banyak"):
        call_command("load_population", citizens=10, doses=60, seed=2, verbosity=0)
    call_command("load_population", citizens=50, doses=60, seed=2, verbosity=0)
    assert Citizen.objects.count() == 100
    for bad in ({"citizens": 0}, {"doses": -1}, {"seed": -3}):
        with pytest.raises(CommandError):
            call_command("load_population", **({"citizens": 5, "doses": 5, "seed": 3} | bad))


@pytest.mark.django_db
def test_without_a_city_the_command_says_what_to_do_first():
    with pytest.raises(CommandError, match="load_reference_data"):
        call_command("load_population", citizens=5, doses=5, seed=3)
