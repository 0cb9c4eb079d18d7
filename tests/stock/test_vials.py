"""Opening a vial by form."""

import uuid

import pytest
from django.urls import reverse

from stock.models import VialOpening
from tests.staff import sign_in_staff
from tests.stock.shelf import keeper, stocked

pytestmark = pytest.mark.django_db


def test_the_same_form_sent_twice_opens_one_vial(client):
    sign_in_staff(client, keeper())
    lot = stocked(20)
    form = {"client_uuid": str(uuid.uuid4()), "lot": lot.pk}
    for _twice in range(2):
        assert client.post(reverse("stock:open_vial"), form).url == reverse("stock:shelf")
    assert VialOpening.objects.count() == 1
    client.post(reverse("stock:open_vial"), form | {"client_uuid": str(uuid.uuid4())})
    assert VialOpening.objects.count() == 2
