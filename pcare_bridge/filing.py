"""Doses that wait, as a file for upload by hand, and the result of that upload read back in."""

import csv
import io
import re
import uuid
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any

import xlsxwriter
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from python_calamine import CalamineError, CalamineWorkbook

from accounts.models import User
from core.formats import mask_nik, mask_phone
from core.readlog import log_read
from pcare_bridge import accounts, settling
from pcare_bridge.envelope import redact
from pcare_bridge.gather import facts_of
from pcare_bridge.models import MENDABLE_STATES, Delivery, DeliveryAttempt, FileBatch
from pcare_bridge.profiles.common import WIB, day
from regions.models import Facility

MAX_ROWS, MAX_BYTES = 5000, 5 * 1024 * 1024
KEY, NUMBER, RESULT, MESSAGE = "kunci", "nomor", "hasil", "pesan"
HEADER = [
    KEY, "nik", "nama", "tglLahir", "sex", "noHP", "kdProviderPelayanan", "tglVaksin", "jamVaksin", "kdVaksin",
    "nmVaksin", "dosisKe", "noBatch", "tglKedaluwarsa", "lokasiSuntik", "kdDokter", NUMBER, RESULT, MESSAGE,
]  # fmt: skip
ACCEPTED, REFUSED = "BERHASIL", "GAGAL"
_WRITABLE = re.compile(r"[A-Za-z0-9./-]{0,40}")


@dataclass(frozen=True)
class RowError:
    """What is wrong with one line of a result file; the header is line 1."""

    line: int
    text: str


@dataclass(frozen=True)
class Imported:
    """What a result file changed."""

    accepted: int
    refused: int
    unchanged: int
    errors: list[RowError]


@transaction.atomic
def request(*, profile: str, facility: Facility | None, is_full: bool, reason: str, by: User) -> FileBatch:
    """Make a file of everything of one profile that is not upstream yet; raises ValidationError when nothing is."""
    rows = Delivery.objects.visible_to(by).filter(profile=profile, state__in=MENDABLE_STATES)
    rows = rows.exclude(operation=Delivery.Operation.WITHDRAW).filter(immunization__status="completed")
    if facility:
        rows = rows.filter(facility=facility)
    chosen = list(rows.order_by("deadline_at", "created_at").values_list("pk", flat=True)[:MAX_ROWS])
    if not chosen:
        raise ValidationError("Tidak ada dosis yang menunggu untuk pilihan ini.")
    batch = FileBatch.objects.create(
        profile=profile, facility=facility, is_full=is_full, reason=reason.strip()[:200], requested_by=by
    )
    batch.deliveries.set(chosen)
    return batch


@transaction.atomic
def approve(batch_id: uuid.UUID, by: User) -> FileBatch:
    """A second person lets a file with full numbers leave; raises ValidationError for the one who asked."""
    batch = FileBatch.objects.select_for_update().get(pk=batch_id)
    if batch.approved_at is None:
        batch.approved_by, batch.approved_at = by, timezone.now()
        batch.validate_constraints()
        batch.save(update_fields=["approved_by", "approved_at"])
    return batch


@transaction.atomic
def export(batch: FileBatch, kind: str, by: User) -> bytes:
    """The file as "xlsx" or "csv". A full one takes its doses out of the queue, so that none is sent twice as well.

    Raises ValidationError when it may not leave (yet). Each person in a full file is told who saw the number.
    Locks: the deliveries of the batch.
    """
    if not batch.may_leave:
        raise ValidationError("Berkas ini menunggu persetujuan orang kedua, atau persetujuannya sudah lewat 24 jam.")
    if batch.is_full and by != batch.requested_by:
        raise ValidationError("Hanya yang meminta yang dapat mengunduh berkas ini.")
    rows = batch.deliveries.select_for_update(of=("self",)).order_by("created_at")
    still_open = [row for row in rows if row.state in MENDABLE_STATES]
    lines = [_line(row, full=batch.is_full) for row in still_open]
    if batch.is_full:
        Delivery.objects.filter(pk__in=[row.pk for row in still_open]).update(
            state=Delivery.REFUSED, error_class="in_file", error_field="", error_message="", finished_at=timezone.now()
        )
        people = {row.immunization.citizen_id for row in still_open}
        for citizen_id in people:
            log_read(user=by, citizen_id=citizen_id, purpose="pcare", note="berkas lapor")
    FileBatch.objects.filter(pk=batch.pk).update(downloaded_at=timezone.now())
    return _xlsx(lines) if kind == "xlsx" else _csv(lines)


