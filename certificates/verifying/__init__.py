"""Certificates of the world, read and checked: one module per format, one door for page, API and command.

Nothing is stored or logged on this way, and nothing a stranger sends may raise or cost more than a moment. The formats
below know no table and no request; only this door asks for our keys, the confirmed trust lists and our revocations.
"""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from certificates.hcert import PREFIX, Revocable
from certificates.models import Revocation
from certificates.shc import BadKeySet, read_jwks
from certificates.trust.keys import KeyFinder
from certificates.trust.stored import StoredKeys
from certificates.verifying import divoc, hcert, shc, vdsnc, verdicts
from certificates.verifying.limits import MAX_TEXT, read_json
from certificates.verifying.verdicts import Outcome, Refused

__all__ = ["verify_text"]


def verify_text(text: str | bytes, *, ring: KeyFinder | None = None, now: datetime | None = None) -> Outcome:
    """Check any supported text: by our keys, lists and revocations, or only by `ring` when one is given.

    Bytes are the content of a file; a zip (DIVOC) is read as such, everything else as UTF-8.
    """
    now = now or timezone.now()
    is_revoked = _revoked_here if ring is None else _never
    keys = StoredKeys() if ring is None else ring
    if isinstance(text, bytes):
        text = text.decode("latin-1") if text.startswith(b"PK\x03\x04") else text.decode("utf-8", errors="replace")
    if len(text) > 2 * MAX_TEXT:
        return Outcome(verdicts.UNKNOWN, verdicts.BAD_QR)
    if text.startswith(divoc.ZIP_START):
        return divoc.verify(text, keys, now=now)
    text = text.strip().strip("\ufeff")
    if text.startswith(PREFIX):
        return hcert.verify(_one_line(text), keys, now=now, is_revoked=is_revoked)
    if divoc.looks_like(text):
        return divoc.verify("".join(text.split()), keys, now=now)
    if shc.looks_like(text):
        return shc.verify(text if _keeps_lines(text) else _one_line(text), keys, now=now, is_revoked=is_revoked)
    if vdsnc.looks_like(text):
        return vdsnc.verify(text, keys, now=now)
    if text.startswith("{"):
        return _key_set(text)
    return Outcome(verdicts.UNKNOWN, verdicts.BAD_PREFIX)


def _one_line(text: str) -> str:
    """Line breaks come from pasting; blanks are data in base45."""
    return text.replace("\r", "").replace("\n", "").replace("\t", "")


def _keeps_lines(text: str) -> bool:
    """Files and several chunks are told apart by their own marks."""
    return text.startswith(("{", "[")) or text.count("shc:/") > 1


def _key_set(text: str) -> Outcome:
    """Published keys pasted by mistake: no certificate, but a broken set is worth saying so."""
    try:
        document = read_json(text, verdicts.BAD_PREFIX)
        if isinstance(document, dict) and "keys" in document:
            read_jwks(document)
    except BadKeySet:
        return Outcome(verdicts.JWKS, verdicts.BAD_JWKS)
    except Refused:
        pass
    return Outcome(verdicts.UNKNOWN, verdicts.BAD_PREFIX)


def _never(_revocable: Revocable) -> bool:
    return False


def _revoked_here(revocable: Revocable) -> bool:
    return Revocation.objects.naming(revocable.hashes()).exists()
