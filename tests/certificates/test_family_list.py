"""The family's list of certificates, and its pages in English."""

import pytest
from django.urls import reverse

from programmes.models import DoseRule
from tests.certificates.doses import make_dose
from tests.registration.people import make_account, make_citizen, sign_in_citizen
from vaccination.models import Immunization

pytestmark = pytest.mark.django_db


def test_two_people_of_one_name_stay_two_and_doses_without_a_proof_are_folded(client):
    account = make_account()
    father, son = (make_citizen(account, full_name="Ali Uji") for _ in range(2))
    make_dose(father)
    told = make_dose(son)
    Immunization.objects.filter(pk=told.pk).update(is_primary_source=False)
    sign_in_citizen(client, account)
    page = client.get("/sertifikat/").content.decode()
    assert page.count(">Ali Uji</h2>") == 2
    assert "1 dosis tanpa sertifikat" in page and "tag--stop" not in page


def test_english_page(client):
    dose = make_dose()
    DoseRule.objects.create(
        code="X", programme_id=dose.programme_id, vaccine_id=dose.vaccine_id, dose_code=dose.dose_code,
        dose_label="Dosis 1", step=1, stage="primary",
    )  # fmt: skip
    sign_in_citizen(client, dose.citizen.account)
    response = client.get("/en" + reverse("certificates:of_dose", args=[dose.uuid]))
    assert response.status_code == 200
    assert b'lang="en"' in response.content
    for page in (response, client.get("/en/sertifikat/")):
        assert "Dose 1" in page.content.decode() and "Dosis" not in page.content.decode()