def _line(row: Delivery, *, full: bool) -> list[str]:
    account = accounts.find(row.facility_id, row.profile)
    if account is None:
        raise ValidationError("Ada dosis dari fasilitas tanpa akun. Lengkapi dulu akunnya.")
    facts = facts_of(row.immunization, account)
    local = facts.occurred_at.astimezone(WIB)
    initials = " ".join(f"{part[0]}." for part in facts.name.split())
    person = (
        [facts.nik, facts.name, day(facts.birth_date), facts.sex, facts.phone]
        if full
        else [mask_nik(facts.nik) if facts.nik else "", initials, f"{facts.birth_date:%Y}", facts.sex,
              mask_phone(facts.phone) if facts.phone else ""]
    )  # fmt: skip
    expiry = day(facts.expiration_date) if facts.expiration_date else ""
    return [
        str(row.pk), *person, facts.provider_code or facts.organization_id, day(local), f"{local:%H:%M}",
        facts.vaccine_code, facts.vaccine_name, str(facts.dose_number), facts.lot_number, expiry, facts.body_site,
        facts.practitioner_code, row.upstream_number, "", "",
    ]  # fmt: skip


def _csv(lines: Sequence[Sequence[str]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(HEADER)
    writer.writerows([_harmless(cell) for cell in line] for line in lines)
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _harmless(cell: str) -> str:
    # A name that begins like a formula must not become one in a spreadsheet.
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def _xlsx(lines: Sequence[Sequence[str]]) -> bytes:
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(out, options) as book:
        sheet = book.add_worksheet("Vaksinasi")
        sheet.write_row(0, 0, HEADER, book.add_format({"bold": True}))
        for at, line in enumerate(lines, 1):
            for column, cell in enumerate(line):
                sheet.write_string(at, column, cell)
        sheet.freeze_panes(1, 1)
    return out.getvalue()


def read_rows(name: str, content: bytes) -> list[dict[str, str]]:
    """The lines of a result file by column name; raises ValidationError for what is no such file."""
    if len(content) > MAX_BYTES:
        raise ValidationError("Berkas terlalu besar (paling besar 5 MB).")
    try:
        table = _sheet(content) if name.lower().endswith(".xlsx") else _text(content)
    except (CalamineError, ValueError, csv.Error) as error:
        raise ValidationError("Berkas tidak terbaca. Simpan sebagai XLSX atau CSV (UTF-8).") from error
    if not table or not {KEY, RESULT} <= {cell.strip() for cell in table[0]}:
        raise ValidationError(f"Baris pertama harus memuat kolom {KEY} dan {RESULT}.")
    if len(table) > MAX_ROWS + 1:
        raise ValidationError(f"Paling banyak {MAX_ROWS} baris.")
    names = [cell.strip() for cell in table[0]]
    return [dict(zip(names, line, strict=False)) for line in table[1:]]


def _sheet(content: bytes) -> list[list[str]]:
    rows = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()
    return [[_cell(cell) for cell in row] for row in rows]


def _cell(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _text(content: bytes) -> list[list[str]]:
    text = content.decode("utf-8-sig")
    first = text.partition("\n")[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    return [line for line in csv.reader(io.StringIO(text), delimiter=delimiter) if any(line)]


def take_results(batch: FileBatch, rows: Sequence[dict[str, str]], by: User) -> Imported:
    """Let the states follow a result file; a wrong line is named and changes nothing, the others count.

    The same file twice changes nothing the second time. Locks: each delivery in turn.
    """
    known = {str(pk): sender_id for pk, sender_id in batch.deliveries.values_list("pk", "sender_id")}
    seen: set[str] = set()
    counts = {ACCEPTED: 0, REFUSED: 0, "": 0}
    errors: list[RowError] = []
    for line, row in enumerate(rows, 2):
        key = row.get(KEY, "").strip().lower()
        text = _wrong(row, key, known, seen) or _stolen(row, batch.profile, known[key])
        seen.add(key)
        if text:
            errors.append(RowError(line, text))
            continue
        if not row.get(RESULT, "").strip():
            continue
        outcome = _take(uuid.UUID(key), row, by)
        if outcome is None:
            errors.append(RowError(line, "Dosis ini sudah selesai dengan nomor lain, atau sedang dikirim."))
        else:
            counts[outcome] += 1
    return Imported(counts[ACCEPTED], counts[REFUSED], counts[""], errors)


def _number(row: dict[str, str]) -> str:
    return row.get(NUMBER, "").strip().lstrip("'")


def _stolen(row: dict[str, str], profile: str, sender_id: uuid.UUID) -> str:
    """What is wrong with a number that stands for another dose already, in this file or before: a cell filled down."""
    if not (number := _number(row)):
        return ""
    others = Delivery.objects.filter(profile=profile, upstream_number=number).exclude(sender_id=sender_id)
    return "Nomor ini sudah milik dosis lain." if others.exists() else ""


def _wrong(row: dict[str, str], key: str, known: Container[str], seen: set[str]) -> str:
    result = row.get(RESULT, "").strip().upper()
    if key not in known:
        return "Kunci tidak dikenal pada berkas ini."
    if key in seen:
        return "Kunci ini muncul dua kali."
    if result not in ("", ACCEPTED, REFUSED):
        return f"Kolom hasil harus {ACCEPTED} atau {REFUSED}."
    number = _number(row)
    if result == ACCEPTED and not number:
        return "Yang berhasil harus ada nomornya."
    if not _WRITABLE.fullmatch(number):
        return "Nomor paling panjang 40 huruf, angka, titik, garis miring, atau tanda hubung."
    if result == REFUSED and not row.get(MESSAGE, "").strip():
        return "Yang gagal harus ada pesannya."
    return ""


@transaction.atomic
def _take(pk: uuid.UUID, row: dict[str, str], by: User) -> str | None:
    """What the line did: accepted, refused, nothing (""), or None when it contradicts what is known."""
    delivery = Delivery.objects.select_for_update().get(pk=pk)
    number, result = _number(row), row[RESULT].strip().upper()
    if delivery.state == Delivery.SENT:
        return "" if result == ACCEPTED and delivery.upstream_number == number else None
    if delivery.state not in MENDABLE_STATES:
        return None
    message = redact(row.get(MESSAGE, ""))
    if result == ACCEPTED:
        delivery.state, delivery.upstream_number = Delivery.SENT, number
        delivery.error_class = delivery.error_field = delivery.error_message = ""
        delivery.outcome_unknown = False
    else:
        if (delivery.error_class, delivery.error_message) == ("file_refused", message[:500]):
            return ""
        delivery.state, delivery.error_class, delivery.error_message = Delivery.REFUSED, "file_refused", message[:500]
        # Somebody may have uploaded the file once more: whoever sends this dose next looks before writing.
        delivery.outcome_unknown = True
    delivery.finished_at = timezone.now()
    delivery.save()
    settling.release_after(delivery)  # a correction or withdrawal made meanwhile
    outcome = "reported" if result == ACCEPTED else "file_refused"
    DeliveryAttempt.objects.create(
        delivery=delivery, outcome=outcome, message=f"Hasil berkas: {result} {message}"[:300], actor=by
    )
    return result
