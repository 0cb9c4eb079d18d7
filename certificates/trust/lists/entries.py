"""What every reader of trust lists returns, and how one key of it is written down."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from certificates.trust.keys import HCERT_KEYS, TrustedKey, UnreadableCertificate, public_key_der, read_certificate

MAX_BYTES = 16 * 1024 * 1024
MAX_KEYS = 20_000
MAX_KID = 200  # bytes of the name of a key


class ListRefused(ValueError):
    """A list that is not what it should be; the message says why, in Indonesian."""


@dataclass(frozen=True)
class Entry:
    """One key of a list. Bytes as base64 and times as seconds, so that an entry is its own JSON."""

    family: str
    kid: str
    public_key: str
    certificate: str = ""
    issuer: str = ""
    country: str = ""
    iss: str = ""
    usages: str = ""
    formats: tuple[str, ...] = ()
    not_before: int | None = None
    not_after: int | None = None

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the public key, the first 16 bytes as hex: what tells two keys of one kid apart."""
        return hashlib.sha256(base64.b64decode(self.public_key)).hexdigest()[:32]

    @property
    def identity(self) -> str:
        """What makes an entry the same key in two editions."""
        return f"{self.family}|{self.kid}|{self.fingerprint}|{self.iss}"

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON column."""
        return asdict(self) | {"formats": list(self.formats)}


def from_json(values: dict[str, Any]) -> Entry:
    """The entry that `to_json` wrote."""
    return Entry(**(values | {"formats": tuple(values["formats"])}))


@dataclass(frozen=True)
class Reading:
    """One edition as read: its keys, what was left out and why, its own date, and who vouches for it.

    `proof` is empty for a list that carries no signature: then only a person's comparison stands behind it.
    """

    entries: list[Entry]
    left_out: dict[str, int] = field(default_factory=dict)
    issued_at: datetime | None = None
    proof: str = ""


class Collector:
    """Gathers entries under the cap, and counts what is left out by reason."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.left_out: dict[str, int] = {}

    def add(self, entry: Entry) -> None:
        """Keep one key. The same key twice, as in two domains, is one that serves the formats of both."""
        before = self.entries.get(entry.identity)
        if before:
            entry = replace(entry, formats=tuple(sorted({*before.formats, *entry.formats})))
        self.entries[entry.identity] = entry
        if len(self.entries) > MAX_KEYS:
            raise ListRefused(f"Daftar ini berisi lebih dari {MAX_KEYS} kunci.")

    def leave_out(self, reason: str) -> None:
        """Count one key that is not taken over."""
        self.left_out[reason] = self.left_out.get(reason, 0) + 1

    def reading(self, *, issued_at: datetime | None = None, proof: str = "") -> Reading:
        """The result. Raises ListRefused when no key is left: an empty list would withdraw everything."""
        if not self.entries:
            raise ListRefused("Tidak ada satu pun kunci yang dapat dipakai di daftar ini.")
        return Reading(sorted(self.entries.values(), key=lambda e: e.identity), self.left_out, issued_at, proof)


def of_certificate(
    der: bytes, *, family: str = HCERT_KEYS, kid: bytes = b"", country: str = "", formats: Iterable[str] = ()
) -> Entry:
    """Entry of a certificate; UnreadableCertificate when there is no usable key in it."""
    return of_key(read_certificate(der), family=family, kid=kid, country=country, formats=formats, certificate=der)


def of_key(
    key: TrustedKey,
    *,
    family: str,
    kid: bytes = b"",
    country: str = "",
    iss: str = "",
    formats: Iterable[str] = (),
    certificate: bytes = b"",
) -> Entry:
    """Entry of a key that has been read already."""
    name = kid or key.kid
    if not 0 < len(name) <= MAX_KID:
        raise UnreadableCertificate("no usable name of the key")
    return Entry(
        family=family,
        kid=base64.b64encode(name).decode("ascii"),
        public_key=base64.b64encode(public_key_der(key.public_key)).decode("ascii"),
        certificate=base64.b64encode(certificate).decode("ascii"),
        issuer=key.issuer[:200],
        country=country[:10],
        iss=iss[:200],
        usages="".join(sorted(key.usages)),
        formats=tuple(sorted(formats)),
        not_before=key.not_before,
        not_after=key.not_after,
    )


def moment(value: object) -> datetime | None:
    """An ISO 8601 moment of a list, aware; None for anything else."""
    try:
        found = datetime.fromisoformat(value.replace("Z", "+00:00")) if isinstance(value, str) else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found and found.tzinfo is None else found
