"""Writing citizens: register, change, find, and merge. Locks: account, then citizen (docs/architecture.md)."""

import secrets
import uuid
from datetime import date
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from core.crypto import blind_index
from regions.models import Kelurahan
from registration import merging, names, nik, phone
from registration.models import Citizen, CitizenAccount, CitizenMerge

# No vowels and no look-alikes; the letters keep a temporary number from ever looking like a NIK (RULES N-8).
CODE_SIGNS = "BCDFGHJKMNPQRSTVWXYZ23456789"
OLDEST_BIRTH = date(1900, 1, 1)
IDENTITY_FIELDS = ("nik", "full_name", "birth_date", "sex")
PLAIN_FIELDS = ("relation", "kelurahan", "domicile_kelurahan", "address", "birth_order", "guardian")


class NikTaken(ValidationError):
    """Another record holds this NIK; `citizen_id` tells our own code which, never the page."""

    def __init__(self, citizen_id: int) -> None:
        super().__init__(_("Data ini perlu diperiksa petugas dengan kartu asli."), code="nik_taken")
        self.citizen_id = citizen_id


def nik_index(text: str) -> bytes:
    """Keyed index of a NIK as typed."""
    return blind_index(nik.clean(text), "nik")


def phone_index(e164: str) -> bytes:
    """Keyed index of a phone in E.164."""
    return blind_index(e164, "phone")


def find_by_nik(text: str) -> Citizen | None:
    """The one living record with this NIK, or None; a malformed text finds nobody."""
    return Citizen.objects.active().filter(nik_index=nik_index(text)).first()


def find_by_temporary_code(code: str) -> Citizen | None:
    """The record with this temporary number; a merged one leads to the record that was kept."""
    cleaned = code.strip().upper().replace("\x00", "")
    found = Citizen.objects.filter(temporary_code=cleaned).select_related("merged_into").first()
    while found and found.merged_into:
        found = found.merged_into
    return found


@transaction.atomic
def register_citizen(
    *,
    full_name: str,
    birth_date: date,
    sex: str,
    nik: str | None = None,
    no_nik_reason: str = "",
    account: CitizenAccount | None = None,
    relation: str = Citizen.Relation.SELF,
    guardian: Citizen | None = None,
    kelurahan: Kelurahan | None = None,
    domicile_kelurahan: Kelurahan | None = None,
    address: str = "",
    family_card_number: str = "",
    contact_phone: str = "",
    birth_order: int = 1,
    identity_verified: bool = False,
    public_id: uuid.UUID | None = None,
) -> Citizen:
    """Write one person, with NIK or with the reason for having none.

    Raises ValidationError (field → sentence) for a bad entry, NikTaken when the NIK is on record already.
    Locks the account while its family is counted; the unique index decides between two entries of one NIK.
    `public_id` chosen by the form makes a form sent twice one person.
    """
    citizen = Citizen(
        account=account,
        relation=relation,
        guardian=guardian,
        kelurahan=kelurahan,
        domicile_kelurahan=domicile_kelurahan,
        address=address.strip() or None,
        birth_order=birth_order,
        identity_verified_at=timezone.now() if identity_verified else None,
        public_id=public_id or uuid.uuid4(),
    )
    _set_identity(citizen, nik=nik, full_name=full_name, birth_date=birth_date, sex=sex, no_nik_reason=no_nik_reason)
    _set_family_card(citizen, family_card_number)
    _set_contact_phone(citizen, contact_phone)
    if account is not None:
        check_room_in_family(account)
    _check_guardian(citizen)
    return _insert(citizen)


