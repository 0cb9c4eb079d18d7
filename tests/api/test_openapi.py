"""/api/v1/ under fire over real HTTP: no input makes the server fail, every answer is one the OpenAPI text names."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from accounts import partner
from regions.models import Facility
from tests.factories.reference import load_reference
from tests.staff import make_staff

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_client")]
CHECKS = [not_a_server_error, response_schema_conformance, status_code_conformance]


@pytest.fixture
def bearer():
    """A partner's token with every scope, for a hospital of the city."""
    load_reference()
    hospital = Facility.objects.get(code="rs-elisabeth")
    _token, text = partner.create(
        name="Uji", user=make_staff("mitra", facility=hospital), facility=hospital, scopes=list(partner.SCOPES),
        rate_per_minute=1_000_000,
    )  # fmt: skip
    return text


@pytest.mark.timeout(900)
def test_no_input_makes_the_server_fail(live_server, bearer):
    schema = schemathesis.openapi.from_url(f"{live_server.url}/api/v1/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) >= 7
    for operation in operations:
        _fire_at(operation, bearer)


def _fire_at(operation, bearer):
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
    @given(case=operation.as_strategy())
    def shoot(case):
        response = case.call(headers={"Authorization": f"Bearer {bearer}"}, timeout=90)
        case.validate_response(response, checks=CHECKS)

    shoot()


def test_the_openapi_text_names_the_token(client):
    text = client.get("/api/v1/openapi.json").json()
    assert {"type": "http", "scheme": "bearer"}.items() <= text["components"]["securitySchemes"]["tokenMitra"].items()
    assert text["paths"]["/api/v1/immunizations/"]["post"]["security"] == [{"tokenMitra": []}]
