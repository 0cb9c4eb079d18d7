"""Partner tokens: shown once, scoped, expiring, limited."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.urls import path
from django.utils import timezone
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import partner
from accounts.models import PartnerToken
from regions.models import Facility, Kecamatan
from tests.staff import make_staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client"), pytest.mark.urls(__name__)]


class Guarded(APIView):
    authentication_classes = [partner.PartnerTokenAuthentication]
    permission_classes = [partner.has_scope("doses.write")]

    def get(self, request):
        return Response({"facility": request.auth.facility.code, "user": request.user.username})


urlpatterns = [path("uji/", Guarded.as_view())]


@pytest.fixture
def hospital():
    kecamatan = Kecamatan.objects.create(code="99.74.01", name="Uji", grid_row=0, grid_col=0)
    return Facility.objects.create(code="rs-uji", name="RS Uji", kind="rumah_sakit", kecamatan=kecamatan)


@pytest.fixture
def issued(hospital):
    user = make_staff("mitra", facility=hospital)
    return partner.create(name="SIMRS", facility=hospital, user=user, scopes=["doses.write"])


def call(client, text):
    return client.get("/uji/", headers={"Authorization": f"Bearer {text}"})


def test_a_token_opens_what_its_scope_names(client, issued):
    token, text = issued
    answer = call(client, text)
    assert answer.json() == {"facility": "rs-uji", "user": token.user.username}
    token.refresh_from_db()
    assert token.last_used_at


def test_the_token_is_not_in_the_database(issued):
    _token, text = issued
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(t)::text FROM accounts_partnertoken t")
        assert text[8:] not in cursor.fetchone()[0]


@pytest.mark.parametrize(
    "change",
    [{"revoked_at": timezone.now()}, {"expires_at": timezone.now() - timedelta(seconds=1)}],
)
def test_a_revoked_or_expired_token_is_refused(client, issued, change):
    PartnerToken.objects.update(**change)
    answer = call(client, issued[1])
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("text", ["", "vmt_", "vmt_salah", "x" * 5000, "dua kata", "vmt_\u00e9"])
def test_any_other_text_is_refused_and_never_an_error(client, issued, text):
    assert call(client, text).status_code == 401


def test_no_token_is_401_and_the_wrong_scope_403(client, issued):
    assert client.get("/uji/").status_code in (401, 403)
    PartnerToken.objects.update(scopes=["doses.read"])
    assert call(client, issued[1]).status_code == 403


def test_when_the_assignment_ends_the_token_ends_with_it(client, issued):
    issued[0].user.memberships.update(valid_until="2020-01-01")
    assert call(client, issued[1]).status_code == 403


def test_past_its_rate_a_token_waits(client, issued):
    PartnerToken.objects.update(rate_per_minute=2)
    answers = [call(client, issued[1]).status_code for _turn in range(3)]
    assert answers == [200, 200, 429]


def test_revoking_ends_a_token_at_once(client, issued):
    partner.revoke(issued[0])
    assert call(client, issued[1]).status_code == 401


def test_a_token_needs_a_known_scope_a_period_and_a_partner(hospital):
    nurse, mitra = make_staff("petugas", facility=hospital), make_staff("mitra", facility=hospital)
    good = {"name": "x", "facility": hospital, "user": mitra, "scopes": ["doses.write"]}
    for wrong in ({"scopes": ["semua"]}, {"scopes": []}, {"days": 0}, {"days": 9999}, {"user": nurse}):
        with pytest.raises(ValidationError):
            partner.create(**(good | wrong))
