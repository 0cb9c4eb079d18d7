"""What people do with the queue: try again, hand over, report on paper, resume an account. Each act is logged."""

from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from core import sweeper
from pcare_bridge import accounts, conf, deadlines, health, settling
from pcare_bridge.models import (
    MENDABLE_STATES,
    Account,
    Delivery,
    DeliveryAttempt,
    DeliveryQuerySet,
    ProfileSwitch,
    RetryRun,
    Upstream,
)
from regions.models import Facility

BATCH = 2000  # rows in one statement of a whole class
NOTE_MISSING = "Tulis catatan: apa yang dilakukan dan oleh siapa."


@transaction.atomic
def retry(deliveries: DeliveryQuerySet, by: User) -> int:
    """Send refused or waiting deliveries again now, with their patience renewed; returns how many.

    Locks: the deliveries.
    """
    return len(_send_again(deliveries, by))


@transaction.atomic
def retry_class(error_class: str, service: str, by: User) -> int:
    """The same for everything of one cause at one service in the person's territory, kept together for its progress.

    The workers send it, whether or not anybody looks on; returns how many. Locks: the deliveries.
    """
    profiles = accounts.profiles_of(service)
    rows = _send_again(Delivery.objects.visible_to(by).filter(error_class=error_class, profile__in=profiles), by)
    if rows:
        run = RetryRun.objects.create(service=service, error_class=error_class, asked_by=by)
        member = RetryRun.deliveries.through
        member.objects.bulk_create((member(retryrun_id=run.pk, delivery_id=pk) for pk in rows), batch_size=BATCH)
    return len(rows)


def _send_again(deliveries: DeliveryQuerySet, by: User) -> list[UUID]:
    # In order of the key, as everybody who locks several: two who press at once wait instead of blocking each other.
    rows = list(
        deliveries.filter(state__in=[Delivery.REFUSED, Delivery.WAITING])
        .order_by("pk")
        .select_for_update(of=("self",))
        .values_list("pk", flat=True)
    )
    now = timezone.now()
    for at in range(0, len(rows), BATCH):
        some = Delivery.objects.filter(pk__in=rows[at : at + BATCH])
        # Somebody may have uploaded the file all the same: look before writing.
        some.filter(error_class="in_file").update(outcome_unknown=True)
        some.update(state=Delivery.WAITING, available_at=now, attempts=0, first_attempt_at=None, finished_at=None)
    _log(rows, "retry", "Kirim ulang diminta", by)
    transaction.on_commit(sweeper.wake, robust=True)
    return rows


def release_identified() -> int:
    """Let deliveries go that lacked only the NIK, once the person's record has one; returns how many."""
    now_whole = Delivery.objects.filter(
        state=Delivery.REFUSED, error_class="incomplete", error_field__in=("nik", "patient"),
        immunization__citizen__nik_index__isnull=False,
    )  # fmt: skip
    return now_whole.update(
        state=Delivery.WAITING, available_at=timezone.now(), attempts=0, first_attempt_at=None, finished_at=None
    )


def renew_deadlines() -> int:
    """Give rows that missed a limit their next one, so that they no longer stand before those still in time."""
    now = timezone.now()
    missed = Delivery.objects.filter(state=Delivery.WAITING, deadline_at__lte=now).select_related("immunization")[:500]
    for delivery in missed:
        deadline = deadlines.next_deadline(delivery.immunization.occurred_at, delivery.service, now)
        Delivery.objects.filter(pk=delivery.pk).update(deadline_at=deadline)
    return len(missed)


@transaction.atomic
def hand_over(delivery_id: UUID, *, to: User, note: str, by: User) -> Delivery:
    """Give a refused delivery to a person; it stays in the list until it is sent or reported."""
    delivery = _open(delivery_id)
    delivery.assigned_to, delivery.note = to, note.strip()[:200]
    delivery.save(update_fields=["assigned_to", "note"])
    _log([delivery.pk], "handed_over", f"Diserahkan kepada {to}. {note.strip()}", by)
    return delivery


@transaction.atomic
def mark_reported(delivery_id: UUID, *, note: str, by: User) -> Delivery:
    """The dose was reported outside the portal (on paper, by hand in PCare); raises ValidationError without a note."""
    if not note.strip():
        raise ValidationError(NOTE_MISSING)
    delivery = _open(delivery_id)
    delivery.state, delivery.finished_at, delivery.note = Delivery.REPORTED, timezone.now(), note.strip()[:200]
    delivery.outcome_unknown = False
    delivery.save(update_fields=["state", "finished_at", "note", "outcome_unknown"])
    settling.release_after(delivery)
    _log([delivery.pk], "reported", f"Ditandai dilaporkan: {note.strip()}", by)
    return delivery


def resume(account: Account) -> int:
    """Let a paused facility send again; returns how many deliveries that frees."""
    freed = health.resume_account(account)
    sweeper.wake()
    return freed


def _open(delivery_id: UUID) -> Delivery:
    delivery = Delivery.objects.select_for_update().get(pk=delivery_id)
    if delivery.state == Delivery.IN_FLIGHT:
        raise ValidationError("Kiriman ini sedang dikirim. Muat ulang halaman sebentar lagi.")
    if delivery.state not in MENDABLE_STATES:
        raise ValidationError("Kiriman ini sudah selesai. Muat ulang halaman untuk melihat keadaannya.")
    return delivery


def _log(rows: list[UUID], outcome: str, message: str, by: User) -> None:
    DeliveryAttempt.objects.bulk_create(
        (DeliveryAttempt(delivery_id=pk, outcome=outcome, message=message[:300], actor=by) for pk in rows),
        batch_size=BATCH,
    )


def stop(reason: str, service: str = "pcare") -> None:
    """Stop all sending to a service until `go_on`; what is under way finishes."""
    health.upstream(service)
    Upstream.objects.filter(base_url=conf.base_url(service)).update(paused_reason=reason)


def stop_profile(profile: str, facility: Facility | None, reason: str, by: User) -> ProfileSwitch:
    """Keep one profile back, at a facility or everywhere; doses are recorded and wait."""
    switch, _ = ProfileSwitch.objects.update_or_create(
        facility=facility,
        profile=profile,
        defaults={"stopped_reason": f"{reason.strip()} ({by})"[:200], "stopped_at": timezone.now()},
    )
    return switch


def release_profile(switch: ProfileSwitch) -> None:
    """Let a stopped profile go on."""
    ProfileSwitch.objects.filter(pk=switch.pk).update(stopped_reason="", stopped_at=None)
    sweeper.wake()


def go_on(service: str = "pcare") -> None:
    """Let sending to a service go on."""
    Upstream.objects.filter(base_url=conf.base_url(service)).update(paused_reason="")
    sweeper.wake()
