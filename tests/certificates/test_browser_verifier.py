"""The verifier in a real browser gives the very answer of the server, for every published case and for altered ones.

The traps of the formats (test_traps.py) are put to both as well.
"""

import json
import random

import pytest

from certificates.verifying import verdicts, verify_text
from tests.certificates import worldcodes
from tests.certificates.inbrowser import as_browser, case

# A zip or a certificate inside a code may be broken in ways that two readers notice at different places.
DAMAGED = {verdicts.BAD_QR, verdicts.BAD_ZLIB, verdicts.BAD_JSON, verdicts.BAD_SIGNATURE}


def test_every_published_case_gives_the_answer_of_the_server(in_browser, shared_dir):
    rows = worldcodes.rows(shared_dir)
    answers = in_browser.answers([case(row.text, row.keys, row.now, pinned=row.ring.pinned) for row in rows])
    for row, found in zip(rows, answers, strict=True):
        server = verify_text(row.text, ring=row.ring, now=row.now)
        assert (row.file, found) == (row.file, as_browser(server))
        assert (row.file, found["verdict"]) == (row.file, row.verdict)
    assert len(rows) > 70


def mutated(chance, text):
    """A published code with one to three signs changed, doubled or left out."""
    signs = list(text)
    for _ in range(chance.randrange(1, 4)):
        place = chance.randrange(len(signs))
        signs[place : place + 1] = chance.choice([[chance.choice(text)], [], [signs[place], signs[place]]])
    return "".join(signs)


def test_altered_codes_get_the_same_answer_and_never_an_exception(in_browser, shared_dir):
    chance = random.Random(5)
    rows = [row for row in worldcodes.rows(shared_dir) if not row.text.startswith(b"PK")]
    altered = [(row, mutated(chance, row.text.decode())) for row in (chance.choice(rows) for _ in range(400))]
    answers = in_browser.answers([case(text, row.keys, row.now, pinned=row.ring.pinned) for row, text in altered])
    for (row, text), found in zip(altered, answers, strict=True):
        server = as_browser(verify_text(text, ring=row.ring, now=row.now))
        same = found == server or {found["verdict"], server["verdict"]} <= DAMAGED
        assert same, (row.file, text, found, server)


@pytest.mark.django_db
def test_page_data_names_no_person_and_no_private_key(client):
    found = json.loads(client.get("/verifikasi/kunci.json").content)
    assert set(found) == {"made_at", "keys", "terms", "contexts"}
    assert all(set(key) >= {"kid", "spki", "trust"} and "private" not in key for key in found["keys"])
