"""What a verifier answers: format, verdict, and the facts of a code whose signature held."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

VALID = "valid"
BAD_PREFIX = "bad-prefix"
BAD_BASE45 = "bad-base45"
BAD_ZLIB = "bad-zlib"
BAD_COSE = "bad-cose"
BAD_CBOR = "bad-cbor"
BAD_QR = "bad-qr"
BAD_JWS = "bad-jws"
UNKNOWN_KEY = "unknown-key"
BAD_SIGNATURE = "bad-signature"
NOT_YET_VALID = "not-yet-valid"
EXPIRED = "expired"
WRONG_KEY_USAGE = "wrong-key-usage"
REVOKED = "revoked"
BAD_SCHEMA = "bad-schema"
BAD_VALUESET = "bad-valueset"

VERDICTS = (
    VALID,
    BAD_PREFIX,
    BAD_BASE45,
    BAD_ZLIB,
    BAD_COSE,
    BAD_CBOR,
    BAD_QR,
    BAD_JWS,
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
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Outcome:
    """One verdict. `facts` is empty unless the signature held; `issuer` names whose key it was."""

    format: str
    verdict: str
    facts: dict[str, Any] = field(default_factory=dict)
    issuer: str = ""
    own_key: bool = False

    @property
    def signature_held(self) -> bool:
        """True when a known key signed exactly these bytes, whatever else is wrong with them."""
        return self.verdict in {VALID, NOT_YET_VALID, EXPIRED, WRONG_KEY_USAGE, REVOKED, BAD_SCHEMA, BAD_VALUESET}
