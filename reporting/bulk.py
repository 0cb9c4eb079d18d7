"""Writes an invented population into the tables in bulk, through the same encryption and indexes as the forms."""

import gc
import io
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, time
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import IntegrityError, connection, models, transaction
from django.utils import timezone

from accounts.models import User
from core import crypto
from core.fields import EncryptedTextField
from programmes.models import Vaccine
from regions.models import Facility, Kelurahan
from registration import nik
from registration.models import Citizen
from registration.services import nik_index, phone_index
from reporting import services
from reporting.models import CoverageRollup
from reporting.population import LAST_DAY, Dose, Person, doses, people
from stock.models import Lot, StockBalance, StockMovement
from vaccination.models import Immunization

CHUNK = 10_000
ACTOR = "pemuatan-data"
Progress = Callable[[str, int, int], None]


class AlreadyLoaded(ValueError):
    """People of this seed are in the database already; nothing was written."""

    def __init__(self, seed: int) -> None:
        super().__init__(f"Warga dengan --seed {seed} sudah dimuat. Pakai angka lain (beda pada dua angka terakhir).")


def load(citizens: int, doses_wanted: int, seed: int, progress: Progress) -> int:
    """Load people, lots, stock, doses and their roll-up in one transaction; returns the rows of the roll-up added.

    Raises AlreadyLoaded, and ValueError when so few people cannot have had so many doses.
    """
    places = _places()
    everybody = []
    for person in people(citizens, seed, places):
        everybody.append(person)
        if len(everybody) % CHUNK == 0:
            progress("warga disiapkan", len(everybody), citizens)
    if everybody and Citizen.objects.filter(nik_index=nik_index(everybody[0].nik)).exists():
        raise AlreadyLoaded(seed)
    history = list(doses(everybody, doses_wanted, seed))
    # A million long-lived objects: without this the collector walks them again and again while rows are written.
    gc.collect()
    gc.freeze()
    try:
        added = _write(everybody, history, seed, progress)
    except IntegrityError as error:
        raise AlreadyLoaded(seed) from error
    finally:
        gc.unfreeze()
    with connection.cursor() as cursor:  # the planner must know that the tables are no longer empty
        for model in (Citizen, Immunization, StockMovement, CoverageRollup):
            cursor.execute(f"ANALYZE {connection.ops.quote_name(model._meta.db_table)}")
    return added


def _write(everybody: list[Person], history: list[Dose], seed: int, progress: Progress) -> int:
    citizens, doses_wanted = len(everybody), len(history)
    with transaction.atomic():
        ids = _reserve(Citizen, len(everybody))
        _copy(Citizen, _citizen_rows(everybody, ids), lambda done: progress("warga", done, citizens))
        facilities = _facilities(everybody, history)
        lots = _lots({dose.vaccine for dose in history}, seed)
        actor = _actor()
        _copy(
            StockMovement,
            _movement_rows(history, facilities, lots, actor),
            lambda done: progress("mutasi stok", done, doses_wanted),
        )
        _balances(history, facilities, lots)
        dose_ids = _reserve(Immunization, len(history))
        rows = _dose_rows(history, everybody, ids, dose_ids, facilities, lots)
        _copy(Immunization, rows, lambda done: progress("dosis", done, doses_wanted))
        return services.add_to_rollup(dose_ids[0], dose_ids[-1]) if dose_ids else 0


