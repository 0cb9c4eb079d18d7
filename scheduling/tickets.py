"""Ticket codes: what is printed, scanned and typed."""

import re
import secrets
from uuid import UUID

import segno

# 31 signs that cannot be misread; eight of them are 852 thousand million codes.
SIGNS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
CODE_LENGTH = 8
SCANNED = re.compile(r"^SMG1:([0-9A-Z]{8}):([0-9A-F]{32})$")


def new_code() -> str:
    """A fresh random code."""
    return "".join(secrets.choice(SIGNS) for _ in range(CODE_LENGTH))


def scan_text(code: str, public_id: UUID) -> str:
    """Text of the QR on a ticket: capitals and digits only, which makes the symbol small."""
    return f"SMG1:{code}:{public_id.hex.upper()}"


def parse(text: str) -> dict[str, str | UUID]:
    """What a scanner or a person typed, as a filter on appointments; empty when it cannot be a ticket."""
    tidy = re.sub(r"[\s.]", "", text).upper()
    if scanned := SCANNED.match(tidy):
        return {"code": scanned[1], "public_id": UUID(scanned[2])}
    bare = tidy.replace("-", "")
    if len(bare) == CODE_LENGTH and set(bare) <= set(SIGNS):
        return {"code": bare}
    if re.fullmatch(r"[0-9A-F]{32}", bare):
        return {"public_id": UUID(bare)}
    return {}


def qr_image(text: str) -> str:
    """The QR as the address of an SVG image, for <img src>."""
    return segno.make(text, error="m", micro=False).svg_data_uri(border=2, scale=6)
