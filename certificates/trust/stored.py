"""The keys of this installation: our own, and those of the confirmed trust lists."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from certificates import keys
from certificates.trust.keys import KeyRing, TrustedKey, public_key_der
from certificates.trust.lists.entries import MAX_KID
from certificates.trust.models import IssuerKey

# Several authorities may share one name; more than a few never do, and each costs a signature check.
MOST_OF_ONE_NAME = 8


class StoredKeys:
    """Looks keys up where they are needed; one lookup per code, so a list of thousands costs one indexed query."""

    pinned = False

    def __init__(self) -> None:
        self._own: KeyRing | None = None

    def find(self, kid: bytes, family: str) -> list[TrustedKey]:
        """Our own keys first, then those of the lists."""
        if not 0 < len(kid) <= MAX_KID:
            return []
        if self._own is None:
            self._own = keys.own_keys()
        name = base64.b64encode(kid).decode("ascii")
        rows = IssuerKey.objects.counting().filter(family=family, kid=name).select_related("trust_list").order_by("pk")
        listed = list(_readable(list(rows[:MOST_OF_ONE_NAME])))
        return [*(_also_on(key, listed) for key in self._own.find(kid, family)), *listed]

    def all_of(self, family: str) -> list[TrustedKey]:
        """Never all of them: only a pinned ring is tried without a name."""
        return []


def trusted_keys() -> list[TrustedKey]:
    """Our own keys and every key of the confirmed lists, for a verifier that works without us (a browser, offline)."""
    rows = IssuerKey.objects.counting().select_related("trust_list").order_by("pk")
    listed = list(_readable(list(rows)))
    return [*(_also_on(key, listed) for key in keys.own_keys()), *listed]


def _also_on(own: TrustedKey, listed: list[TrustedKey]) -> TrustedKey:
    """Our own key, told on which list it stands too: then others accept it as well."""
    der = public_key_der(own.public_key)
    names = [key.list_name for key in listed if public_key_der(key.public_key) == der]
    return replace(own, list_name=names[0]) if names else own


def _readable(rows: list[IssuerKey]) -> Iterator[TrustedKey]:
    for row in rows:
        try:
            public = load_der_public_key(bytes(row.public_key))
        except (ValueError, UnsupportedAlgorithm):
            continue
        if isinstance(public, ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey):
            yield TrustedKey(
                kid=base64.b64decode(row.kid),
                public_key=public,
                not_before=row.not_before,
                not_after=row.not_after,
                usages=frozenset(row.usages),
                issuer=", ".join(dict.fromkeys(part for part in (row.issuer, row.country) if part)),
                iss=row.iss,
                family=row.family,
                formats=frozenset(row.formats),
                trust=row.trust_list.scope,
                list_name=row.trust_list.name,
                certificate=bytes(row.certificate or b""),
            )
