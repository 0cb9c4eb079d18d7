"""One door for every verifier: page, API and command. Nothing is stored or logged on this way."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from certificates import hcert, keys, outcome, shc
from certificates.models import Revocation
from certificates.outcome import Outcome
from certificates.trust import KeyRing


def verify_text(text: str, *, ring: KeyRing | None = None, now: datetime | None = None) -> Outcome:
    """Check any supported text: by our own keys and revocations, or only by `ring` when one is given."""
    now = now or timezone.now()
    pinned = ring is not None
    ring = ring if ring is not None else keys.own_keys()
    is_revoked = _never if pinned else _revoked_here
    text = text.strip().strip("﻿")
    if text.startswith(hcert.PREFIX):
        return hcert.verify(_one_line(text), ring, now=now, is_revoked=is_revoked)
    if shc.looks_like(text):
        joined = text if text.startswith(("{", "[")) else _one_line(text)
        return shc.verify(joined, ring, now=now, is_revoked=is_revoked)
    return Outcome(outcome.UNKNOWN, outcome.BAD_PREFIX)


def _one_line(text: str) -> str:
    """Line breaks come from pasting; blanks are data in base45."""
    return text.replace("\r", "").replace("\n", "").replace("\t", "")


def _never(_revocable: hcert.Revocable) -> bool:
    return False


def _revoked_here(revocable: hcert.Revocable) -> bool:
    return Revocation.objects.naming(revocable.hashes()).exists()
