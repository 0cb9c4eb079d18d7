"""Reads the coverage table of an earlier system; all of it or nothing, and every bad row by name."""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

CITY = "Kota Semarang"
COLUMNS = ("kecamatan", "sasaran", "capaian")
_LARGEST = 10_000_000  # more people than any city; keeps a slipped digit from becoming a figure


@dataclass(frozen=True, slots=True)
class RecapRow:
    """One kecamatan of the table."""

    code: str
    name: str
    target: int
    achieved: int


@dataclass(frozen=True)
class Recap:
    """The whole table with its source and date; `warnings` are for the person who imports."""

    rows: tuple[RecapRow, ...]
    source: str
    as_of: date
    warnings: tuple[str, ...] = ()


class RecapRefused(ValueError):
    """The file cannot be taken over; `problems` names every bad row."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def percentage(achieved: int, target: int | None) -> Decimal | None:
    """Achieved of target in per cent, half-up to two decimals (RULES RP-1); None without a denominator."""
    if not target:
        return None
    return (Decimal(achieved) * 100 / Decimal(target)).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


def letters(name: str) -> str:
    """Only the letters, case-folded: GAJAHMUNGKUR and "Gajah Mungkur" are one place (RULES W-4)."""
    return "".join(char for char in name.casefold() if char.isalpha())


def read_recap(path: Path, kecamatan: Mapping[str, str], *, source: str, as_of: date) -> Recap:
    """Read and check a table with columns kecamatan, sasaran, capaian (persentase optional).

    `kecamatan` maps code to name; the file must hold each of them exactly once, and may close with a row of the whole
    city, which then must equal the sums. Raises RecapRefused with one line per problem.
    """
    codes = {letters(name): code for code, name in kecamatan.items()}
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise RecapRefused(["Berkas bukan teks UTF-8. Simpan ulang sebagai CSV UTF-8."]) from error
    except OSError as error:
        raise RecapRefused([f"Berkas tidak dapat dibaca: {error.strerror or error}."]) from error
    if "\x00" in text:
        raise RecapRefused(["Berkas bukan CSV (ada karakter nol). Simpan ulang sebagai CSV UTF-8."])
    reader = csv.DictReader(text.splitlines(), delimiter=";" if _uses_semicolons(text) else ",")
    header = [(name or "").strip().casefold() for name in reader.fieldnames or []]
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise RecapRefused([f"Kolom {', '.join(missing)} tidak ada. Baris pertama harus: {','.join(COLUMNS)}."])
    reader.fieldnames = header

    problems: list[str] = []
    warnings: list[str] = []
    found: dict[str, RecapRow] = {}
    total: tuple[int, int, int] | None = None
    for raw in reader:
        line, name = reader.line_num, (raw.get("kecamatan") or "").strip()
        if not any((value or "").strip() for value in raw.values() if isinstance(value, str)):
            continue
        numbers, faults = _numbers(raw)
        if letters(name) == letters(CITY):
            total = None if faults else (line, *numbers)
            problems += [f"Baris {line} ({name}): {fault}" for fault in faults]
            continue
        code = codes.get(letters(name))
        if code is None:
            faults.insert(0, "nama kecamatan tidak dikenal" if name else "nama kecamatan kosong")
        elif code in found:
            faults.insert(0, "kecamatan ini sudah ada di baris sebelumnya")
        problems += [f"Baris {line} ({name or '-'}): {fault}." for fault in faults]
        if code and not faults:
            found[code] = RecapRow(code, kecamatan[code], *numbers)
            warnings += _compare_printed(line, name, raw.get("persentase"), *numbers)
        elif code:
            found.setdefault(code, RecapRow(code, kecamatan[code], 0, 0))  # named already, so not missing as well
    absent = [name for code, name in sorted(kecamatan.items(), key=lambda pair: pair[1]) if code not in found]
    problems += [f"Kecamatan {name} tidak ada dalam berkas." for name in absent]
    if total and not problems:
        sums = sum(row.target for row in found.values()), sum(row.achieved for row in found.values())
        if total[1:] != sums:
            problems.append(f"Baris {total[0]} ({CITY}): jumlahnya harus {sums[0]} dan {sums[1]}.")
    if problems:
        raise RecapRefused(problems)
    ordered = tuple(sorted(found.values(), key=lambda row: row.name))
    return Recap(rows=ordered, source=source, as_of=as_of, warnings=tuple(warnings))


def _uses_semicolons(text: str) -> bool:
    first = text.splitlines()[0] if text else ""
    return first.count(";") > first.count(",")


def _numbers(raw: Mapping[str, str]) -> tuple[tuple[int, int], list[str]]:
    values, faults = [], []
    for column in ("sasaran", "capaian"):
        text = (raw.get(column) or "").strip()
        if re.fullmatch(r"-[0-9]+", text):
            faults.append(f"{column} {text} negatif")
        elif not re.fullmatch(r"[0-9]{1,12}", text):
            faults.append(f"{column} {text!r} bukan bilangan bulat (tulis tanpa titik ribuan)")
        elif int(text) > _LARGEST:
            faults.append(f"{column} {text} terlalu besar")
        elif column == "sasaran" and int(text) == 0:
            faults.append("sasaran 0, persentase tidak dapat dihitung")
        else:
            values.append(int(text))
            continue
        values.append(0)
    return (values[0], values[1]), faults


def _compare_printed(line: int, name: str, printed: str | None, target: int, achieved: int) -> list[str]:
    """A printed percentage is a control figure, never the source."""
    text = (printed or "").replace("%", "").replace(",", ".").strip()
    if not text:
        return []
    computed = percentage(achieved, target)
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) and Decimal(text) == computed:
        return []
    return [f"Baris {line} ({name}): persentase tertulis {printed}, hitungannya {computed}."]
