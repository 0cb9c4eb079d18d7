"""How apps above stock learn, inside the very transaction, that the usable doses of a facility have changed."""

from collections.abc import Callable, Iterable

Pair = tuple[int, str]
Callback = Callable[[Iterable[Pair]], None]
_callbacks: list[Callback] = []


def register(callback: Callback) -> None:
    """Register `callback(pairs)` of (facility id, vaccine code); called from AppConfig.ready().

    It runs at the end of every service that changes what a facility may give, after the ledger is written and with its
    balance rows locked, so it must not wait for anything that waits for a balance. An exception undoes the movement.
    Single doses given do not call it: who records the dose knows whether a place was used up with it.
    """
    if callback not in _callbacks:
        _callbacks.append(callback)


def tell(*pairs: Pair) -> None:
    """Tell every registered callback, each pair once and in a fixed order."""
    wanted = sorted(set(pairs))
    for callback in _callbacks:
        callback(wanted)
