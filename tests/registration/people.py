"""Invented people: region 9974 does not exist (RULES N-11)."""

import itertools
from datetime import date

from django.http import HttpResponse
from django.utils import timezone

from core.crypto import blind_index
from registration import session
from registration.models import CitizenAccount
from registration.services import register_citizen

_numbers = itertools.count(1)


def nik_for(birth_date, sex="L", serial=None):
    """A well-formed NIK of nobody."""
    day = birth_date.day + (40 if sex == "P" else 0)
    return f"997401{day:02d}{birth_date:%m%y}{serial or 9000 + next(_numbers) % 1000:04d}"


def make_account(phone=None):
    """A verified account."""
    phone = phone or f"+628990{next(_numbers):08d}"
    return CitizenAccount.objects.create(
        phone=phone, phone_index=blind_index(phone, "phone"), verified_at=timezone.now()
    )


def make_citizen(account=None, *, birth_date=date(1931, 5, 17), sex="P", **fields):
    """An adult with a NIK, unless told otherwise."""
    if "nik" not in fields and "no_nik_reason" not in fields:
        fields["nik"] = nik_for(birth_date, sex)
    return register_citizen(
        account=account, birth_date=birth_date, sex=sex, full_name=fields.pop("full_name", "Suparti Uji"), **fields
    )


def sign_in_citizen(client, account):
    """Give the test client the signed cookie of `account`."""
    response = HttpResponse()
    session.sign_in(response, account)
    client.cookies[session.COOKIE] = response.cookies[session.COOKIE].value
    return client
