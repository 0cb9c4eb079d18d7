"""The stock admin shows our rows and changes none; nobody's identity stands in it."""

import pytest
from django.contrib import admin
from django.db import transaction
from django.utils import timezone

from accounts.models import PartnerToken
from messaging.services import send
from registration.claims import open_claim
from registration.models import Citizen
from registration.services import merge_citizens
from tests.registration.people import make_account, make_citizen
from tests.staff import make_staff, sign_in_staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]


def test_citizens_cannot_be_opened_without_a_trace():
    assert Citizen not in admin.site._registry


def test_every_page_of_ours_opens_and_shows_nobody(client):
    superuser = make_staff("admin_dinkes", city=True, is_superuser=True, is_staff=True)
    sign_in_staff(client, superuser)
    person = make_citizen(make_account(), full_name="Nama Rahasia")
    entry = {"nik": person.nik, "full_name": "Nama Rahasia", "birth_date": person.birth_date, "sex": "P"}
    open_claim(make_account(), entry)
    merge_citizens(kept_id=person.pk, merged_id=make_citizen(no_nik_reason="lain").pk, by=superuser, reason="uji")
    with transaction.atomic():
        send(kind="x", to="+6289900001234", text="Isi rahasia")
    assert not PartnerToken.objects.filter(expires_at__lt=timezone.now()).exists()
    for model in admin.site._registry:
        if model._meta.app_label not in ("accounts", "registration", "messaging"):
            continue
        listed = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        pages = [listed, *(f"{listed}{row.pk}/change/" for row in model.objects.all()[:1])]
        for page in pages:
            answer = client.get(page)
            assert answer.status_code == 200, page
            text = answer.content.decode()
            for secret in ("Nama Rahasia", person.nik, "900001234", "Isi rahasia"):
                assert secret not in text
        assert client.get(f"{listed}add/").status_code == 403
