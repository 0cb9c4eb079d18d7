import csv

import pytest
from django.core.management import call_command

from programmes.models import DoseRule, Questionnaire, Vaccine
from regions.models import Facility, Kecamatan, Kelurahan
from tests.factories.reference import load_reference

pytestmark = pytest.mark.django_db


def test_the_city_is_loaded_complete_and_loading_again_changes_nothing(capsys):
    call_command("load_reference_data")
    first = capsys.readouterr().out
    assert (Kecamatan.objects.count(), Kelurahan.objects.count(), Facility.objects.count()) == (16, 177, 57)
    assert Vaccine.objects.count() == 36
    assert "57 fasilitas (57 baru)" in first
    Facility.objects.filter(code="pkm-poncol").update(phone="(024) 000")
    call_command("load_reference_data")
    assert "57 fasilitas (0 baru)" in capsys.readouterr().out
    assert Facility.objects.get(code="pkm-poncol").phone == "(024) 000"
    call_command("load_reference_data", "--update")
    assert Facility.objects.get(code="pkm-poncol").phone == "(024) 3546053"


def test_kelurahan_with_one_name_stay_two_places():
    load_reference()
    assert sorted(k.kecamatan.name for k in Kelurahan.objects.filter(name="Purwosari")) == ["Mijen", "Semarang Utara"]
    assert Facility.objects.get(code="rs-wongsonegoro").kelurahan.kecamatan.name == "Tembalang"


def test_every_row_of_the_specification_is_carried_with_its_open_questions(shared_dir):
    load_reference()
    for row in csv.DictReader((shared_dir / "domain" / "wilayah_semarang.csv").open(encoding="utf-8")):
        model = {"kecamatan": Kecamatan, "kelurahan": Kelurahan}.get(row["level"])
        if model:
            assert model.objects.get(code=row["code"]).name == row["name"]
    for row in csv.DictReader((shared_dir / "domain" / "vaccines.csv").open(encoding="utf-8")):
        assert bool(Vaccine.objects.get(code=row["code"]).unverified_fields) == bool(row["verify"]), row["code"]
    for row in csv.DictReader((shared_dir / "domain" / "schedules.csv").open(encoding="utf-8")):
        rule = DoseRule.objects.get(code=row["rule_id"])
        assert bool(rule.unverified_fields or rule.to_verify) == bool(row["verify"]), row["rule_id"]
    for row in csv.DictReader((shared_dir / "domain" / "sites.csv").open(encoding="utf-8")):
        assert Facility.objects.get(code=row["site_id"]).unverified_fields, row["site_id"]


def test_every_rule_is_valid_and_refers_to_steps_that_exist():
    load_reference()
    for rule in DoseRule.objects.select_related("vaccine"):
        rule.full_clean(exclude=["prior_vaccine"])
        steps = DoseRule.objects.filter(programme=rule.programme_id)
        if rule.follows:
            assert steps.filter(dose_code=rule.follows).exists() or steps.filter(stage=rule.follows).exists(), rule.code
        # An unverified limit without a confirmed part always ends in manual review, so a typo here would be silent.
        assert set(rule.unverified_fields) <= {"min_age", "max_age", "min_interval", "valid_from", "rule"}, rule.code


def test_forms_have_both_languages():
    load_reference()
    assert Questionnaire.objects.count() == 6
    for form in Questionnaire.objects.all():
        assert form.title_en
        assert all(q.text and q.text_en for q in form.questions.all()), form.code
        assert all(q.advice_en for q in form.questions.all() if q.advice), form.code