def _places() -> list[tuple[str, int]]:
    """Kelurahan with their share of the city: known targets of the kecamatan, spread evenly inside it."""
    wards = Kelurahan.objects.order_by("pk").values_list("pk", "kecamatan_id")
    targets = dict(
        Kelurahan.objects.filter(kecamatan__targets__programme_code="covid19")
        .values_list("kecamatan_id")
        .annotate(models.Max("kecamatan__targets__count"))
    )
    size: dict[str, int] = defaultdict(int)
    for _ward, kecamatan in wards:
        size[kecamatan] += 1
    return [(ward, max(1, targets.get(kecamatan, 80_000) // size[kecamatan])) for ward, kecamatan in wards]


def _reserve(model: type[models.Model], count: int) -> list[int]:
    """Primary keys nobody else will get."""
    if not count:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
            [model._meta.db_table, count],
        )
        return sorted(row[0] for row in cursor.fetchall())


def _columns(model: type[models.Model], given: Iterable[str]) -> tuple[list[str], dict[str, Any]]:
    """All columns to write: the given ones, and the model's own defaults for the rest."""
    names = list(given)
    rest: dict[str, Any] = {}
    for field in model._meta.concrete_fields:
        if field.column and field.column not in names and not field.primary_key:
            value = field.get_default()
            if isinstance(field, ArrayField):
                value = "{}" if value == [] else value
            elif isinstance(field, models.JSONField):
                value = json.dumps(value)
            rest[field.column] = value
    return [*names, *rest], rest


def _copy(model: type[models.Model], rows: Iterator[dict[str, Any]], progress: Callable[[int], None]) -> None:
    """COPY rows (column → value) into the table of `model`, in chunks, inside the caller's transaction.

    The server takes one chunk while the next is made: encryption here and indexes there keep a core busy each.
    """
    quote = connection.ops.quote_name
    with connection.cursor() as cursor, ThreadPoolExecutor(1) as sender:
        sending: Future[None] | None = None
        done, header, defaults, lines = 0, "", "", []
        for row in rows:
            if not header:
                columns, rest = _columns(model, row)
                header = f"COPY {quote(model._meta.db_table)} ({', '.join(map(quote, columns))}) FROM STDIN"
                defaults = "".join("\t" + _text(value) for value in rest.values())
            lines.append("\t".join(map(_text, row.values())) + defaults + "\n")
            if len(lines) == CHUNK:
                if sending:
                    sending.result()
                    progress(done)
                sending = sender.submit(cursor.cursor.copy_expert, header, io.StringIO("".join(lines)))
                done += len(lines)
                lines = []
        if sending:
            sending.result()
        if lines:
            cursor.cursor.copy_expert(header, io.StringIO("".join(lines)))
        progress(done + len(lines))


def _text(value: Any) -> str:
    """One value in COPY's text format."""
    if value is None:
        return "\\N"
    kind = type(value)
    if kind is str:
        return value if value.isalnum() else _escaped(value)
    if kind is int:
        return str(value)
    if kind is bool:
        return "t" if value else "f"
    if kind is bytes:
        return "\\\\x" + value.hex()
    return _escaped(str(value))


def _escaped(text: str) -> str:
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    return text.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _citizen_rows(everybody: Sequence[Person], ids: Sequence[int]) -> Iterator[dict[str, Any]]:
    context = {field.name: field.context for field in Citizen._meta.fields if isinstance(field, EncryptedTextField)}
    created = timezone.make_aware(datetime.combine(LAST_DAY, time(12)))
    for person, pk in zip(everybody, ids, strict=True):
        parsed = nik.parse(person.nik, today=LAST_DAY)
        phone = person.phone
        yield {
            "id": pk,
            "public_id": person.public_id,
            "nik": crypto.encrypt(parsed.digits, context["nik"]),
            "nik_index": nik_index(parsed.digits),
            "full_name": person.name,
            "birth_date": person.birth_date,
            "sex": person.sex,
            "kelurahan_id": person.place,
            "address": crypto.encrypt(person.address, context["address"]),
            "contact_phone": crypto.encrypt(phone, context["contact_phone"]) if phone else None,
            "contact_phone_index": phone_index(phone) if phone else None,
            "nik_warnings": json.dumps(parsed.warnings(birth_date=person.birth_date, sex=person.sex)),
            "created_at": created,
        }


def _facilities(everybody: Sequence[Person], history: Sequence[Dose]) -> list[int]:
    """The facility of each dose: a puskesmas of the person's kecamatan, any for people from elsewhere."""
    near: dict[str, list[int]] = defaultdict(list)
    for pk, kecamatan in Facility.objects.filter(kind="puskesmas").order_by("pk").values_list("pk", "kecamatan_id"):
        near[kecamatan].append(pk)
    anywhere = sorted(pk for pks in near.values() for pk in pks)
    chosen = []
    for dose in history:
        place = everybody[dose.person].place
        options = near.get(place[:8], anywhere) if place else anywhere
        chosen.append(options[dose.person % len(options)])
    return chosen


def _lots(vaccines: Iterable[str], seed: int) -> dict[str, Lot]:
    return {
        vaccine: Lot.objects.get_or_create(
            vaccine_id=vaccine, lot_number=f"MUAT{seed % 10**6}", defaults={"expiration_date": LAST_DAY}
        )[0]
        for vaccine in sorted(vaccines)
    }


def _actor() -> User:
    """The account that stands in the ledger for loaded data; nobody can sign in with it."""
    user, created = User.objects.get_or_create(
        username=ACTOR, defaults={"full_name": "Pemuatan data", "is_active": False}
    )
    if created:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return user


def _movement_rows(
    history: Sequence[Dose], facilities: Sequence[int], lots: dict[str, Lot], actor: User
) -> Iterator[dict[str, Any]]:
    """Each lot is received once per facility and leaves it dose by dose, until nothing is left."""
    left: dict[tuple[int, str], int] = defaultdict(int)
    first: dict[tuple[int, str], datetime] = {}
    for dose, facility in zip(history, facilities, strict=True):
        key = facility, dose.vaccine
        left[key] += 1
        first[key] = min(first.get(key, dose.at), dose.at)
    for (facility, vaccine), quantity in left.items():
        yield {
            "facility_id": facility, "lot_id": lots[vaccine].pk, "kind": "received", "quantity": quantity,
            "balance_after": quantity, "immunization_uuid": None, "actor_id": actor.pk, "at": first[facility, vaccine],
        }  # fmt: skip
    for dose, facility in zip(history, facilities, strict=True):
        left[facility, dose.vaccine] -= 1
        yield {
            "facility_id": facility, "lot_id": lots[dose.vaccine].pk, "kind": "given", "quantity": -1,
            "balance_after": left[facility, dose.vaccine], "immunization_uuid": dose.key, "actor_id": actor.pk,
            "at": dose.at,
        }  # fmt: skip


def _balances(history: Sequence[Dose], facilities: Sequence[int], lots: dict[str, Lot]) -> None:
    pairs = {(facility, lots[dose.vaccine].pk) for dose, facility in zip(history, facilities, strict=True)}
    StockBalance.objects.bulk_create(
        [StockBalance(facility_id=facility, lot_id=lot, doses_on_hand=0) for facility, lot in sorted(pairs)],
        ignore_conflicts=True,
    )


def _dose_rows(
    history: Sequence[Dose],
    everybody: Sequence[Person],
    ids: Sequence[int],
    dose_ids: Sequence[int],
    facilities: Sequence[int],
    lots: dict[str, Lot],
) -> Iterator[dict[str, Any]]:
    products = Vaccine.objects.in_bulk()
    for dose, facility, pk in zip(history, facilities, dose_ids, strict=True):
        product, lot = products[dose.vaccine], lots[dose.vaccine]
        yield {
            "id": pk,
            "uuid": dose.key,
            # A key of its own kind: the form that would send the same key does not exist.
            "client_uuid": dose.key,
            "citizen_id": ids[dose.person],
            "programme_id": dose.programme,
            "vaccine_id": dose.vaccine,
            "dose_code": dose.code,
            "dose_number": dose.number,
            "dose_quantity_ml": product.dose_quantity_ml,
            "occurred_at": dose.at,
            # Recorded when given: before any PCare account began, so nothing is sent on (pcare_bridge.checks).
            "recorded_at": dose.at,
            "lot_number": lot.lot_number,
            "expiration_date": lot.expiration_date,
            "lot_id_used": lot.pk,
            "facility_id": facility,
            "body_site": "LA",
            "route": product.route,
            "residence_id": everybody[dose.person].place,
            "invalid_reasons": "{}",
        }
