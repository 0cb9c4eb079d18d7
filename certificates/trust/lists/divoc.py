"""Keys of DIVOC issuers, pinned one by one: JSON `{"did:...": "PEM"}`, as there is no directory of them."""

from __future__ import annotations

import json
from dataclasses import replace

from certificates.trust.given import keys_by_name
from certificates.trust.keys import DIVOC_KEYS, PublicKey
from certificates.trust.lists.entries import Collector, ListRefused, Reading, of_key


def read(data: bytes, signer: PublicKey | None) -> Reading:
    """Keys by verification method. Raises ListRefused."""
    if signer:
        raise ListRefused("Kunci DIVOC dimasukkan satu per satu, tanpa tanda tangan; kosongkan kunci penanda tangan.")
    try:
        document = json.loads(data)
        keys = keys_by_name({"divoc": document.get("divoc", document)})
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ListRefused('Isi berkas harus JSON {"did:nama": "kunci publik PEM"}.') from error
    found = Collector()
    for key in keys:
        name = key.kid.decode("utf-8", errors="replace")
        if name.startswith(("did:", "https://")):
            found.add(of_key(replace(key, issuer=name), family=DIVOC_KEYS, formats=("divoc",)))
        else:
            found.leave_out("nama kunci bukan did: atau https://")
    return found.reading()
