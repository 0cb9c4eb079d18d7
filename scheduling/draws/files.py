"""The two published files of a draw, and replaying it from them: pure functions, no database.

The participants' file is published with its SHA-256 before the seed is shown; `sha256sum` of the download is that hash.
The order depends on seed and hash together: who knew the seed still could not tell what one more entry would do.
"""

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scheduling import fair_order

LIST_HEADER = ("nomor_undian", "undi", "orang", "pilihan")
RESULT_HEADER = ("urutan", *LIST_HEADER, "hasil", "jadwal", "dilepas")
OUTCOMES = {"won": "dapat", "lost": "belum", "ineligible": "gugur", "waiting": "menunggu"}


@dataclass(frozen=True)
class Ticket:
    """A line of the participants' file: a random number, its tickets in the drum, people, schedules wished."""

    number: str
    weight: int
    people: int
    wishes: tuple[int, ...]


@dataclass(frozen=True)
class Result:
    """A line of the result file; `dropped` are wishes the dose rules no longer allowed."""

    rank: int
    ticket: Ticket
    outcome: str
    schedule: int | None
    dropped: tuple[int, ...]


@dataclass(frozen=True)
class Check:
    """One question a replay answers."""

    title: str
    ok: bool
    detail: str


class UnreadableFile(ValueError):
    """Not a result file of a draw; the text says which line."""


def participants_file(tickets: Iterable[Ticket]) -> bytes:
    """The list of participants as published: UTF-8, sorted by number, lines end with a newline."""
    rows = ((one.number, one.weight, one.people, _join(one.wishes)) for one in tickets)
    return _write(LIST_HEADER, sorted(rows))


def result_file(results: Iterable[Result]) -> bytes:
    """The result as published, in drawn order."""
    return _write(
        RESULT_HEADER,
        (
            (
                one.rank, one.ticket.number, one.ticket.weight, one.ticket.people, _join(one.ticket.wishes),
                one.outcome, one.schedule or "", _join(one.dropped),
            )
            for one in sorted(results, key=lambda one: one.rank)
        ),
    )  # fmt: skip


def read_results(text: str) -> list[Result]:
    """The lines of a result file, in its order. Raises UnreadableFile."""
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    if tuple(next(rows, ())) != RESULT_HEADER:
        raise UnreadableFile(f"baris 1: judul kolom harus {','.join(RESULT_HEADER)}")
    found = []
    for number, row in enumerate(rows, start=2):
        try:
            rank, name, weight, people, wishes, outcome, schedule, dropped = row
            ticket = Ticket(name, int(weight), int(people), _split(wishes))
            found.append(Result(int(rank), ticket, outcome, int(schedule) if schedule else None, _split(dropped)))
        except ValueError as error:
            raise UnreadableFile(f"baris {number}: {error}") from None
    return found


def hash_of(file: bytes) -> str:
    """SHA-256 as published, 64 hexadecimal digits."""
    return hashlib.sha256(file).hexdigest()


def drawn_order(seed: str, list_hash: str, tickets: Iterable[Ticket]) -> list[str]:
    """Numbers in drawn order, first drawn first."""
    return fair_order.fair_order(f"{seed}:{list_hash}", ((one.number, one.weight) for one in tickets))


def replay(seed: str, results: Sequence[Result], *, seed_hash: str = "", list_hash: str = "") -> list[Check]:
    """Draw again from the published lines and compare; hashes given are those published before the draw."""
    tickets = [one.ticket for one in results]
    found_hash = hash_of(participants_file(tickets))
    found_seed_hash = fair_order.commitment(seed)
    published = [one.ticket.number for one in sorted(results, key=lambda one: one.rank)]
    return [
        Check("benih sama dengan sidik yang dijanjikan", seed_hash in ("", found_seed_hash), found_seed_hash),
        Check("daftar peserta sama dengan sidik yang diumumkan", list_hash in ("", found_hash), found_hash),
        _same_order(published, drawn_order(seed, found_hash, tickets) if _drawable(tickets) else []),
        _nobody_passed_over(results),
    ]


def _drawable(tickets: Sequence[Ticket]) -> bool:
    return all(one.weight > 0 for one in tickets)


def _same_order(published: list[str], drawn: list[str]) -> Check:
    title = "urutan sama dengan undian ulang"
    if published == drawn:
        return Check(title, True, f"{len(drawn)} nomor")
    first = next((n for n, pair in enumerate(zip(published, drawn, strict=False), 1) if pair[0] != pair[1]), 0)
    return Check(title, False, f"berbeda mulai urutan {first or min(len(published), len(drawn)) + 1}")


def _nobody_passed_over(results: Sequence[Result]) -> Check:
    """Whoever went without was not followed by as large a group that got a place of the same schedule.

    Places only ever become fewer while a draw runs, so this needs no knowledge of how many there were.
    """
    title = "tidak ada yang dilewati"
    largest: dict[int, int] = {}  # schedule → most people of one number that got places there later
    for one in sorted(results, key=lambda one: -one.rank):
        if one.outcome == OUTCOMES["ineligible"]:
            continue
        for wish in one.ticket.wishes:
            if wish == one.schedule:
                break
            if wish not in one.dropped and largest.get(wish, 0) >= one.ticket.people:
                return Check(title, False, f"{one.ticket.number} dilewati di jadwal {wish}")
        if one.schedule is not None:
            largest[one.schedule] = max(largest.get(one.schedule, 0), one.ticket.people)
    return Check(title, True, f"{sum(one.schedule is not None for one in results)} nomor dapat tempat")


def _write(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()


def _join(numbers: Iterable[int]) -> str:
    return " ".join(map(str, numbers))


def _split(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split())
