"""The table of codes that every verifier of ours is held to: the published cases of `expected.csv`, read in place."""

import base64
import csv
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from certificates.shc import read_jwks
from certificates.trust.given import keys_by_name
from certificates.trust.keys import KeyRing, TrustedKey, read_certificate

# Where the table names no clock: a moment at which every specimen had been issued and none had ended.
CLOCK = datetime(2022, 6, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    """One published case. `picture` is its broken QR picture, where that is what the case is about."""

    file: str
    verdict: str
    text: bytes
    now: datetime
    ring: KeyRing = field(repr=False)
    picture: bytes = b""

    @property
    def keys(self) -> list[TrustedKey]:
        """The keys to check against."""
        return list(self.ring)


def folder(shared_dir: Path) -> Path:
    """The test data of the specification."""
    return shared_dir / "certificates/testdata"


def rows(shared_dir: Path) -> list[Row]:
    """Every row of `expected.csv`."""
    data = folder(shared_dir)
    with (data / "expected.csv").open() as table:
        return [_row(data, row["file"], row["verdict"]) for row in csv.DictReader(table)]


def _row(data: Path, file: str, verdict: str) -> Row:
    if file.startswith("dcc/"):
        return _dcc(data, file, verdict)
    text = (data / file).read_bytes()
    if file.startswith("shc/"):
        return Row(
            file, verdict, text, CLOCK, KeyRing(read_jwks(json.loads((data / "shc/issuer-jwks.json").read_text())))
        )
    public = json.loads((data / "public-keys.json").read_text())
    return Row(file, verdict, text, CLOCK, KeyRing(keys_by_name(public)))


def _dcc(data: Path, file: str, verdict: str) -> Row:
    case = json.loads((data / file).read_text())
    key = read_certificate(base64.b64decode(case["TESTCTX"]["CERTIFICATE"]))
    clock = datetime.fromisoformat(case["TESTCTX"]["VALIDATIONCLOCK"].replace("Z", "+00:00"))
    picture = b""
    if verdict == "bad-qr":  # its picture is the broken part; the text inside is sound
        verdict, picture = "valid", base64.b64decode(case["2DCODE"])
    return Row(file, verdict, case["PREFIX"].encode(), clock, KeyRing([key], pinned=True), picture)
