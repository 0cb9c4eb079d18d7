"""Writes to the stock ledger. Each locks one balance row, checks, writes the line and the new balance, in that order.

Lock order of the house: citizen, place, stock balance; so nothing after `_lock` may wait for another kind of row.
"""

import secrets
import uuid
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from regions.models import Facility
from stock import announcements, changes
from stock.errors import StockError
from stock.models import Lot, StockBalance, StockMovement, Transfer, VialOpening

Kind = StockMovement.Kind
USABLE_STAGES = ("A", "B")
# No 0/O, 1/I/L: the number is read aloud on the telephone.
CODE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


@transaction.atomic
def receive(
    *,
    facility_id: int,
    vaccine_code: str,
    lot_number: str,
    expiration_date: date,
    doses: int,
    actor: User,
    document: str = "",
    vvm_stage: str = "A",
    reason: str = "",
    client_uuid: uuid.UUID | None = None,
    announced_id: int | None = None,
) -> StockMovement:
    """Book doses that arrived from the store; creates the lot when it is new here. Locks the balance row.

    `announced_id` names the announced delivery that ends with it. Raises StockError for an expired lot, an unusable VVM
    stage, a lot number known with another expiry date, or an announcement of something else.
    """
    _positive(doses)
    if expiration_date < timezone.localdate():
        raise StockError("Batch ini sudah kedaluwarsa. Jangan diterima; kembalikan ke gudang dengan berita acara.")
    if vvm_stage not in USABLE_STAGES:
        raise StockError("VVM C atau D tidak boleh dipakai. Jangan diterima; kembalikan ke gudang dengan berita acara.")
    lot = find_lot(vaccine_code, lot_number, expiration_date)
    balance = _lock(facility_id, lot.pk)
    if known := _already(client_uuid):
        return known
    if balance.doses_on_hand == 0 or vvm_stage > balance.vvm_stage:
        balance.vvm_stage = vvm_stage
    line = _write(balance, Kind.RECEIVED, doses, actor, document=document, reason=reason, client_uuid=client_uuid)
    if announced_id:
        announcements.arrive(announced_id, line)
    changes.tell(_pair(balance))
    return line


def find_lot(vaccine_code: str, lot_number: str, expiration_date: date) -> Lot:
    """The lot printed on the box, created when unknown; raises StockError when its expiry date is known differently."""
    number = " ".join(lot_number.upper().split())
    lot, _created = Lot.objects.get_or_create(
        vaccine_id=vaccine_code, lot_number=number, defaults={"expiration_date": expiration_date}
    )
    if lot.expiration_date != expiration_date:
        raise StockError(
            f"Batch {number} sudah tercatat dengan kedaluwarsa {lot.expiration_date:%d-%m-%Y}. "
            "Periksa dus vaksin; bila catatan lama yang salah, hubungi Dinas Kesehatan."
        )
    return lot


@transaction.atomic
def open_vial(
    *, facility_id: int, lot_id: int, actor: User, at: datetime | None = None, client_uuid: uuid.UUID | None = None
) -> VialOpening:
    """Open one vial now; its doses must be used within the open-vial hours of the vaccine.

    The same `client_uuid` again returns the vial it opened. Locks the balance row.
    """
    balance = _lock(facility_id, lot_id)
    known = client_uuid and VialOpening.objects.filter(client_uuid=client_uuid).first()
    return known or _open_vial(balance, actor, at or timezone.now(), client_uuid)


def _open_vial(balance: StockBalance, actor: User, at: datetime, client_uuid: uuid.UUID | None = None) -> VialOpening:
    _usable(balance, at)
    sealed = balance.doses_on_hand - _doses_in_open_vials(balance)
    if sealed <= 0:
        raise StockError("Tidak ada vial utuh dari batch ini.")
    vaccine = balance.lot.vaccine
    hours = vaccine.open_vial_hours
    return VialOpening.objects.create(
        client_uuid=client_uuid,
        facility_id=balance.facility_id,
        lot_id=balance.lot_id,
        doses=min(vaccine.doses_per_vial, sealed),
        opened_at=at,
        discard_at=at + timedelta(hours=hours) if hours else None,
        opened_by=actor,
    )


