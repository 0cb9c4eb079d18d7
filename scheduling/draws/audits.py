"""Draws in `manage.py audit`: places out of reach, winners served once, nothing changed after it was published."""

from django.db.models import Q

from core import audit
from scheduling import fair_order
from scheduling.draws import files as draw_files
from scheduling.draws import run as draw_run
from scheduling.models import Draw, DrawEntry, DrawMember, Place


def register() -> None:
    """Make the checks known to `manage.py audit`."""
    audit.register("I1", "tempat undian tidak dapat dipesan sebelum diundi", places_within_reach)
    audit.register("I3", "setiap pemenang undian punya satu janji, yang lain tidak", winners_unserved)
    audit.register("I3", "daftar, benih, dan urutan undian sama dengan yang diumumkan", changed_draws)


def places_within_reach() -> int:
    """Places of an announced draw that a booking could take, and places kept for a draw that is over or gone."""
    reachable = Place.objects.filter(pool=Place.Pool.ONLINE, slot__schedule__draw__state=Draw.State.ANNOUNCED)
    pending = Q(slot__schedule__draw__state__in=Draw.PENDING)
    return reachable.count() + Place.objects.filter(pool=Place.Pool.DRAW).exclude(pending).count()


def winners_unserved() -> int:
    """People of a winning number without an appointment, and people of another one with an appointment by the draw."""
    won = Q(entry__outcome=DrawEntry.Outcome.WON)
    members = DrawMember.objects.filter(is_active=True)
    return (
        members.filter(won, appointment__isnull=True).count() + members.filter(~won, appointment__isnull=False).count()
    )


def changed_draws() -> int:
    """Draws whose seed, list or order is not what was published."""
    return sum(not is_as_published(draw) for draw in Draw.objects.filter(state__in=("frozen", "drawing", "drawn")))


def is_as_published(draw: Draw) -> bool:
    """Whether rows, hashes and order of a frozen or drawn draw agree."""
    tickets = draw_run.tickets_of(draw)
    if fair_order.commitment(draw.seed) != draw.seed_hash:
        return False
    if draw_files.hash_of(draw_files.participants_file(tickets)) != draw.list_hash:
        return False
    if draw.state != Draw.State.DRAWN:
        return True
    checks = draw_files.replay(draw.seed, draw_run.results_of(draw), seed_hash=draw.seed_hash, list_hash=draw.list_hash)
    return all(check.ok for check in checks)
