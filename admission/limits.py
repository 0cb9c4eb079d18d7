"""Moving-window limits before booking, per account, per phone and per NIK; an address block is never refused.

Phone and NIK have windows of their own: an account closed and opened again, or a person who goes from one account to
another, starts no new one. Both are counted by their keyed index, never in plain.
"""

from uuid import UUID

from django.conf import settings
from django.http import HttpRequest

from core import throttle
from core.net import address_block
from registration.models import Citizen, CitizenAccount


def turn(account: CitizenAccount) -> int:
    """Count one asking for a turn; 0, or the seconds to wait. One query for the NIKs of the family."""
    niks = _niks(account.pk)
    return _count(
        "turn", account.pk, bytes(account.phone_index), niks, settings.LIMIT_TURN_PER_ACCOUNT,
        settings.LIMIT_TURN_PER_PERSON,
    )  # fmt: skip


def booking(account_id: int, citizen: UUID | None) -> int:
    """Count one form of booking for `citizen`, or for the whole family; 0, or the seconds to wait. Two queries."""
    phone = CitizenAccount.objects.filter(pk=account_id).values_list("phone_index", flat=True).first() or b""
    return _count(
        "booking", account_id, bytes(phone), _niks(account_id, citizen), settings.LIMIT_BOOKING_PER_ACCOUNT,
        settings.LIMIT_BOOKING_PER_PERSON,
    )  # fmt: skip


def crowded_block(request: HttpRequest) -> bool:
    """Whether more turns come from this address block than usual: its polls are told to be rarer, nobody is refused.

    Thousands share one address behind a provider's NAT.
    """
    return bool(throttle.hit("turn-block", address_block(request), settings.LIMIT_TURN_PER_BLOCK))


def _niks(account_id: int, citizen: UUID | None = None) -> list[bytes]:
    people = Citizen.objects.active().filter(account=account_id, nik_index__isnull=False)
    if citizen:
        people = people.filter(public_id=citizen)
    return [bytes(index) for index in people.values_list("nik_index", flat=True)]


def _count(name: str, account_id: int, phone: bytes, niks: list[bytes], per_account: str, per_person: str) -> int:
    # The account first: it refuses most of what is refused, and then nothing else is counted.
    windows = [(name, str(account_id), per_account), (f"{name}-phone", phone.hex(), per_person)]
    windows += [(f"{name}-nik", nik.hex(), per_person) for nik in niks]
    return next((wait for window in windows if (wait := throttle.hit(*window))), 0)