@transaction.atomic
def take_dose(
    *, facility_id: int, lot_id: int, at: datetime, actor: User, immunization_uuid: uuid.UUID
) -> tuple[Lot, StockMovement]:
    """Take one dose for one injection at `at`; the balance row stays locked until commit.

    Uses the oldest open vial, opens one when there is none. Raises StockError when the lot was expired on that local
    date, its VVM is C or D, nothing is left, or all that is left sits in vials past their time.
    """
    balance = _lock(facility_id, lot_id)
    _usable(balance, at)
    if balance.doses_on_hand < 1:
        raise StockError("Stok batch ini habis. Pilih batch lain atau catat penerimaan dulu.")
    vial = None
    if balance.lot.vaccine.doses_per_vial > 1:
        vial = _vial_in_use(balance, at) or _open_for_dose(balance, actor, at)
        vial.doses_used += 1
        if vial.doses_left == 0:
            vial.closed_at = at
        vial.save(update_fields=["doses_used", "closed_at"])
    movement = _write(balance, Kind.GIVEN, -1, actor, immunization_uuid=immunization_uuid, vial=vial)
    return balance.lot, movement


def _vial_in_use(balance: StockBalance, at: datetime) -> VialOpening | None:
    vials = VialOpening.objects.filter(facility=balance.facility_id, lot=balance.lot_id, closed_at__isnull=True)
    in_time = [vial for vial in vials.order_by("opened_at") if vial.discard_at is None or vial.discard_at >= at]
    return next((vial for vial in in_time if vial.doses_left > 0), None)


def _open_for_dose(balance: StockBalance, actor: User, at: datetime) -> VialOpening:
    try:
        return _open_vial(balance, actor, at)
    except StockError as error:
        if balance.doses_on_hand:
            raise StockError(
                "Sisa batch ini ada di vial yang lewat waktu pakai. Catat sisanya terbuang, lalu pilih batch lain."
            ) from error
        raise


@transaction.atomic
def give_back(*, immunization_uuid: uuid.UUID, actor: User, reason: str) -> StockMovement | None:
    """Counter-entry for a dose recorded in error; None when no dose was taken for it. Locks the balance row."""
    given = StockMovement.objects.filter(immunization_uuid=immunization_uuid, kind=Kind.GIVEN).first()
    if given is None:
        return None
    balance = _lock(given.facility_id, given.lot_id)
    undone = StockMovement.objects.filter(immunization_uuid=immunization_uuid, kind=Kind.GIVEN_REVERSED).first()
    if undone:
        return undone
    if given.vial_id:
        vial = VialOpening.objects.get(pk=given.vial_id)
        vial.doses_used -= 1
        if not vial.doses_wasted:  # a vial thrown away stays closed; the count will find the dose
            vial.closed_at = None
        vial.save(update_fields=["doses_used", "closed_at"])
    return _write(
        balance, Kind.GIVEN_REVERSED, 1, actor, immunization_uuid=immunization_uuid, vial=given.vial, reason=reason
    )


@transaction.atomic
def waste(
    *, facility_id: int, lot_id: int, doses: int, reason: str, actor: User, client_uuid: uuid.UUID | None = None
) -> StockMovement:
    """Book doses as lost, with the reason; raises StockError when more than is there. Locks the balance row."""
    _positive(doses)
    if not reason.strip():
        raise StockError("Isi alasan dosis terbuang.")
    balance = _lock(facility_id, lot_id)
    if known := _already(client_uuid):
        return known
    sealed = balance.doses_on_hand - _doses_in_open_vials(balance)
    if doses > sealed:
        raise StockError(
            f"Hanya ada {sealed} dosis di vial utuh. Sisa vial terbuka dicatat lewat tombol Buang sisa vial."
        )
    line = _write(balance, Kind.WASTED, -doses, actor, reason=reason, client_uuid=client_uuid)
    changes.tell(_pair(balance))
    return line


@transaction.atomic
def discard_vial(*, vial_id: int, reason: str, actor: User) -> StockMovement | None:
    """Throw away what is left in an open vial; None when it is already closed or empty. Locks the balance row."""
    vial = VialOpening.objects.get(pk=vial_id)
    balance = _lock(vial.facility_id, vial.lot_id)
    vial.refresh_from_db()
    if vial.closed_at:
        return None
    left = vial.doses_left
    vial.doses_wasted += left
    vial.closed_at = timezone.now()
    vial.save(update_fields=["doses_wasted", "closed_at"])
    if not left:
        return None
    line = _write(balance, Kind.WASTED, -left, actor, reason=reason, vial=vial)
    changes.tell(_pair(balance))
    return line


@transaction.atomic
def set_vvm(*, facility_id: int, lot_id: int, stage: str) -> StockBalance:
    """Record the VVM stage read from the label; C and D take the lot out of use (RULES ST-4). It never goes back."""
    balance = _lock(facility_id, lot_id)
    if stage < balance.vvm_stage:
        raise StockError("VVM tidak dapat membaik. Periksa label sekali lagi.")
    balance.vvm_stage, balance.updated_at = stage, timezone.now()
    balance.save(update_fields=["vvm_stage", "updated_at"])
    changes.tell(_pair(balance))
    return balance


