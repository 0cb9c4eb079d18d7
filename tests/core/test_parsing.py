"""Odd documents sent to the API."""

import pytest


@pytest.mark.django_db
@pytest.mark.parametrize(
    "document",
    [
        '{"code":' + "[" * 100_000,
        '{"code":' * 100_000,
        '{"code":' + "9" * 10_000 + "}",
        '{"code":"' + "A" * 100_000 + '"}',
        '{"code":"\\ud800"}',
        '{"code":"\\u0000"}',
        '{"code":NaN}',
        "null",
        "[]",
        "",
    ],
    ids=["deep list", "deep object", "number", "long", "half a pair", "null byte", "NaN", "null", "list", "nothing"],
)
def test_an_odd_document_is_a_bad_request(client, redis_client, document):
    answer = client.post("/api/v1/certificates/verify/", document, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()
