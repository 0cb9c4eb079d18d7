"""static/js/verify in a real browser, from the files as they stand: no server, no network."""

import base64
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from certificates import browser as page_data
from certificates.trust.keys import TrustedKey
from certificates.verifying.verdicts import Outcome

STATIC = Path(__file__).resolve().parents[2] / "static"
SITE = "https://pemeriksa.test"  # the browser gives its cryptography to secure pages only
JSONLD = f"{SITE}/vendor/jsonld-9.0.0.min.js"

CHECK = """
async ([cases, shared]) => {
  const { verifierFor } = await import("/js/verify/verifier.js");
  const bytes = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const answers = [];
  for (const { text, now, pinned, keys } of cases) {
    const raw = bytes(text), isZip = raw[0] === 0x50 && raw[1] === 0x4b;
    const code = isZip ? String.fromCharCode(...raw) : new TextDecoder().decode(raw);
    answers.push(await verifierFor({ ...shared, keys, pinned, revoked: [] })(code, now));
  }
  return answers;
}
"""


class InBrowser:
    """A page that does nothing but verify."""

    def __init__(self, browser: Any) -> None:
        self.context = browser.new_context()
        self.context.route(f"{SITE}/**", self._file)
        self.page = self.context.new_page()
        self.page.goto(f"{SITE}/")
        self.page.add_script_tag(url=JSONLD)
        self.shared = {"terms": page_data.code_tables(), "contexts": page_data.contexts()}

    def _file(self, route: Any) -> None:
        path = route.request.url.removeprefix(f"{SITE}/")
        if path:
            route.fulfill(path=STATIC / path, content_type="text/javascript; charset=utf-8")
        else:
            route.fulfill(body="<!doctype html><title>-</title>", content_type="text/html")

    def answers(self, cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The browser's answer to each case, made by `case`."""
        found: list[dict[str, Any]] = self.page.evaluate(CHECK, [cases, self.shared])
        return found


def case(text: str | bytes, keys: Iterable[TrustedKey], now: datetime, *, pinned: bool = False) -> dict[str, Any]:
    """One code with the moment and the keys to check it by."""
    raw = text if isinstance(text, bytes) else text.encode("latin-1" if text.startswith("PK") else "utf-8")
    return {
        "text": base64.b64encode(raw).decode("ascii"),
        "now": now.timestamp(),
        "pinned": pinned,
        "keys": page_data.published_keys(keys),
    }


def as_browser(outcome: Outcome) -> dict[str, Any]:
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