@transaction.atomic
def send(
    *,
    from_facility_id: int,
    to_facility_id: int,
    lot_id: int,
    doses: int,
    actor: User,
    note: str = "",
    client_uuid: uuid.UUID | None = None,
) -> Transfer:
    """Send sealed doses to another facility; they belong to nobody until received. Locks the sender's balance row."""
    _positive(doses)
    if from_facility_id == to_facility_id:
        raise StockError("Pilih fasilitas tujuan yang lain.")
    balance = _lock(from_facility_id, lot_id)
    if client_uuid and (known := Transfer.objects.filter(client_uuid=client_uuid).first()):
        return known
    _usable(balance, timezone.now())
    sealed = balance.doses_on_hand - _doses_in_open_vials(balance)
    if doses > sealed:
        raise StockError(f"Hanya ada {sealed} dosis di vial utuh dari batch ini.")
    code = "SBBK-" + "".join(secrets.choice(CODE_ALPHABET) for _ in range(8))
    transfer = Transfer.objects.create(
        public_code=code,
        lot_id=lot_id,
        from_facility_id=from_facility_id,
        to_facility_id=to_facility_id,
        quantity_sent=doses,
        sent_by=actor,
        note=note,
        client_uuid=client_uuid,
    )
    _write(balance, Kind.SENT, -doses, actor, document=code, transfer=transfer)
    changes.tell(*_both_ends(balance, transfer))
    return transfer


@transaction.atomic
def receive_transfer(*, transfer_id: int, doses: int, actor: User, note: str = "", vvm_stage: str = "A") -> Transfer:
    """Sign for a transfer; fewer doses than sent need a note and are lost on the way. Locks transfer, then balance.

    Signing twice gives the first answer; raises StockError when it was cancelled or more than sent is claimed.
    """
    transfer = Transfer.objects.select_for_update(no_key=True).get(pk=transfer_id)
    if transfer.state == Transfer.RECEIVED:
        return transfer
    if transfer.state == Transfer.CANCELLED:
        raise StockError("Kiriman ini sudah dibatalkan pengirim.")
    if not 0 <= doses <= transfer.quantity_sent:
        raise StockError(
            f"Yang dikirim {transfer.quantity_sent} dosis. Bila datang lebih banyak, minta pengirim mengoreksi dulu."
        )
    if doses != transfer.quantity_sent and not note.strip():
        raise StockError("Jumlah berbeda dari yang dikirim. Isi catatan selisihnya.")
    transfer.state, transfer.quantity_received = Transfer.RECEIVED, doses
    transfer.received_by, transfer.received_at = actor, timezone.now()
    transfer.note = "; ".join(part for part in (transfer.note, note.strip()) if part)[:200]
    transfer.save(update_fields=["state", "quantity_received", "received_by", "received_at", "note"])
    balance = _lock(transfer.to_facility_id, transfer.lot_id)
    if doses:
        if balance.doses_on_hand == 0 or vvm_stage > balance.vvm_stage:
            balance.vvm_stage = vvm_stage
        _write(
            balance,
            Kind.TRANSFER_IN,
            doses,
            actor,
            document=transfer.public_code,
            transfer=transfer,
            reason=note.strip(),
        )
    changes.tell(_pair(balance))
    return transfer


@transaction.atomic
def cancel_transfer(*, transfer_id: int, actor: User, reason: str) -> Transfer:
    """Take a transfer back that nobody signed for; the doses return to the sender. Locks transfer, then balance."""
    transfer = Transfer.objects.select_for_update(no_key=True).get(pk=transfer_id)
    if transfer.state == Transfer.CANCELLED:
        return transfer
    if transfer.state == Transfer.RECEIVED:
        raise StockError("Kiriman ini sudah diterima. Minta penerima mengirimnya kembali.")
    transfer.state = Transfer.CANCELLED
    transfer.note = "; ".join(part for part in (transfer.note, reason.strip()) if part)[:200]
    transfer.save(update_fields=["state", "note"])
    balance = _lock(transfer.from_facility_id, transfer.lot_id)
    _write(
        balance,
        Kind.TRANSFER_BACK,
        transfer.quantity_sent,
        actor,
        document=transfer.public_code,
        transfer=transfer,
        reason=reason.strip(),
    )
    changes.tell(*_both_ends(balance, transfer))
    return transfer


