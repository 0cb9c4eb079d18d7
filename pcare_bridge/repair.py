"""From the field a service complains about to the place where a person mends it, and straight on to sending again."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Lower

import registration.services as registration
from accounts.models import User
from pcare_bridge import accounts, planning, services
from pcare_bridge.models import Account, Delivery, DeliveryQuerySet, VaccineCode
from programmes.models import Vaccine
from registration.models import Citizen

PERSON, DOSE, ACCOUNT, CODES, SCREENING, NONE = "person", "dose", "account", "codes", "screening", ""


@dataclass(frozen=True)
class Place:
    """Whose page holds the wrong value, which field of it, and what people call that field."""

    kind: str
    field: str
    label: str


NIK = Place(PERSON, "nik", "NIK")
_LOT, _WHEN = Place(DOSE, "lot_id", "nomor batch"), Place(DOSE, "occurred_at", "waktu penyuntikan")
_WHICH = Place(DOSE, "dose_code", "dosis ke-")
_SITE = Place(DOSE, "body_site", "lokasi suntik")
_PROVIDER = Place(ACCOUNT, "provider_code", "kode fasilitas di PCare")
_WORKER = Place(ACCOUNT, "practitioner_code", "kode vaksinator di PCare")
_PRODUCT = Place(CODES, "code", "kode vaksin (KFA)")

# Names as the services write them, in lower case; of a FHIR expression the part after the resource counts.
PLACES = {
    "nik": NIK, "nokartu": NIK, "patient": NIK, "subject": NIK,
    "nama": Place(PERSON, "full_name", "nama"),
    "tgllahir": Place(PERSON, "birth_date", "tanggal lahir"),
    "sex": Place(PERSON, "sex", "jenis kelamin"),
    "nohp": Place(PERSON, "contact_phone", "nomor telepon"),
    "nobatch": _LOT, "tglkedaluwarsa": _LOT, "lotnumber": _LOT, "expirationdate": _LOT, "terapiobat": _LOT,
    "tglvaksin": _WHEN, "jamvaksin": _WHEN, "tgldaftar": _WHEN, "tglpulang": _WHEN, "occurrencedatetime": _WHEN,
    "period": _WHEN,
    "dosiske": _WHICH, "protocolapplied": _WHICH,
    "lokasisuntik": _SITE, "site": _SITE,
    "kdproviderpelayanan": _PROVIDER, "kddokter": _WORKER,
    "kdpoli": Place(ACCOUNT, "clinic_code", "kode poli kunjungan sehat"),
    "serviceprovider": Place(ACCOUNT, "organization_id", "nomor IHS organisasi"),
    "location": Place(ACCOUNT, "location_id", "nomor IHS lokasi vaksinasi"),
    "performer": Place(ACCOUNT, "practitioner_nik", "NIK vaksinator"),
    "username": Place(ACCOUNT, "username", "nama akun PCare"),
    "akun": Place(ACCOUNT, "is_active", "akun fasilitas"),
    "kdvaksin": _PRODUCT, "nmvaksin": _PRODUCT,
    "kddiag1": Place(CODES, "diagnosis_code", "kode diagnosis vaksin (ICD-10)"),
    "vaccinecode": Place(CODES, "kfa_group", "kode KFA dan CVX vaksin"),
    "skrining": Place(SCREENING, "", "hasil skrining"),
}  # fmt: skip

# Classes that name no field but mean one.
_BY_CLASS = {"not_found": NIK, "dependency": NIK, "not_eligible": NIK, "recorded_elsewhere": _WHICH}
_NOWHERE = Place(NONE, "", "")
# What leaves by a file stays out: it would be written twice.
_IN_A_FILE = ("in_file", "file_refused")


def place_of(delivery: Delivery) -> Place:
    """Where the value that was refused is mended; an empty kind when the service did not say."""
    words = delivery.error_field.lower().split(".")
    name = words[1] if len(words) > 1 and words[0] in ("immunization", "encounter") else words[0]
    # SATUSEHAT says performer[0].actor, PCare skrining[suhu]: the position does not matter.
    return PLACES.get(name.partition("[")[0], _BY_CLASS.get(delivery.error_class, _NOWHERE))


def of_kind(kind: str) -> list[str]:
    """Names of the services, in lower case, that are mended at one kind of place."""
    return [name for name, place in PLACES.items() if place.kind == kind]


@transaction.atomic
def mend_person(delivery: Delivery, by: User, changes: dict[str, Any]) -> int:
    """Write the right data of the person down and send again what was refused of them; returns how many.

    Raises ValidationError (field → sentence). Locks: citizen, then deliveries.
    """
    citizen = delivery.immunization.citizen
    _update(citizen, changes)
    return services.retry(_and_itself(_refused(by).filter(immunization__citizen=citizen), delivery), by)


@transaction.atomic
def complete_person(citizen: Citizen, by: User, changes: dict[str, Any]) -> int:
    """The same before a dose is given; what was refused of this person earlier goes again as well."""
    _update(citizen, changes)
    return services.retry(_refused(by).filter(immunization__citizen=citizen), by)


def _update(citizen: Citizen, changes: dict[str, Any]) -> None:
    if not changes:
        raise ValidationError("Tidak ada yang berubah. Betulkan isian yang salah, lalu simpan.")
    registration.update_citizen(citizen.pk, by_staff=True, **changes)


@transaction.atomic
def mend_codes(delivery: Delivery, by: User, code: VaccineCode) -> int:
    """Store the codes of a vaccine and send again what lacked them; returns how many. Locks: deliveries."""
    code.is_sample = False
    code.save()
    rows = _lacking(by, CODES).filter(immunization__vaccine=code.vaccine_id)
    return services.retry(_and_itself(rows, delivery), by)


def put_account(save: Callable[[], Account], by: User) -> int:
    """Store an account by `save`; returns how many deliveries go on because of it.

    Doses recorded while it was off are taken up in the same transaction: afterwards nothing would look for them. Locks:
    the account, then immunizations, then deliveries.
    """
    with transaction.atomic():
        account = save()
        taken_up = planning.backfill(account) if account.is_active else 0
    if not account.is_active:
        return 0
    return taken_up + services.resume(account) + _after_account(account, by)


def _after_account(account: Account, by: User) -> int:
    """Send again what was refused because of this account's own fields; returns how many."""
    profiles = accounts.profiles_of(account.service)
    return services.retry(_lacking(by, ACCOUNT).filter(facility_id=account.facility_id, profile__in=profiles), by)


def codes_of(vaccine: Vaccine) -> VaccineCode:
    """The row that holds a vaccine's codes, made (not saved) from the reference data when there is none."""
    found = VaccineCode.objects.filter(vaccine=vaccine).first()
    return found or VaccineCode(
        vaccine=vaccine,
        code=next(iter(vaccine.kfa_products), ""),
        kfa_group=next(iter(vaccine.kfa_groups), ""),
        cvx_code=next(iter(vaccine.cvx_codes), ""),
    )


def _refused(by: User) -> DeliveryQuerySet:
    rows: DeliveryQuerySet = Delivery.objects.visible_to(by).filter(state=Delivery.REFUSED)
    return rows.exclude(error_class__in=_IN_A_FILE)


def _lacking(by: User, kind: str) -> DeliveryQuerySet:
    rows = _refused(by).filter(error_class__in=("incomplete", "other_account"))
    return rows.annotate(name=Lower("error_field")).filter(name__in=of_kind(kind))


def _and_itself(rows: DeliveryQuerySet, delivery: Delivery) -> DeliveryQuerySet:
    found: DeliveryQuerySet = Delivery.objects.filter(Q(pk=delivery.pk) | Q(pk__in=rows.values("pk")))
    return found