@transaction.atomic
def update_citizen(citizen_id: int, *, by_staff: bool = False, **changes: Any) -> Citizen:
    """Change the named fields of one citizen, locked until commit; a NIK may be added once it is issued.

    After a desk has seen the card (`identity_locked`) only staff may change NIK, name, birth date or sex.
    Raises ValidationError, NikTaken.
    """
    citizen = Citizen.objects.select_for_update(no_key=True).get(pk=citizen_id, merged_into__isnull=True)
    identity = {name: changes.pop(name) for name in IDENTITY_FIELDS if name in changes}
    reason = changes.pop("no_nik_reason", citizen.no_nik_reason)
    differs = any(value != getattr(citizen, name) for name, value in identity.items())
    if differs and citizen.identity_locked and not by_staff:
        raise ValidationError(
            _("Data ini sudah diperiksa petugas. Untuk mengubahnya, bawa KTP atau KK ke puskesmas."), code="locked"
        )
    if identity:
        current = {name: getattr(citizen, name) for name in IDENTITY_FIELDS}
        _set_identity(citizen, **(current | identity), no_nik_reason=reason)
    if "family_card_number" in changes:
        _set_family_card(citizen, changes.pop("family_card_number"))
    if "contact_phone" in changes:
        _set_contact_phone(citizen, changes.pop("contact_phone"))
    for name in [name for name in changes if name in PLAIN_FIELDS]:
        value = changes.pop(name)
        setattr(citizen, name, (value or None) if name == "address" else value)
    if changes.pop("identity_verified", False):
        citizen.identity_verified_at = timezone.now()
    if changes:
        raise TypeError(f"unknown fields: {', '.join(sorted(changes))}")
    _check_guardian(citizen)
    try:
        with transaction.atomic():
            citizen.save()
    except IntegrityError:
        raise _taken(citizen) from None
    return citizen


@transaction.atomic
def known_or_new(*, nik: str | None = None, **entry: Any) -> tuple[Citizen, bool]:
    """The person with this NIK, locked until commit, or a new record of what was typed; and whether it is new.

    For walk-ins and partners: two desks that type one NIK at the same moment get the same record. What is on
    record wins over what was typed; the desk compares both.
    """
    if nik:
        found = find_by_nik(nik)
        if not found:
            try:
                with transaction.atomic():
                    return register_citizen(nik=nik, **entry), True
            except NikTaken as taken:
                found = Citizen.objects.get(pk=taken.citizen_id)
        return Citizen.objects.select_for_update(no_key=True).get(pk=found.pk), False
    return register_citizen(nik=None, **entry), True


@transaction.atomic
def merge_citizens(*, kept_id: int, merged_id: int, by: User, reason: str) -> Citizen:
    """Make two records of one person one: rows move to `kept`, `merged` stays as a pointer, the trail says why.

    Locks both citizens in order of id. Raises ValidationError when the two cannot be one person.
    """
    if kept_id == merged_id:
        raise ValidationError(_("Pilih dua data yang berbeda."))
    rows = Citizen.objects.select_for_update(no_key=True).filter(pk__in=[kept_id, merged_id]).order_by("pk")
    locked = {row.pk: row for row in rows}
    kept, merged = locked[kept_id], locked[merged_id]
    if kept.merged_into_id or merged.merged_into_id:
        raise ValidationError(_("Salah satu data sudah pernah digabungkan."))
    if merged.nik_index is not None:
        raise ValidationError(_("Hanya data tanpa NIK yang dapat digabungkan ke data lain."))
    if not reason.strip():
        raise ValidationError(_("Alasan penggabungan belum diisi."))
    merging.move_all(kept, merged)
    for name in ("account_id", "kelurahan_id", "domicile_kelurahan_id", "guardian_id", "address", "contact_phone"):
        if getattr(kept, name) is None:
            setattr(kept, name, getattr(merged, name))
    kept.contact_phone_index = phone_index(kept.contact_phone) if kept.contact_phone else None
    if kept.guardian_id == kept.pk:
        kept.guardian_id = None
    kept.save()
    merged.wards.update(guardian=kept)
    merged.merged_into = kept
    merged.save(update_fields=["merged_into"])
    CitizenMerge.objects.create(kept=kept, merged=merged, by=by, reason=reason.strip()[:200])
    return kept


def check_room_in_family(account: CitizenAccount) -> None:
    """Lock the account and refuse one person more than FAMILY_LIMIT."""
    CitizenAccount.objects.select_for_update(no_key=True).get(pk=account.pk)
    if Citizen.objects.of_account(account).count() >= settings.FAMILY_LIMIT:
        raise ValidationError(
            _("Satu nomor telepon dapat mengurus paling banyak %(limit)d orang. Untuk menambah, hubungi puskesmas."),
            code="family_full",
            params={"limit": settings.FAMILY_LIMIT},
        )


