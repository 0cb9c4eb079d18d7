"""The NIK somebody typed is on another record: the way out leads over the desk, with the card in hand.

The page never says whose record it is, nor that there is an account behind it; knowing a NIK opens nothing.
"""

import json
from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.models import User
from core.crypto import blind_index
from messaging.services import send
from regions.models import Kelurahan
from registration import names, queries, services
from registration.models import Citizen, CitizenAccount, IdentityClaim


@transaction.atomic
def add_member(account: CitizenAccount, entry: dict[str, Any]) -> Citizen | IdentityClaim:
    """Register `entry` in the family of `account`, or open a claim when its NIK is on record elsewhere.

    A record that a desk wrote down with this very phone, name and birth date joins the family at once: the phone was
    verified by code. Raises ValidationError (code "own_family" when the person is in this family already).
    """
    try:
        with transaction.atomic():
            return services.register_citizen(account=account, **entry)
    except services.NikTaken as taken:
        holder = Citizen.objects.select_for_update(no_key=True).get(pk=taken.citizen_id)
    if holder.account_id == account.pk:
        raise ValidationError(_("Orang ini sudah ada dalam keluarga Anda."), code="own_family")
    if _is_plainly_theirs(holder, account, entry):
        services.check_room_in_family(account)
        _join(holder, account, entry.get("relation", Citizen.Relation.OTHER), entry.get("guardian"))
        return holder
    return open_claim(account, entry)


def open_claim(account: CitizenAccount, entry: dict[str, Any]) -> IdentityClaim:
    """Keep what was typed and give it a code for the desk; the same NIK again gives the same claim."""
    claim, _created = IdentityClaim.objects.get_or_create(
        account=account,
        nik_index=services.nik_index(entry["nik"]),
        state=IdentityClaim.OPEN,
        defaults={"public_code": services.new_code("KL"), "entered": _pack(entry)},
    )
    return claim


def entered(claim: IdentityClaim) -> dict[str, Any]:
    """What was typed, ready for the desk to compare with the card."""
    data = json.loads(claim.entered)
    data["birth_date"] = date.fromisoformat(data["birth_date"])
    return data


def holder_of(claim: IdentityClaim) -> Citizen | None:
    """The record that holds the NIK now."""
    return Citizen.objects.active().filter(nik_index=claim.nik_index).first()


@transaction.atomic
def attach(claim_id: int, *, by: User, card_nik: str, note: str = "") -> Citizen:
    """The card is theirs: the record joins the claimant's family. Locks the claim, the account, the citizen."""
    claim = _open_claim(claim_id, card_nik)
    holder = Citizen.objects.select_for_update(no_key=True).get(nik_index=claim.nik_index, merged_into__isnull=True)
    services.check_room_in_family(claim.account)
    data = entered(claim)
    _join(holder, claim.account, data["relation"], _guardian(claim, data))
    holder.identity_verified_at = timezone.now()
    holder.save(update_fields=["identity_verified_at"])
    _decide(claim, IdentityClaim.RESOLVED, by, note or "Data digabungkan ke keluarga pengaju.")
    return holder


@transaction.atomic
def release(claim_id: int, *, by: User, card_nik: str, note: str) -> Citizen:
    """The other record carried this NIK by mistake: it becomes temporary, and the claimant's person is written anew."""
    claim = _open_claim(claim_id, card_nik)
    holder = Citizen.objects.select_for_update(no_key=True).get(nik_index=claim.nik_index, merged_into__isnull=True)
    services.make_temporary(holder, Citizen.NoNikReason.OTHER)
    holder.identity_verified_at = None
    holder.save()
    data = entered(claim)
    guardian = _guardian(claim, data)
    fields = {name: data[name] for name in ("full_name", "birth_date", "sex", "relation", "birth_order", "address")}
    citizen = services.register_citizen(
        account=claim.account,
        nik=card_nik,
        guardian=guardian,
        kelurahan=Kelurahan.objects.filter(pk=data["kelurahan"]).first(),
        identity_verified=True,
        **fields,
    )
    _decide(claim, IdentityClaim.RESOLVED, by, note)
    return citizen


@transaction.atomic
def reject(claim_id: int, *, by: User, note: str) -> None:
    """The card does not prove it."""
    claim = IdentityClaim.objects.select_for_update().get(pk=claim_id)
    _must_be_open(claim)
    if not note.strip():
        raise ValidationError("Alasan penolakan belum diisi.")
    _decide(claim, IdentityClaim.REJECTED, by, note)


def _open_claim(claim_id: int, card_nik: str) -> IdentityClaim:
    claim = IdentityClaim.objects.select_for_update().select_related("account").get(pk=claim_id)
    _must_be_open(claim)
    if services.nik_index(card_nik) != bytes(claim.nik_index):
        raise ValidationError("NIK pada kartu berbeda dari NIK yang diajukan. Periksa kembali kartunya.", code="card")
    return claim


def _must_be_open(claim: IdentityClaim) -> None:
    if claim.state != IdentityClaim.OPEN:
        raise ValidationError("Pengajuan ini sudah diputuskan.", code="decided")


def _decide(claim: IdentityClaim, state: str, by: User, note: str) -> None:
    claim.state, claim.decided_by, claim.decided_at, claim.note = state, by, timezone.now(), note.strip()[:200]
    claim.entered = json.dumps({})  # what was typed has served its purpose
    claim.save()
    with translation.override(claim.account.language):
        if state == IdentityClaim.RESOLVED:
            text = _("Pengajuan data %(code)s sudah disetujui petugas. Buka halaman Keluarga untuk melihatnya.")
        else:
            text = _("Pengajuan data %(code)s belum dapat disetujui. Silakan datang kembali dengan kartu asli.")
    send(
        kind="identity_decided",
        to=claim.account.phone,
        text=text % {"code": claim.public_code},
        language=claim.account.language,
        parameters=[claim.public_code],
        dedupe_key=f"identity-claim-{claim.pk}",
    )


def _join(citizen: Citizen, account: CitizenAccount, relation: str, guardian: Citizen | None) -> None:
    if not citizen.is_minor_on(timezone.localdate()):
        guardian = None
    elif guardian is None:
        guardian = next((one for one in queries.family(account) if not one.is_minor_on(timezone.localdate())), None)
    citizen.wards.exclude(account=account).update(guardian=None)
    citizen.account, citizen.relation, citizen.guardian = account, relation, guardian
    citizen.save(update_fields=["account", "relation", "guardian"])


def _is_plainly_theirs(holder: Citizen, account: CitizenAccount, entry: dict[str, Any]) -> bool:
    return (
        holder.account_id is None
        and holder.contact_phone_index == blind_index(account.phone, "phone")
        and holder.birth_date == entry["birth_date"]
        and names.same(holder.full_name, entry["full_name"])
    )


def _pack(entry: dict[str, Any]) -> str:
    guardian, kelurahan = entry.get("guardian"), entry.get("kelurahan")
    data = {
        "nik": entry["nik"],
        "full_name": entry["full_name"],
        "birth_date": entry["birth_date"].isoformat(),
        "sex": entry["sex"],
        "relation": entry.get("relation", Citizen.Relation.OTHER),
        "birth_order": entry.get("birth_order", 1),
        "address": entry.get("address", ""),
        "kelurahan": kelurahan.pk if kelurahan else None,
        "guardian": guardian.pk if guardian else None,
    }
    return json.dumps(data)


def _guardian(claim: IdentityClaim, data: dict[str, Any]) -> Citizen | None:
    return Citizen.objects.of_account(claim.account).filter(pk=data["guardian"]).first()
