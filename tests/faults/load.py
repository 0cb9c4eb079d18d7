"""Booking load: several people at once, one after the other; each ticket that was shown is written down."""

import threading
import time
from typing import Any

from tests.faults.town import Town, wait_until
from tests.faults.visitor import Visitor


class Load:
    """Threads that book until stopped; use as a context, which waits for the last journeys and passes on failures."""

    def __init__(self, town: Town, threads: int = 4, pause: float = 0, **options: Any) -> None:
        self.town, self.options, self.pause = town, options, pause
        self.over = threading.Event()
        self.shown: list[tuple[Visitor, str]] = []
        self.failures: list[BaseException] = []
        self.guard = threading.Lock()
        self.threads = [threading.Thread(target=self._work) for _ in range(threads)]

    def __enter__(self) -> "Load":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join()
        if self.failures:
            raise self.failures[0]

    def _work(self) -> None:
        try:
            while not self.over.is_set():
                with self.guard:
                    visitor, slot = self.town.visitor(**self.options), self.town.next_slot()
                ticket = visitor.book(self.town.schedule, slot)
                with self.guard:
                    self.shown.append((visitor, ticket))
                self.over.wait(self.pause)
        except BaseException as error:  # raised again where the test waits
            self.failures.append(error)

    def wait_for(self, more: int) -> float:
        """Wait until so many more tickets were shown; gives the seconds it took."""
        begun, wanted = time.monotonic(), len(self.shown) + more
        wait_until(lambda: self.failures or len(self.shown) >= wanted, f"{more} bookings", 240)
        return time.monotonic() - begun

    @property
    def troubles(self) -> list[str]:
        """Everything that had to be asked again."""
        return [trouble for visitor, _ in self.shown for trouble in visitor.troubles]

    def verify(self, again: int = 8) -> None:
        """Each ticket shown is there exactly once, the same key shows the same ticket, and every invariant holds."""
        keys = [visitor.key for visitor, _ in self.shown]
        rows = self.town.query(
            "SELECT client_uuid::text, public_id::text FROM scheduling_appointment"
            " WHERE client_uuid::text = ANY(%s) AND status = 'booked'",
            keys,
        )
        assert sorted(rows) == sorted((visitor.key, ticket) for visitor, ticket in self.shown)
        people = [visitor.citizen for visitor, _ in self.shown]
        [(bookings,)] = self.town.query(
            "SELECT count(*) FROM scheduling_appointment a JOIN registration_citizen c ON c.id = a.citizen_id"
            " WHERE c.public_id::text = ANY(%s)",
            people,
        )
        assert bookings == len(people), "a repeated form made a second booking"
        for visitor, ticket in self.shown[:: max(1, len(self.shown) // again)]:
            assert visitor.confirm
            assert visitor.send_confirm(*visitor.confirm) == ticket
        self.town.audit()
