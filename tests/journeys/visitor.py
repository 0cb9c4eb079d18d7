"""A person with a browser: walks by links, labels and buttons, and looks at each page on arrival.

Looking means: axe finds nothing against WCAG 2.2 AA, nothing runs off the side at 360 px, the content policy was not
broken, nothing came from another host. Each kind of page is looked at once per screen width.
"""

import re
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, expect

WCAG = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
VARIABLE = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+|(?<=/)[A-Z0-9]{6,8}(?=/)|(?<=/)[\w-]{20,}(?=/)")
PHONE = {"width": 360, "height": 740}
DESKTOP = {"width": 1280, "height": 860}
seen: set[tuple[str, int]] = set()


class Visitor:
    """One browser window with its own cookies."""

    def __init__(self, context: BrowserContext, url: str, *, scripts: bool) -> None:
        self.context, self.url, self.scripts = context, url, scripts
        context.set_default_timeout(60_000)
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        self.page.on("request", self._on_request)

    def _on_console(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text or "Content-Security-Policy" in message.text:
            self.complaints.append(f"{self.page.url}: {message.text}")

    def _on_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme.startswith("http") and parts.netloc != urlsplit(self.url).netloc:
            self.complaints.append(f"another host was asked: {request.url}")

    def visit(self, path: str) -> None:
        """Open a path of the portal."""
        answer = self.page.goto(f"{self.url}{path}")
        assert answer is not None and answer.status < 400, f"{path}: {answer and answer.status}"
        self.look()

    def follow(self, name: str | re.Pattern[str], *, exact: bool = False) -> None:
        """Click the first link with this name."""
        self.page.get_by_role("link", name=name, exact=exact).first.click()
        self.look()

    def press(self, name: str | re.Pattern[str], *, exact: bool = False) -> None:
        """Press the first button with this name."""
        self.page.get_by_role("button", name=name, exact=exact).first.click()
        self.look()

    def fill(self, **fields: str) -> None:
        """Fill fields by their name in the form: a radio or box is chosen, a list is selected, the rest typed."""
        for name, value in fields.items():
            field = self.page.locator(f'[name="{name}"]:not([type="hidden"])')
            kind = field.first.evaluate("e => e.tagName + ':' + (e.type || '')") if self.scripts else self._kind(name)
            if kind.endswith(("radio", "checkbox")):
                self.page.locator(f'[name="{name}"][value="{value}"]').check(force=True)
            elif kind.startswith("SELECT"):
                field.first.select_option(value)
            else:
                field.first.fill(value)

    def _kind(self, name: str) -> str:
        field = self.page.locator(f'[name="{name}"]:not([type="hidden"])').first
        kind = field.get_attribute("type") or ""
        return (
            f":{kind}" if kind else ("SELECT:" if self.page.locator(f'select[name="{name}"]').count() else "TEXTAREA:")
        )

    @property
    def heading(self) -> str:
        """The page's question or title."""
        return self.page.locator("h1").first.inner_text()

    def arrives(self, heading: str) -> None:
        """The page that was reached has this title; else its words say what happened instead."""
        try:
            expect(self.page.locator("h1").first).to_have_text(heading, timeout=60_000, use_inner_text=True)
        except AssertionError as error:
            raise AssertionError(f"{self.page.url}: {self.text}") from error

    @property
    def text(self) -> str:
        """All words of the page."""
        return self.page.locator("main").inner_text()

    def look(self) -> None:
        """Judge the page that was reached."""
        self.page.wait_for_load_state()
        assert not self.complaints, self.complaints
        width = self.page.viewport_size["width"] if self.page.viewport_size else 0
        kind = (VARIABLE.sub("*", urlsplit(self.page.url).path) + self.heading, width)
        if not self.scripts or kind in seen:
            return
        seen.add(kind)
        overflow = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 0, f"{self.page.url} is {overflow} px wider than the screen of {width} px"
        found = Axe().run(self.page, options=WCAG).response["violations"]
        assert not found, f"{self.page.url} at {width} px:\n" + "\n".join(map(self._violation, found))

    @staticmethod
    def _violation(violation: dict[str, Any]) -> str:
        nodes = "; ".join(str(node["html"])[:160] for node in violation["nodes"][:3])
        return f"{violation['id']} ({violation['help']}): {nodes}"
