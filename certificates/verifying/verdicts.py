"""What a verifier answers: format, verdict, and the facts of a code whose signature held.

The names of verdicts and formats are those of FORMATS section 1.8 and `expected.csv`; the verifier in the browser and
the partners' API use the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from certificates.trust.keys import TrustedKey

VALID = "valid"
BAD_PREFIX = "bad-prefix"
BAD_BASE45 = "bad-base45"
BAD_ZLIB = "bad-zlib"
BAD_COSE = "bad-cose"
BAD_CBOR = "bad-cbor"
BAD_QR = "bad-qr"
BAD_JWS = "bad-jws"
BAD_JWKS = "bad-jwks"  # a key set pasted instead of a code, and one that breaks the rules
BAD_JSON = "bad-json"  # DIVOC and VDS-NC: not the JSON, zip or proof it should be
UNKNOWN_KEY = "unknown-key"
BAD_SIGNATURE = "bad-signature"
NOT_YET_VALID = "not-yet-valid"
EXPIRED = "expired"
WRONG_KEY_USAGE = "wrong-key-usage"
REVOKED = "revoked"
BAD_SCHEMA = "bad-schema"
BAD_VALUESET = "bad-valueset"

# In the order of the steps that give them.
VERDICTS = (
    VALID,
    BAD_QR,
    BAD_PREFIX,
    BAD_BASE45,
    BAD_ZLIB,
    BAD_COSE,
    BAD_CBOR,
    BAD_JWS,
    BAD_JWKS,
    BAD_JSON,
    UNKNOWN_KEY,
    BAD_SIGNATURE,
    NOT_YET_VALID,
    EXPIRED,
    WRONG_KEY_USAGE,
    REVOKED,
    BAD_SCHEMA,
    BAD_VALUESET,
)

EU_DCC = "eu-dcc"
WHO_DVC = "who-dvc"
DDCC_VS = "ddcc-vs"
HCERT_OTHER = "hcert-other"
HCERT = "hcert"  # an HC1 code that could not be opened far enough to say more
SHC = "shc"
DIVOC = "divoc"
VDS_NC = "vds-nc"
JWKS = "jwks"
UNKNOWN = "unknown"
FORMATS = (EU_DCC, WHO_DVC, DDCC_VS, HCERT_OTHER, HCERT, SHC, DIVOC, VDS_NC, JWKS, UNKNOWN)

# Whose word it is. `UNLISTED`: the code proves that somebody signed it, and nobody we know says who that is.
OWN, NATIONAL, INTERNATIONAL, GIVEN, UNLISTED, NO_TRUST = "own", "national", "international", "given", "unlisted", ""
TRUST = (OWN, NATIONAL, INTERNATIONAL, GIVEN, UNLISTED, NO_TRUST)

# What a valid signature does not say by itself.
REVOCATION_NOT_CHECKED = "revocation-not-checked"

_SIGNED = frozenset({VALID, NOT_YET_VALID, EXPIRED, WRONG_KEY_USAGE, REVOKED, BAD_SCHEMA, BAD_VALUESET})
# A revoked code states what turned out to be wrong; one outside its schema cannot be read with confidence.
_SHOWN = frozenset({VALID, NOT_YET_VALID, EXPIRED, BAD_VALUESET})


class Refused(Exception):
    """A step of the verification that failed; inside this package only."""

    def __init__(self, verdict: str):
        super().__init__(verdict)
        self.verdict = verdict


@dataclass(frozen=True)
class Outcome:
    """One verdict. `facts`, `issuer` and `trust` are empty unless a known key signed exactly this content.

    `issuer` names whose key it was, `trust` on whose word, `list_name` the trust list it stands on.
    """

    format: str
    verdict: str
    facts: dict[str, Any] = field(default_factory=dict)
    issuer: str = ""
    trust: str = NO_TRUST
    list_name: str = ""
    notes: tuple[str, ...] = ()

    @property
    def own_key(self) -> bool:
        """True when the key is one of this portal's."""
        return self.trust == OWN

    @property
    def signature_held(self) -> bool:
        """True when a known key signed exactly these bytes, whatever else is wrong with them."""
        return self.verdict in _SIGNED


@dataclass
class State:
    """What the steps have found so far; turned into an Outcome when they end, wherever they end."""

    format: str
    issuer: str = ""
    trust: str = NO_TRUST
    list_name: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def found(self, key: TrustedKey, *notes: str) -> None:
        """Note whose key it was. Of foreign codes we know no revocations, and say so."""
        self.issuer, self.trust, self.list_name = key.issuer, key.trust, key.list_name
        self.notes = notes if key.trust == OWN else (REVOCATION_NOT_CHECKED, *notes)

    def outcome(self, verdict: str) -> Outcome:
        """The answer after `verdict`, holding back what an unproven signature must not say."""
        if verdict not in _SIGNED:
            return Outcome(self.format, verdict, trust=self.trust if self.trust == UNLISTED else NO_TRUST)
        facts = self.facts if verdict in _SHOWN else {}
        return Outcome(self.format, verdict, facts, self.issuer, self.trust, self.list_name, self.notes)

    def judged(self, steps: Callable[[], None]) -> Outcome:
        """The answer of the steps of one format, which fill this state; the first that refuses names the verdict."""
        try:
            steps()
        except Refused as refused:
            return self.outcome(refused.verdict)
        return self.outcome(VALID)