def new_code(prefix: str) -> str:
    """A random code people can read aloud, such as TS-7KQM-X29B."""
    signs = "".join(secrets.choice(CODE_SIGNS) for _position in range(8))
    return f"{prefix}-{signs[:4]}-{signs[4:]}"


def make_temporary(citizen: Citizen, reason: str) -> None:
    """Turn `citizen` (unsaved changes only) into a temporary identity for `reason`."""
    citizen.nik = citizen.nik_index = None
    citizen.nik_warnings = []
    citizen.no_nik_reason = reason
    citizen.temporary_code = citizen.temporary_code or new_code("TS")


def _set_identity(
    citizen: Citizen, *, nik: str | None, full_name: str, birth_date: date, sex: str, no_nik_reason: str
) -> None:
    today = timezone.localdate()
    citizen.full_name = _field("full_name", names.clean, full_name)
    if not isinstance(birth_date, date) or not OLDEST_BIRTH <= birth_date <= today:
        raise ValidationError({"birth_date": _("Tanggal lahir tidak boleh di masa depan atau sebelum tahun 1900.")})
    if sex not in Citizen.Sex.values:
        raise ValidationError({"sex": _("Pilih jenis kelamin.")})
    citizen.birth_date, citizen.sex = birth_date, sex
    if nik:
        parsed = _parse_nik(nik, today)
        citizen.nik, citizen.nik_index = parsed.digits, nik_index(parsed.digits)
        citizen.nik_warnings = parsed.warnings(birth_date=birth_date, sex=sex)
        citizen.no_nik_reason = ""
    elif no_nik_reason in Citizen.NoNikReason.values:
        make_temporary(citizen, no_nik_reason)
    else:
        raise ValidationError({"no_nik_reason": _("Isi NIK, atau pilih alasan belum memilikinya.")})


def _parse_nik(text: str, today: date) -> nik.Nik:
    return _field("nik", lambda value: nik.parse(value, today=today), text)


def _set_family_card(citizen: Citizen, text: str | None) -> None:
    digits = nik.clean(text or "")
    if digits and (len(digits) != 16 or not digits.isascii() or not digits.isdigit()):
        raise ValidationError({"family_card_number": _("Nomor KK belum sesuai. Mohon periksa kembali 16 angka.")})
    citizen.family_card_number = digits or None


def _set_contact_phone(citizen: Citizen, text: str | None) -> None:
    number = _field("contact_phone", lambda value: phone.normalise(value, landline=True), text) if text else None
    citizen.contact_phone = number
    citizen.contact_phone_index = phone_index(number) if number else None


def _check_guardian(citizen: Citizen) -> None:
    today, guardian = timezone.localdate(), citizen.guardian
    if guardian is None:
        if citizen.account_id and citizen.is_minor_on(today):
            raise ValidationError({"guardian": _("Anak di bawah 18 tahun didaftarkan bersama orang tua atau walinya.")})
        return
    if guardian.pk == citizen.pk or guardian.is_minor_on(today):
        raise ValidationError({"guardian": _("Orang tua atau wali harus orang dewasa.")})
    if citizen.account_id and guardian.account_id != citizen.account_id:
        raise ValidationError({"guardian": _("Orang tua atau wali harus ada dalam keluarga Anda.")})


def _insert(citizen: Citizen) -> Citizen:
    try:
        with transaction.atomic():  # a savepoint: the caller's transaction must survive the refusal
            citizen.save(force_insert=True)
    except IntegrityError:
        raise _taken(citizen) from None
    return citizen


def _taken(citizen: Citizen) -> Exception:
    """The error that the unique index meant, after the fact."""
    holder = Citizen.objects.active().filter(nik_index=citizen.nik_index).exclude(pk=citizen.pk).first()
    if citizen.nik_index is not None and holder:
        return NikTaken(holder.pk)
    return ValidationError(_("Data belum dapat disimpan. Mohon periksa isian lalu coba lagi."))


def _field(name: str, clean: Any, value: Any) -> Any:
    try:
        return clean(value)
    except ValidationError as error:
        raise ValidationError({name: error}) from error
