"""Public pages and data from one snapshot, rebuilt at most once per second by whoever needs it first.

While one thread rebuilds, the others serve the previous snapshot. A fresh snapshot costs no query and no cookie; it is
packed once when it is built, not for each visitor. `core.express` hands it out before any other middleware runs.
"""

import gzip
import hashlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import brotli
from django.db import Error as DatabaseFailure
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags
from django.utils.translation import get_language

logger = logging.getLogger(__name__)

# While a page is renewed, or cannot be, the previous one stands this long (seconds); older it would promise too much.
STALE_SECONDS = 30.0
BROTLI_QUALITY = 5  # smaller than gzip and about as quick to make; the highest takes a hundred times as long


@dataclass
class Page:
    """One built body, packed in every way a browser may ask for, and how long it is fresh."""

    bodies: dict[str, bytes]
    etag: str
    content_type: str
    fresh_until: float  # monotonic seconds; put back to the past when its snapshot is told to forget

    @classmethod
    def of(cls, body: bytes, content_type: str, max_age: float) -> "Page":
        """Pack `body` once for everybody; `max_age` in seconds."""
        packed = {
            "br": brotli.compress(body, quality=BROTLI_QUALITY),
            "gzip": gzip.compress(body, 6, mtime=0),
            "": body,
        }
        etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        return cls(packed, etag, content_type, time.monotonic() + max_age)

    @property
    def is_recent(self) -> bool:
        """Whether it may still be shown while a new one is made."""
        return time.monotonic() < self.fresh_until + STALE_SECONDS


def accepted_encoding(accepted: str) -> str:
    """The best of what an Accept-Encoding header allows: "br", "gzip" or "" for the plain body."""
    for encoding in ("br", "gzip"):
        if encoding in accepted and f"{encoding};q=0," not in f"{accepted.replace(' ', '')},":
            return encoding
    return ""


class Snapshot:
    """A named public body per variant (language, query), kept in process memory."""

    def __init__(
        self,
        name: str,
        build: Callable[[HttpRequest], bytes],
        *,
        max_age: float = 1.0,
        content_type: str = "text/html; charset=utf-8",
        max_variants: int = 256,
    ) -> None:
        """`build(request)` renders the body; it must depend on nothing but the path, the query and the language."""
        self.name, self.build, self.max_age, self.content_type = name, build, max_age, content_type
        self.max_variants = max_variants
        self._pages: dict[str, Page] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def clear(self) -> None:
        """Forget everything; the next request builds anew."""
        with self._guard:
            for page in self._pages.values():
                page.fresh_until = 0.0
            self._pages.clear()

    def page(self, request: HttpRequest) -> Page:
        """Return the page for this request, building it when it is missing or old.

        When the database fails, the previous page stands while it is recent; without one the error is raised.
        """
        key = f"{get_language()} {request.path}?{request.META.get('QUERY_STRING', '')}"
        page = self._pages.get(key)
        if page and time.monotonic() < page.fresh_until:
            return page
        previous = page if page and page.is_recent else None
        with self._guard:
            if len(self._locks) > self.max_variants:  # a crawler of odd queries must not fill the memory
                self._pages.clear()
                self._locks.clear()
            lock = self._locks.setdefault(key, threading.Lock())
        if previous:
            if not lock.acquire(blocking=False):
                return previous  # somebody is rebuilding
        else:
            lock.acquire()
            page = self._pages.get(key)
            if page and time.monotonic() < page.fresh_until:
                lock.release()
                return page
        try:
            page = self._pages[key] = Page.of(self.build(request), self.content_type, self.max_age)
            return page
        except DatabaseFailure as error:
            if previous is None:
                raise
            logger.warning("a public page was not renewed", extra={"page": self.name, "error": type(error).__name__})
            return previous
        finally:
            lock.release()


def snapshot_response(request: HttpRequest, snapshot: Snapshot) -> HttpResponse:
    """Answer from the snapshot: 304 for a known ETag, brotli or gzip when accepted, no cookie, cacheable by anyone."""
    page = snapshot.page(request)
    known = parse_etags(request.headers.get("If-None-Match", ""))
    response: HttpResponse
    if page.etag in known or f"W/{page.etag}" in known:
        response = HttpResponseNotModified()
    else:
        encoding = accepted_encoding(request.headers.get("Accept-Encoding", ""))
        response = HttpResponse(page.bodies[encoding], content_type=page.content_type)
        if encoding:
            response.headers["Content-Encoding"] = encoding
    response.headers["ETag"] = page.etag
    # A cache in front may answer a little longer while a new page is made, or while we cannot be reached at all.
    ages = f"max-age={max(1, int(snapshot.max_age))}, stale-while-revalidate=5, stale-if-error={STALE_SECONDS:.0f}"
    response.headers["Cache-Control"] = f"public, {ages}"
    patch_vary_headers(response, ["Accept-Encoding"])
    vars(response)["snapshot_page"] = page  # core.express keeps the finished answer beside it
    return response
