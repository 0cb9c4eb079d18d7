"""Upstream rules besides the deadlines: who may finish a record, and what cannot be added later. Assumed; settings.

Nobody publishes them; the people who typed into PCare Vaksinasi in 2021 knew them. Each can be switched off.
"""

from django.conf import settings

from pcare_bridge.errors import ERROR_CLASSES
from pcare_bridge.models import Account, Delivery, FacilityAccount
from pcare_bridge.outcome import Outcome

BEGUN_BY = "akun"  # in `Delivery.references`: the account that wrote first


def other_account(delivery: Delivery, account: Account, in_doubt: bool) -> Outcome | None:
    """A refusal when something of this dose stands at PCare that another account began; else notes who begins."""
    if not isinstance(account, FacilityAccount):
        return None
    began = delivery.references.get(BEGUN_BY)
    steps = (number for step, number in delivery.references.items() if step != BEGUN_BY)  # an empty one was forgotten
    stands = bool(delivery.upstream_number) or in_doubt or any(steps)
    if began and began != account.username and stands:
        if not settings.PCARE_SAME_ACCOUNT:
            return None
        return Outcome(
            ERROR_CLASSES["other_account"],
            delivery.upstream_number,
            in_doubt=in_doubt,
            error_field="username",
            message=f"Dimulai dengan akun {began}, sekarang akun fasilitas ini {account.username}.",
        )
    delivery.references = {**delivery.references, BEGUN_BY: account.username}
    return None


def phone_is_late(phone: str, number: str = "") -> bool:
    """Whether a telephone is missing that PCare takes at desk 1 only: to be named while the person is still there."""
    return settings.PCARE_PHONE_FIXED and not phone and not number
