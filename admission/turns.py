"""Who has which turn: joining, being called, coming late. Lock here: the room's row, nothing after it.

A turn that was shown is a committed row; Redis only repeats it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from admission import board
from admission.models import Room, Turn
from core.crypto import blind_index
from registration.models import Citizen, CitizenAccount

FREE_RETURNS = 1  # who was called and missed it goes in at once this often, then gets a new number

# Before the release nobody needs a number. FOR SHARE: the shuffle waits for joins under way and sees them all, and a
# join that waited for the shuffle finds the room no longer waiting.
JOIN_WAITING = """
INSERT INTO admission_turn (room_id, person, public_id, joined_at, last_seen, passes)
SELECT room.id, %(person)s, %(public_id)s, %(now)s, %(now)s, 0
FROM (SELECT id FROM admission_room WHERE id = %(room)s AND state = 'waiting' FOR SHARE) AS room
ON CONFLICT (room_id, person) DO NOTHING RETURNING id"""

NEXT_NUMBER = "UPDATE admission_room SET last_number = last_number + 1 WHERE id = %s RETURNING last_number"


class RoomClosed(ValidationError):
    """The rush is over: booking is open without a turn."""

    def __init__(self) -> None:
        super().__init__(_("Ruang tunggu ini sudah selesai. Anda dapat langsung memesan."), code="room_closed")


class NobodyToBook(ValidationError):
    """The account has no person yet, so nobody a turn could be for."""

    def __init__(self) -> None:
        text = _("Tambahkan dulu orang yang akan divaksin. Setelah itu Anda kembali ke ruang tunggu.")
        super().__init__(text, code="nobody_to_book")


@dataclass(frozen=True)
class Entry:
    """What the door says: a pass until `until`, or (None) wait on with `turn.number`."""

    turn: Turn
    until: datetime | None


def person_keys(room_id: int, account: CitizenAccount) -> list[bytes]:
    """Who waits, keyed and different in every room: a new turn stands under the first of these, an old one under any.

    The first is the NIK of the account's first person who has one, else the account's phone. A NIK belongs to one
    account at a time, so a person with ten phones has one turn; the other persons and the phone are looked for too, so
    an account whose family changes meanwhile has no second one. Raises NobodyToBook.
    """
    members = list(Citizen.objects.of_account(account).order_by("pk").values_list("nik_index", flat=True))
    if not members:
        raise NobodyToBook
    names = [f"nik:{bytes(index).hex()}" for index in members if index]
    names.append(f"phone:{bytes(account.phone_index).hex()}")
    return [blind_index(f"{room_id}:{name}", "admission.person") for name in names]


def of_account(room_id: int, account: CitizenAccount) -> Turn | None:
    """The turn the account's people have in the room now; of several, where two families became one, the first."""
    try:
        return _find(room_id, person_keys(room_id, account))
    except NobodyToBook:
        return None


def _find(room_id: int, persons: Sequence[bytes]) -> Turn | None:
    return Turn.objects.filter(room=room_id, person__in=persons).order_by("pk").first()


def join(room_id: int, person: bytes, *others: bytes) -> Turn:
    """Give `person` a turn in the room, the same one however often and from wherever they ask; `others` are the same
    people under further keys.

    Before the release without a number, afterwards with the next one. Raises RoomClosed, Room.DoesNotExist. Locks the
    room's row (shared before the release).
    """
    found = _find(room_id, [person, *others])
    if found:
        return found
    values: dict[str, Any] = {"room": room_id, "person": person, "public_id": uuid4(), "now": timezone.now()}
    with connection.cursor() as cursor:
        cursor.execute(JOIN_WAITING, values)
        made = cursor.fetchone()
    if made:
        turn = Turn(pk=made[0], room_id=room_id, person=person, public_id=values["public_id"])
    else:
        turn = _find(room_id, [person]) or _join_behind(room_id, values)
    board.put_turn(room_id, turn.public_id.hex, turn.number)
    return turn


@transaction.atomic
def _join_behind(room_id: int, values: dict[str, Any]) -> Turn:
    room = Room.objects.select_for_update(no_key=True).get(pk=room_id)
    if room.state == Room.State.CLOSED:
        raise RoomClosed
    found = _find(room_id, [values["person"]])
    return found or Turn.objects.create(
        room=room, person=values["person"], public_id=values["public_id"], number=_next_number(room_id)
    )


def enter(room_id: int, public_id: UUID, now: datetime | None = None) -> Entry:
    """The person stands at the door: a pass while theirs runs, a second chance after a missed one, then a new number.

    Raises Turn.DoesNotExist, RoomClosed. Locks the room's row (shared), then the turn.
    """
    now = now or timezone.now()
    with transaction.atomic():
        room = Room.objects.select_for_update(no_key=True).get(pk=room_id)
        turn = Turn.objects.select_for_update(no_key=True).get(room=room_id, public_id=public_id)
        if room.state == Room.State.CLOSED:
            raise RoomClosed
        if turn.number is None or turn.number > room.served_number:
            return Entry(turn, None)
        if turn.pass_until is None or turn.pass_until <= now:
            if turn.pass_until is not None and turn.passes > FREE_RETURNS:
                turn.number, turn.pass_until, turn.passes = _next_number(room_id), None, 0
                turn.save(update_fields=["number", "pass_until", "passes"])
                transaction.on_commit(lambda: board.put_turn(room_id, turn.public_id.hex, turn.number))
                return Entry(turn, None)
            turn.pass_until, turn.passes = now + timedelta(minutes=settings.ADMISSION_MINUTES), turn.passes + 1
            turn.admitted_at = turn.admitted_at or now
            turn.used_at = None
        turn.claimed_at = turn.last_seen = now
        turn.save(update_fields=["pass_until", "passes", "admitted_at", "claimed_at", "last_seen", "used_at"])
        return Entry(turn, turn.pass_until)


def called(room_id: int, after: int, upto: int, now: datetime) -> None:
    """Numbers from `after` (not included) to `upto` may enter: their passes begin to run."""
    Turn.objects.filter(room=room_id, number__gt=after, number__lte=upto, pass_until__isnull=True).update(
        admitted_at=now, pass_until=now + timedelta(minutes=settings.ADMISSION_MINUTES), passes=1
    )


def inside(room_id: int, now: datetime) -> int:
    """How many people are filling forms: called, pass running, not done; who did not come in time does not count."""
    fresh = now - timedelta(minutes=settings.ADMISSION_CLAIM_MINUTES)
    rows = Turn.objects.filter(room=room_id, pass_until__gt=now, used_at__isnull=True)
    return rows.exclude(claimed_at__isnull=True, admitted_at__lt=fresh).count()


def used(public_ids: list[str]) -> None:
    """These people have booked; their room at the counter is free."""
    Turn.objects.filter(public_id__in=public_ids, used_at__isnull=True).update(used_at=timezone.now())


def _next_number(room_id: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(NEXT_NUMBER, [room_id])
        return int(cursor.fetchone()[0])
