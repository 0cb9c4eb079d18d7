"""Accounts for a trial, in step with what the simulator knows by default. Never overwrites what is there."""

from pcare_bridge.models import FacilityAccount, VaccineCode
from pcare_bridge.simulator import defaults
from programmes.models import Vaccine
from regions.models import Facility


def ensure_accounts() -> int:
    """Give every active facility an account of the simulator, and sample codes to vaccines without a KFA code.

    Idempotent; returns how many accounts were made.
    """
    missing = list(Facility.objects.filter(is_active=True, pcare_account__isnull=True).order_by("pk"))
    taken = set(FacilityAccount.objects.values_list("provider_code", flat=True)) if missing else set()
    free = (code for code in map(defaults.provider_code, range(1, defaults.PROVIDERS + 1)) if code not in taken)
    FacilityAccount.objects.bulk_create(_account(facility, code) for facility, code in zip(missing, free, strict=False))
    unnamed = list(Vaccine.objects.filter(pcare_code__isnull=True, kfa_products=[]).order_by("code"))
    known = VaccineCode.objects.filter(is_sample=True).count() if unnamed else 0
    VaccineCode.objects.bulk_create(
        VaccineCode(vaccine=vaccine, code=f"93{9_000_000 + known + number:07d}", is_sample=True)
        for number, vaccine in enumerate(unnamed, 1)
    )
    return len(missing)


def _account(facility: Facility, provider_code: str) -> FacilityAccount:
    username, password = defaults.account(provider_code)
    return FacilityAccount(
        facility=facility,
        provider_code=provider_code,
        cons_id=defaults.CONS_ID,
        secret=defaults.SIGNING_KEY,
        user_key=defaults.USER_KEY,
        username=username,
        password=password,
        application_code=defaults.APPLICATION_CODE,
        practitioner_code="000001",
    )
