"""The lifelong record on paper: every programme, by disease, and nothing that identifies beyond name and birth date."""

import io

import pytest
from django.urls import reverse
from pypdf import PdfReader

from certificates.record import diseases_of
from tests.certificates.doses import make_dose, make_vaccine
from tests.registration.people import make_account, make_citizen, sign_in_citizen

pytestmark = pytest.mark.django_db


def test_record_lists_every_dose_under_each_disease_and_names_no_nik(client):
    account = make_account()
    citizen = make_citizen(account)
    make_vaccine("PENTA", name="DPT-HB-Hib", category="rutin_dasar", target_disease="Difteri, pertusis, Hib")
    make_dose(citizen, vaccine="PENTA", dose_code="penta1", days_ago=400)
    make_dose(citizen, is_primary_source=False)
    sign_in_citizen(client, account)
    response = client.get(reverse("certificates:record", args=[citizen.public_id]))
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(response.content)).pages)
    for word in ("Difteri", "Diphtheria", "Pertusis", "COVID-19", "Dicatat dari kartu", "Lifelong"):
        assert word in text
    assert text.count("DPT-HB-Hib") == 3
    assert citizen.nik not in text
    assert citizen.nik not in response.content.decode("latin-1") + response.headers["Content-Disposition"]


def test_record_of_another_family_is_not_found(client):
    stranger = make_citizen(make_account())
    sign_in_citizen(client, make_account())
    assert client.get(reverse("certificates:record", args=[stranger.public_id])).status_code == 404


def test_polio_of_every_type_is_one_disease():
    assert diseases_of("OPV", "Polio tipe 1 dan 3") == diseases_of("IPV", "Polio tipe 1-3") == ["Polio"]
