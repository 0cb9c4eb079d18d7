"""Linked-data signatures (DIVOC certificates, WHO trust lists): what exactly has been signed.

PyLD expands and canonicalises; contexts come from the folder beside this file and from nowhere else. A term that no
context defines would be dropped before hashing and so be covered by no signature: such a document is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from pyld import jsonld

_FOLDER = Path(__file__).with_name("contexts")
SECURITY_V2 = "https://w3id.org/security/v2"
DID_V1, JWS_2020 = "https://www.w3.org/ns/did/v1", "https://w3id.org/security/suites/jws-2020/v1"
CREDENTIALS_V1 = "https://www.w3.org/2018/credentials/v1"
VACCINATION = {
    "https://cowin.gov.in/credentials/vaccination/v1": "cowin-vaccination-v1.json",
    "https://cowin.gov.in/credentials/vaccination/v2": "divoc-vaccination-v2.json",
    # Countries that took over the second context unchanged, under an address of their own.
    "https://divoc.prod/vaccine/credentials/vaccination/v1": "divoc-vaccination-v2.json",
    "https://divoc.lgcc.gov.lk/credentials/vaccination/v1": "divoc-vaccination-v2.json",
    "https://www.pedulilindungi.id/credentials/vaccination/v2": "divoc-vaccination-v2.json",
}
CONTEXTS = {
    **VACCINATION,
    CREDENTIALS_V1: "credentials-v1.json",
    "https://w3id.org/security/v1": "security-v1.json",
    SECURITY_V2: "security-v2.json",
    DID_V1: "did-v1.json",
    JWS_2020: "jws-2020-v1.json",
}


# Where a relative address would lead. Libraries differ on these (some drop them, unsigned), so they are refused.
_RELATIVE = "relative://document/"


class NotSigned(ValueError):
    """Something in the document is outside every signature, or it is no linked-data document at all."""


@cache
def context(url: str) -> Any:
    """The bundled context of this address; KeyError for any other."""
    return json.loads((_FOLDER / CONTEXTS[url]).read_text())


def _load(url: str, _options: Any = None) -> dict[str, Any]:
    if url not in CONTEXTS:
        raise NotSigned(f"context not known: {url[:100]}")
    return {"contextUrl": None, "documentUrl": url, "document": context(url)}


def expand(document: dict[str, Any]) -> list[Any]:
    """The document with every term as an absolute address. Raises NotSigned for anything that would be dropped."""
    dropped: list[str | None] = []
    try:
        expanded = jsonld.expand(
            document, {"documentLoader": _load, "base": _RELATIVE}, on_property_dropped=dropped.append
        )
    except (jsonld.JsonLdError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise NotSigned("not a linked-data document") from error
    if dropped or not expanded:
        raise NotSigned("a term is not defined")
    for node in _nodes(expanded):
        # Others drop a relative address in canonicalising, and with it everything that is said about it.
        if not all(map(_absolute, [*node.get("@type", ()), *([node["@id"]] if "@id" in node else ())])):
            raise NotSigned("an address is not absolute")
    return expanded


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every node object; values and JSON literals are leaves."""
    if isinstance(value, list):
        for item in value:
            yield from _nodes(item)
    elif isinstance(value, dict) and "@value" not in value:
        yield value
        for name, inner in value.items():
            if not name.startswith("@"):
                yield from _nodes(inner)


def _absolute(address: object) -> bool:
    return isinstance(address, str) and ":" in address and not address.startswith((":", "_:", _RELATIVE))


def hash_of(document: Any) -> bytes:
    """SHA-256 of the canonical n-quads (URDNA2015). Raises NotSigned."""
    options = {"algorithm": "URDNA2015", "format": "application/n-quads", "documentLoader": _load, "base": _RELATIVE}
    try:
        quads = jsonld.normalize(document, options)
    except (jsonld.JsonLdError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise NotSigned("not a linked-data document") from error
    if not quads:
        raise NotSigned("nothing is left to sign")
    return hashlib.sha256(quads.encode()).digest()


def signed_bytes(expanded: Any, proof: dict[str, Any], context: Any, header: str) -> bytes:
    """What a detached JWS over a linked-data document signs: header, point, hash of the proof, hash of the document."""
    options = {name: value for name, value in proof.items() if name != "jws"} | {"@context": context}
    expand(options)
    return header.encode("ascii") + b"." + hash_of(options) + hash_of(expanded)
