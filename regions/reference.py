"""The city from the project's own data files: kecamatan, kelurahan, facilities (sources in each row)."""

import csv
from collections.abc import Iterable
from datetime import time
from pathlib import Path

from django.db import models, transaction

from regions.models import Facility, Kecamatan, Kelurahan

DATA = Path(__file__).resolve().parent / "data"


def rows(path: Path) -> list[dict[str, str]]:
    """All rows of one data file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def listed(text: str) -> list[str]:
    """The parts of a cell that holds several values separated by semicolons."""
    return [part.strip() for part in text.split(";") if part.strip()]


def store(model: type[models.Model], objects: Iterable[models.Model], key: str, *, update: bool) -> tuple[int, int]:
    """Insert missing rows; with `update` also take the files' values for the others.

    Without it an existing row stays as it is, so a value corrected in the admin survives the next start.
    Returns (number in the file, number of new rows).
    """
    objects = list(objects)
    manager = model._default_manager
    known = set(manager.filter(**{f"{key}__in": [getattr(o, key) for o in objects]}).values_list(key, flat=True))
    new = [o for o in objects if getattr(o, key) not in known]
    manager.bulk_create(new)
    if update:
        fields = [f.name for f in model._meta.concrete_fields if not f.primary_key and f.name != key]
        ids = {} if key == model._meta.pk.name else dict(manager.values_list(key, "pk"))
        old = [o for o in objects if getattr(o, key) in known]
        for o in old:
            o.pk = ids.get(getattr(o, key), o.pk)
        if fields and old:
            manager.bulk_update(old, fields)
    return len(objects), len(new)


@transaction.atomic
def load_city(*, update: bool = False) -> dict[str, tuple[int, int]]:
    """Load kecamatan, kelurahan and facilities; returns per kind (in the file, new)."""
    area = rows(DATA / "wilayah.csv")
    counts = {}
    counts["kecamatan"] = store(
        Kecamatan,
        (
            Kecamatan(
                code=row["code"],
                name=row["name"],
                latitude=row["latitude"],
                longitude=row["longitude"],
                grid_row=int(row["grid_row"]),
                grid_col=int(row["grid_col"]),
                neighbour_codes=row["neighbours"].split(),
            )
            for row in area
            if row["level"] == "kecamatan"
        ),
        "code",
        update=update,
    )
    counts["kelurahan"] = store(
        Kelurahan,
        (
            Kelurahan(
                code=row["code"],
                kecamatan_id=row["parent"],
                name=row["name"],
                latitude=row["latitude"] or None,
                longitude=row["longitude"] or None,
            )
            for row in area
            if row["level"] == "kelurahan"
        ),
        "code",
        update=update,
    )
    counts["fasilitas"] = store(Facility, map(_facility, rows(DATA / "facilities.csv")), "code", update=update)
    return counts


def _facility(row: dict[str, str]) -> Facility:
    return Facility(
        code=row["code"],
        name=row["name"],
        kind=row["kind"],
        kecamatan_id=row["kecamatan"],
        kelurahan_id=row["kelurahan"] or None,
        address=row["address"],
        phone=row["phone"],
        open_days=row["open_days"],
        open_time=time.fromisoformat(row["open_time"]) if row["open_time"] else None,
        close_time=time.fromisoformat(row["close_time"]) if row["close_time"] else None,
        daily_capacity=int(row["daily_capacity"]) if row["daily_capacity"] else None,
        programme_codes=listed(row["programmes"]),
        unverified_fields=listed(row["unverified"]),
        source=row["source"],
    )
