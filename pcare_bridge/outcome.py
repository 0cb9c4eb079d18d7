"""The result of one try to deliver, as every profile reports it."""

from dataclasses import dataclass

from pcare_bridge.errors import ErrorClass


@dataclass(frozen=True)
class Outcome:
    """`error` is None for a success. `in_doubt`: a write may have happened although no answer says so."""

    error: ErrorClass | None = None
    number: str = ""
    in_doubt: bool = False
    field: str = ""
    message: str = ""
    retry_after: int | None = None
    undecodable: bool = False
