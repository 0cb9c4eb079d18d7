"""A waiting room full of people, made in the database; the board in Redis fills itself from it, as after a restart."""

import uuid
from dataclasses import dataclass

from django.utils import timezone

from bench import load
from bench.people import query
from bench.production import HOST

POLL = "/antrean/keadaan.json"


@dataclass(frozen=True)
class Room:
    """A room that admits, with numbers 1..n waiting."""

    pk: int
    turns: list[uuid.UUID]

    def poll(self, number: int) -> bytes:
        """The poll of one waiting person, as a request."""
        from admission import tokens

        turn = self.turns[number]
        # Sealed by the portal's own code; the account only matters at the door.
        value = tokens.seal_turn(tokens.TurnToken(self.pk, turn.hex, number + 1, number=number + 1))
        return load.get(POLL, HOST, Cookie=f"{tokens.TURN_COOKIE}={value}", Accept_Encoding="gzip")


def make(people: int) -> Room:
    """Switch a room on by hand and let so many people wait in it."""
    from admission import rooms
    from admission.models import Room as RoomRow

    made = rooms.create(reason=RoomRow.Reason.ADMIN)
    if made is None:
        raise RuntimeError("a waiting room is open already")
    rows = query(
        """INSERT INTO admission_turn (room_id, person, public_id, number, joined_at, last_seen, passes)
           SELECT %s, sha256(n::text::bytea), gen_random_uuid(), n, %s, %s, 0 FROM generate_series(1, %s) AS n
           RETURNING number, public_id""",
        [made.pk, timezone.now(), timezone.now(), people],
    )
    query("UPDATE admission_room SET last_number = %s WHERE id = %s", [people, made.pk])
    return Room(made.pk, [turn for _number, turn in sorted(rows)])


def close(room: Room) -> None:
    """Switch the room off again: later measurements book without a turn."""
    from admission import rooms

    rooms.close(room.pk, "bench")
