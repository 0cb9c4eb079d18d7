"""The verifier in a real browser gives the very answer of the server, for every published case and our own codes."""

import base64
import json
import random

import pytest

from certificates import browser as page_data
from certificates.verifying import verdicts, verify_text
from tests.certificates import worldcodes

pytestmark = pytest.mark.django_db(transaction=True)

# A zip or a certificate inside a code may be broken in ways that two readers notice at different places.
DAMAGED = {verdicts.BAD_QR, verdicts.BAD_ZLIB, verdicts.BAD_JSON, verdicts.BAD_SIGNATURE}

CHECK = """
async ([url, cases, shared]) => {
  const { verifierFor } = await import(url);
  const bytes = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const answers = [];
  for (const { text, now, pinned, keys } of cases) {
    const raw = bytes(text), isZip = raw[0] === 0x50 && raw[1] === 0x4b;
    const code = isZip ? String.fromCharCode(...raw) : new TextDecoder().decode(raw);
    const begun = performance.now();
    const answer = await verifierFor({ ...shared, keys, pinned, revoked: [] })(code, now);
    answers.push({ answer, took: performance.now() - begun });
  }
  return answers;
}
"""


def as_browser(outcome):
    """An answer of the server in the names of the browser."""
    return {
        "format": outcome.format,
        "verdict": outcome.verdict,
        "facts": outcome.facts,
        "issuer": outcome.issuer,
        "trust": outcome.trust,
        "list": outcome.list_name,
        "notes": list(outcome.notes),
    }


@pytest.fixture
def judge(browser, live_server):
    """Answers of static/js/verify/verifier.js in Chromium, and the milliseconds each took."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{live_server.url}/verifikasi/")
    page.add_script_tag(url=f"{live_server.url}/static/vendor/jsonld-9.0.0.min.js")
    shared = {"terms": page_data.code_tables(), "contexts": page_data.contexts()}

    def run(cases):
        return page.evaluate(CHECK, [f"{live_server.url}/static/js/verify/verifier.js", cases, shared])

    yield run
    context.close()


def cases_of(rows):
    return [worldcodes.for_browser(row) | {"keys": page_data.published_keys(row.keys)} for row in rows]


def test_every_published_case_gives_the_answer_of_the_server(judge, shared_dir):
    rows = worldcodes.rows(shared_dir)
    answers = judge(cases_of(rows))
    for row, found in zip(rows, answers, strict=True):
        server = verify_text(row.text, ring=row.ring, now=row.now)
        assert (row.file, found["answer"]) == (row.file, as_browser(server))
        assert (row.file, found["answer"]["verdict"]) == (row.file, row.verdict)
    assert len(rows) > 70


def mutated(chance, text):
    """A published code with one to three signs changed, doubled or left out."""
    signs = list(text)
    for _ in range(chance.randrange(1, 4)):
        place = chance.randrange(len(signs))
        signs[place : place + 1] = chance.choice([[chance.choice(text)], [], [signs[place], signs[place]]])
    return "".join(signs)


def test_altered_codes_get_the_same_answer_and_never_an_exception(judge, shared_dir):
    chance = random.Random(5)
    rows = [row for row in worldcodes.rows(shared_dir) if not row.text.startswith(b"PK")]
    chosen = [chance.choice(rows) for _ in range(400)]
    cases = []
    for row in chosen:
        text = mutated(chance, row.text.decode())
        cases.append((row, text, cases_of([row])[0] | {"text": base64.b64encode(text.encode()).decode()}))
    answers = judge([case for _, _, case in cases])
    for (row, text, _), found in zip(cases, answers, strict=True):
        server = as_browser(verify_text(text, ring=row.ring, now=row.now))
        same = found["answer"] == server or {found["answer"]["verdict"], server["verdict"]} <= DAMAGED
        assert same, (row.file, text, found["answer"], server)


def test_page_data_names_no_person_and_no_private_key(client):
    found = json.loads(client.get("/verifikasi/kunci.json").content)
    assert set(found) == {"made_at", "keys", "terms", "contexts"}
    assert all("PRIVATE" not in key["spki"] and set(key) >= {"kid", "spki", "trust"} for key in found["keys"])
