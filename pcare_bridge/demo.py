"""Accounts for a trial, in step with what the simulator knows by default. Never overwrites what is there."""

from pcare_bridge import conf
from pcare_bridge.models import FacilityAccount, SatusehatAccount, VaccineCode
from pcare_bridge.simulator import defaults
from programmes.models import Vaccine
from regions.models import Facility

PROFILES = ["vaksinasi", "kunjungan"]
CLINIC = "023"  # the simulator's clinic for immunisation
# What a vaccine without codes of its own says in a trial: CVX 999 means unknown, the others are invented.
SAMPLE_DIAGNOSIS, SAMPLE_GROUP, SAMPLE_CVX = "Z25.8", "VG999", "999"


def ensure_accounts() -> int:
    """Give every active facility accounts of the simulator for all profiles, and sample codes where vaccines lack some.

    Idempotent; returns how many facilities got one.
    """
    missing = list(Facility.objects.filter(is_active=True, pcare_account__isnull=True).order_by("pk"))
    taken = set(FacilityAccount.objects.values_list("provider_code", flat=True)) if missing else set()
    numbers = (n for n in range(1, defaults.PROVIDERS + 1) if defaults.provider_code(n) not in taken)
    pairs = list(zip(missing, numbers, strict=False))
    FacilityAccount.objects.bulk_create(_account(facility, defaults.provider_code(n)) for facility, n in pairs)
    SatusehatAccount.objects.bulk_create(
        (SatusehatAccount(facility=facility, **defaults.satusehat(n)) for facility, n in pairs), ignore_conflicts=True
    )
    _ensure_codes()
    return len(missing)


def _ensure_codes() -> None:
    """Sample codes for every vaccine that some profile could not send as it stands in the reference data."""
    unnamed = [row for row in Vaccine.objects.filter(pcare_code__isnull=True).order_by("code") if _lacks(row)]
    known = VaccineCode.objects.filter(is_sample=True).count() if unnamed else 0
    VaccineCode.objects.bulk_create(
        VaccineCode(
            vaccine=vaccine,
            code=next(iter(vaccine.kfa_products), f"93{9_000_000 + known + number:07d}"),
            diagnosis_code="" if conf.diagnosis(vaccine.code, vaccine.category) else SAMPLE_DIAGNOSIS,
            kfa_group="" if vaccine.kfa_groups else SAMPLE_GROUP,
            cvx_code="" if vaccine.cvx_codes else SAMPLE_CVX,
            is_sample=True,
        )
        for number, vaccine in enumerate(unnamed, 1)
    )


def _lacks(vaccine: Vaccine) -> bool:
    diagnosis = conf.diagnosis(vaccine.code, vaccine.category)
    return not (vaccine.kfa_products and vaccine.kfa_groups and vaccine.cvx_codes and diagnosis)


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
        profiles=PROFILES,
        clinic_code=CLINIC,
    )
