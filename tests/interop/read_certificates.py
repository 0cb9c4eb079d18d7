"""Reads certificates with software that other people wrote; runs in `.venv-interop`, beside nothing of the portal.

In: JSON with `signers` (PEM by kid), `jwks`, and codes by name under `hc1` and `shc`. Out: for each library and code
what was read, or why it was refused.
"""

import base64
import json
import sys
import zlib
from collections.abc import Callable
from typing import Any

import cwt
from jwcrypto import jwk, jws
from jwcrypto.common import JWException

BASE45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
REFUSALS = (cwt.CWTError, JWException, ValueError, KeyError, zlib.error)


def unbase45(text: str) -> bytes:
    """RFC 9285, straight from its text."""
    values, out = [BASE45.index(letter) for letter in text], bytearray()
    for start in range(0, len(values), 3):
        group = values[start : start + 3]
        number = sum(value * 45**place for place, value in enumerate(group))
        out += number.to_bytes(len(group) - 1, "big")
    return bytes(out)


def by_cwt(code: str, given: dict[str, Any]) -> Any:
    """`cwt` finds the signer by kid among all of them, as its example for health certificates does."""
    signers = [cwt.load_pem_hcert_dsc(pem) for pem in given["signers"].values()]
    known = {base64.b64encode(signer.kid or b"").decode() for signer in signers}
    if known != set(given["signers"]):
        raise SystemExit(f"cwt computes other kids: {known}")
    return cwt.decode(zlib.decompress(unbase45(code.removeprefix("HC1:"))), keys=signers)[-260]


def by_jwcrypto(code: str, given: dict[str, Any]) -> Any:
    """`jwcrypto` with the published key set, ES256 only, as a reader of health cards must."""
    keys, token = jwk.JWKSet.from_json(json.dumps(given["jwks"])), jws.JWS()
    token.allowed_algs = ["ES256"]
    token.deserialize(code)
    key = keys.get_key(token.jose_header["kid"])
    if key is None:
        raise KeyError("kid")
    token.verify(key)
    return json.loads(zlib.decompress(token.payload, -15))


def answer(read: Callable[[str, dict[str, Any]], Any], code: str, given: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"read": read(code, given)}
    except REFUSALS as error:
        return {"refused": f"{type(error).__name__}: {error}"}


def main() -> None:
    given = json.load(sys.stdin)
    said = {
        "cwt": {name: answer(by_cwt, code, given) for name, code in given["hc1"].items()},
        "jwcrypto": {name: answer(by_jwcrypto, code, given) for name, code in given["shc"].items()},
    }
    json.dump(said, sys.stdout, default=str)


main()
