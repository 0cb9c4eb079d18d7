"""Rows that wait to be worked on, claimed by lease so that a dead worker's rows come due again.

One mechanism serves the outbox, outgoing messages and PCare deliveries. Postgres is the truth; Redis only wakes.
"""

import uuid
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.db import connection, models, transaction
from django.db.models import Q
from django.utils import timezone


class LeaseLost(RuntimeError):
    """Another worker holds this row now; the caller must not record an outcome."""


class LeasedQuerySet(models.QuerySet):
    """Claiming of due rows; works on any subset (`Message.objects.filter(channel="sms").claim(...)`)."""

    def due(self) -> Self:
        """Rows that may be claimed now: waiting and due, or leased by a worker that did not come back."""
        now = timezone.now()
        return self.filter(
            Q(state=LeasedRow.WAITING, available_at__lte=now) | Q(state=LeasedRow.IN_FLIGHT, lease_until__lt=now)
        )

    def claim(self, limit: int, seconds: int = 60, order_by: tuple[str, ...] = ("available_at", "pk")) -> list[Any]:
        """Lease up to `limit` due rows for `seconds` and return them; two workers never get the same row.

        Locks: the claimed rows, for the length of one statement (SKIP LOCKED, so it never waits).
        """
        token, now = uuid.uuid4(), timezone.now()
        with transaction.atomic(using=self.db):
            picked = list(
                self.due().order_by(*order_by).select_for_update(skip_locked=True).values_list("pk", flat=True)[:limit]
            )
            if not picked:
                return []
            self.model._base_manager.filter(pk__in=picked).update(
                state=LeasedRow.IN_FLIGHT,
                lease_token=token,
                lease_until=now + timedelta(seconds=seconds),
                attempts=models.F("attempts") + 1,
            )
        rows = self.model._base_manager.in_bulk(picked)
        return [rows[pk] for pk in picked]


class LeasedRow(models.Model):
    """Abstract: state, lease and attempts of one piece of work."""

    WAITING, IN_FLIGHT = "waiting", "in_flight"

    state = models.CharField("keadaan", max_length=20, default=WAITING)
    available_at = models.DateTimeField("boleh dikerjakan sejak", default=timezone.now)
    lease_until = models.DateTimeField("disewa sampai", null=True, blank=True)
    lease_token = models.UUIDField(null=True, blank=True, editable=False)
    attempts = models.PositiveIntegerField("percobaan", default=0)
    last_error = models.CharField("galat terakhir", max_length=500, blank=True)
    finished_at = models.DateTimeField("selesai pada", null=True, blank=True)

    objects: ClassVar[Any] = LeasedQuerySet.as_manager()

    class Meta:
        abstract = True

    def _settle(self, **changes: Any) -> None:
        # The token in the filter is the fence: a worker that slept past its lease changes nothing.
        changed = (
            type(self)
            ._base_manager.filter(pk=self.pk, lease_token=self.lease_token, state=self.IN_FLIGHT)
            .update(lease_until=None, lease_token=None, **changes)
        )
        if not changed:
            raise LeaseLost(f"{self._meta.label} {self.pk}")
        for name, value in {"lease_until": None, "lease_token": None, **changes}.items():
            setattr(self, name, value)

    def finish(self, state: str, **changes: Any) -> None:
        """Record the final `state` and other column `changes`; raises LeaseLost."""
        self._settle(state=state, finished_at=timezone.now(), **changes)

    def retry_at(self, when: datetime, error: str = "", **changes: Any) -> None:
        """Give the row back, due again at `when`; raises LeaseLost."""
        self._settle(state=self.WAITING, available_at=when, last_error=error[:500], **changes)

    def hold_lease(self) -> None:
        """Lock this row inside the caller's transaction and make sure the lease is still ours; raises LeaseLost."""
        assert connection.in_atomic_block
        if (
            not type(self)
            ._base_manager.select_for_update()
            .filter(pk=self.pk, lease_token=self.lease_token, state=self.IN_FLIGHT)
            .exists()
        ):
            raise LeaseLost(f"{self._meta.label} {self.pk}")