@transaction.atomic
def count(
    *, facility_id: int, lot_id: int, doses: int, actor: User, reason: str = "", client_uuid: uuid.UUID | None = None
) -> StockMovement | None:
    """Record what was counted by hand; a difference needs a reason and becomes a line, None when all agrees.

    Locks the balance row.
    """
    if doses < 0:
        raise StockError("Jumlah tidak boleh negatif.")
    balance = _lock(facility_id, lot_id)
    if known := _already(client_uuid):
        return known
    opened = _doses_in_open_vials(balance)
    if doses < opened:
        raise StockError(f"Vial terbuka masih berisi {opened} dosis. Buang sisa vial dulu, lalu hitung lagi.")
    balance.counted_at = timezone.now()
    difference = doses - balance.doses_on_hand
    if difference == 0:
        balance.save(update_fields=["counted_at"])
        return None
    if not reason.strip():
        raise StockError(f"Menurut catatan ada {balance.doses_on_hand} dosis. Isi alasan selisihnya.")
    line = _write(balance, Kind.COUNTED, difference, actor, reason=reason, client_uuid=client_uuid)
    changes.tell(_pair(balance))
    return line


def lock_balances(facility_id: int, lot_ids: Sequence[int]) -> None:
    """Lock several balance rows at once, in order: two crossing exchanges of lots must not wait for each other."""
    rows = StockBalance.objects.select_for_update(no_key=True).filter(facility=facility_id, lot__in=lot_ids)
    list(rows.order_by("pk").values_list("pk"))


def _pair(balance: StockBalance) -> changes.Pair:
    return balance.facility_id, balance.lot.vaccine_id


def _both_ends(balance: StockBalance, transfer: Transfer) -> list[changes.Pair]:
    # What is on the way counts where it is going, so both ends change.
    vaccine = balance.lot.vaccine_id
    return [(transfer.from_facility_id, vaccine), (transfer.to_facility_id, vaccine)]


def _already(client_uuid: uuid.UUID | None) -> StockMovement | None:
    return StockMovement.objects.filter(client_uuid=client_uuid).first() if client_uuid else None


def _positive(doses: int) -> None:
    if doses < 1:
        raise StockError("Jumlah dosis harus lebih dari nol.")


def _lock(facility_id: int, lot_id: int) -> StockBalance:
    """The balance row, locked until commit; created empty when the facility never had this lot."""
    # no_key: rows that only point at this one may still be inserted meanwhile.
    rows = StockBalance.objects.select_for_update(no_key=True, of=("self",)).select_related("lot__vaccine")
    balance = rows.filter(facility_id=facility_id, lot_id=lot_id).first()
    if balance is None:
        if not Facility.objects.filter(pk=facility_id).exists() or not Lot.objects.filter(pk=lot_id).exists():
            raise StockError("Batch atau fasilitas tidak ditemukan.")
        StockBalance.objects.bulk_create([StockBalance(facility_id=facility_id, lot_id=lot_id)], ignore_conflicts=True)
        balance = rows.get(facility_id=facility_id, lot_id=lot_id)
    return balance


def _usable(balance: StockBalance, at: datetime) -> None:
    if balance.lot.expiration_date < timezone.localdate(at):
        raise StockError(
            f"Batch {balance.lot.lot_number} kedaluwarsa {balance.lot.expiration_date:%d-%m-%Y}. "
            "Jangan dipakai; pilih batch lain."
        )
    if balance.vvm_stage not in USABLE_STAGES:
        raise StockError(
            f"VVM batch {balance.lot.lot_number} sudah {balance.vvm_stage}. Jangan dipakai; pilih batch lain."
        )


def _doses_in_open_vials(balance: StockBalance) -> int:
    vials = VialOpening.objects.filter(facility=balance.facility_id, lot=balance.lot_id, closed_at__isnull=True)
    return sum(vial.doses_left for vial in vials)


def _write(balance: StockBalance, kind: str, quantity: int, actor: User, **details: object) -> StockMovement:
    """Add one line and move the locked balance by it."""
    after = balance.doses_on_hand + quantity
    if after < 0:
        raise StockError(f"Stok tidak cukup: tersedia {balance.doses_on_hand} dosis.")
    balance.doses_on_hand, balance.updated_at = after, timezone.now()
    balance.save(update_fields=["doses_on_hand", "updated_at", "vvm_stage", "counted_at"])
    line = StockMovement(
        facility_id=balance.facility_id,
        lot_id=balance.lot_id,
        kind=kind,
        quantity=quantity,
        balance_after=after,
        actor=actor,
        **details,
    )
    if not line.client_uuid:
        line.save(force_insert=True)
        return line
    try:
        with transaction.atomic():
            line.save(force_insert=True)
    except IntegrityError as error:  # the key of one form was used for another lot
        raise StockError("Isian ini sudah tercatat. Muat ulang halaman untuk melihat hasilnya.") from error
    return line
