"""The family's list of certificates."""

import pytest

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
