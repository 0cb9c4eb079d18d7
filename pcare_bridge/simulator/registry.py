"""What the simulated service remembers: participants, registrations, visits, doses; in memory or in a journal."""

import base64
import hashlib
import json
import os
import threading
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TABLES = (
    "peserta", "pendaftaran", "kunjungan", "tindakan", "obat", "MCU", "kegiatan", "kegiatan_peserta", "vaksinasi",
    "Encounter", "Immunization", "Observation",
)  # fmt: skip


class Registry:
    """Tables of rows by number. Callers hold `lock` from the first check to the write that depends on it."""

    def __init__(self, journal: Path | None = None, journal_key: str = "") -> None:
        self.lock = threading.RLock()
        self.tables: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in TABLES}
        self.counters: dict[str, int] = {}
        # Of the table vaksinasi: sender's id to number, and NIK to numbers in order of arrival.
        self.by_sender: dict[str, str] = {}
        self.by_nik: dict[str, dict[str, None]] = {}
        self.by_card: dict[str, str] = {}  # of the table peserta: card number to NIK
        # Of a table and one mark of its rows (see `_marks`): their numbers in order of arrival.
        self._marked: dict[tuple[str, str], dict[str, None]] = {}
        self._sealer = AESGCM(hashlib.sha256(f"journal {journal_key}".encode()).digest())
        self._journal = journal
        if journal is not None and journal.exists():
            self._replay(journal)

    def _replay(self, journal: Path) -> None:
        # The last line may be half written by a killed process; it was never acknowledged.
        text = journal.read_text("ascii", "replace")
        if text and not text.endswith("\n"):
            with journal.open("ab") as file:
                file.write(b"\n")
        for line in text.splitlines():
            try:
                blob = base64.b64decode(line, validate=True)
                entry = json.loads(self._sealer.decrypt(blob[:12], blob[12:], None))
            except (ValueError, InvalidTag):
                continue
            self._apply(entry)

    def _apply(self, entry: dict[str, Any]) -> None:
        table = self.tables[entry["table"]]
        number = entry["number"]
        before = table.pop(number, None) if entry["row"] is None else table.get(number)
        if entry["row"] is not None:
            table[number] = entry["row"]
        if entry["table"] == "vaksinasi":
            self._index(number, before, entry["row"])
        self._mark(entry["table"], number, before, entry["row"])
        if entry["table"] == "peserta" and entry["row"] is not None and "noKartu" in entry["row"]:
            self.by_card[entry["row"]["noKartu"]] = number
        if "counter" in entry:
            name, value = entry["counter"]
            self.counters[name] = max(value, self.counters.get(name, 0))

    def _index(self, number: str, before: dict[str, Any] | None, after: dict[str, Any] | None) -> None:
        if before is not None:
            self.by_sender.pop(before["idPengirim"], None)
            self.by_nik[before["nik"]].pop(number, None)
        if after is not None:
            if after["idPengirim"]:
                self.by_sender[after["idPengirim"]] = number
            self.by_nik.setdefault(after["nik"], {})[number] = None

    def _mark(self, table: str, number: str, before: dict[str, Any] | None, after: dict[str, Any] | None) -> None:
        old, new = _marks(table, before), _marks(table, after)
        for mark in old - new:
            self._marked[table, mark].pop(number, None)
        for mark in new - old:
            self._marked.setdefault((table, mark), {})[number] = None

    def marked(self, table: str, mark: str) -> list[dict[str, Any]]:
        """The rows of a table that carry a mark, in order of arrival."""
        with self.lock:
            return [self.tables[table][number] for number in self._marked.get((table, mark), ())]

    def put(self, table: str, number: str, row: dict[str, Any] | None, counter: str = "") -> None:
        """Store, replace or (row None) remove one row; in the journal before the caller answers."""
        entry: dict[str, Any] = {"table": table, "number": number, "row": row}
        if counter:
            entry["counter"] = [counter, self.counters[counter]]
        with self.lock:
            self._apply(entry)
            if self._journal is not None:
                self._append(entry)

    def _append(self, entry: dict[str, Any]) -> None:
        # Sealed, because even a stand-in's file must hold no readable number of a person.
        nonce = os.urandom(12)
        blob = nonce + self._sealer.encrypt(nonce, json.dumps(entry).encode(), None)
        assert self._journal is not None
        with self._journal.open("ab") as file:
            file.write(base64.b64encode(blob) + b"\n")

    def member(self, card: str) -> dict[str, Any] | None:
        """The participant with this card number."""
        with self.lock:
            return self.tables["peserta"].get(self.by_card.get(card, ""))

    def next(self, counter: str) -> int:
        """The next number of a counter, from 1."""
        with self.lock:
            self.counters[counter] = self.counters.get(counter, 0) + 1
            return self.counters[counter]

    def clear(self) -> None:
        """Forget everything."""
        with self.lock:
            for table in self.tables.values():
                table.clear()
            self.counters.clear()
            self.by_sender.clear()
            self.by_nik.clear()
            self.by_card.clear()
            self._marked.clear()
            if self._journal is not None:
                self._journal.unlink(missing_ok=True)


def of_day(provider: str, day: str) -> str:
    """The mark of a registration: whose, and of which day."""
    return f"{provider} {day}"


def _marks(table: str, row: dict[str, Any] | None) -> set[str]:
    """By what rows of a table are looked up; without it each look-up would read the whole table."""
    if row is None:
        return set()
    if table == "pendaftaran":
        return {of_day(row["providerPelayanan"]["kdProvider"], row["tglDaftar"])}
    if table == "kunjungan":
        return {row["noKartu"]}
    if table in ("Encounter", "Immunization", "Observation"):
        return {f"{item.get('system')}|{item.get('value')}" for item in row.get("identifier", [])}
    return set()
