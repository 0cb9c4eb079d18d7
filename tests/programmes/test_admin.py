import pytest
from django.urls import reverse

from accounts.models import User
from programmes import catalogue
from programmes.models import DoseRule
from tests.factories.reference import load_reference
from tests.staff import sign_in_staff


@pytest.fixture
def admin(db, client):
    load_reference()
    return sign_in_staff(client, User.objects.create_superuser("kepala", password=None, full_name="Kepala Uji"))


def test_what_no_source_confirms_carries_a_visible_mark(admin):
    for name, text in (
        ("programmes_doserule", "rule; seluruh baris, dari pengetahuan umum"),
        ("programmes_vaccine", "kode CVX"),
        ("regions_facility", "kapasitas per hari"),
        ("programmes_questionnaire", "seluruh formulir"),
    ):
        page = admin.get(reverse(f"admin:{name}_changelist") + "?verifikasi=ya").content.decode()
        assert "perlu verifikasi:" in page, name
        assert text in page, name
    sure = admin.get(
        reverse("admin:programmes_doserule_changelist") + "?verifikasi=tidak&programme__code__exact=covid19"
    )
    assert "C-PFIZER-1" not in sure.content.decode()


def test_every_page_of_reference_data_opens(admin):
    for model in ("programme", "targetgroup", "vaccine", "doserule", "gaprule", "questionnaire"):
        assert admin.get(reverse(f"admin:programmes_{model}_changelist")).status_code == 200
    for model in ("facility", "kecamatan", "kelurahan", "targetpopulation"):
        assert admin.get(reverse(f"admin:regions_{model}_changelist")).status_code == 200
    for model in ("coveragebaseline", "coveragerollup"):
        assert admin.get(reverse(f"admin:reporting_{model}_changelist")).status_code == 200
    assert admin.get(reverse("admin:programmes_doserule_change", args=["C-AZ-2"])).status_code == 200


def test_a_rule_switched_off_in_the_admin_is_gone_at_once(admin):
    assert any(rule.code == "C-AZ-1" for rule in catalogue.active_ruleset().rules)
    page = admin.get(reverse("admin:programmes_doserule_change", args=["C-AZ-1"]))
    data = {name: value for name, value in page.context["adminform"].form.initial.items() if value is not None}
    data |= {"is_active": "", "unverified_fields": "", "group_starts": "{}"}
    del data["is_active"]
    response = admin.post(reverse("admin:programmes_doserule_change", args=["C-AZ-1"]), data)
    assert response.status_code == 302, response.context["adminform"].form.errors
    assert not DoseRule.objects.get(pk="C-AZ-1").is_active
    assert not any(rule.code == "C-AZ-1" for rule in catalogue.active_ruleset().rules)
