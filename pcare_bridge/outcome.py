"""The result of one try to deliver, as every profile reports it."""

from dataclasses import dataclass, field

from pcare_bridge.errors import ErrorClass


@dataclass(frozen=True)
class Outcome:
    """`error` is None for a success. `in_doubt`: a write may have happened although no answer says so."""

    error: ErrorClass | None = None
    number: str = ""
    in_doubt: bool = False
    error_field: str = ""
    message: str = ""
    retry_after: int | None = None
    undecodable: bool = False
    references: dict[str, str] = field(default_factory=dict)
    """Numbers of steps already made, kept for the next try; an empty text forgets one."""
    token: str = field(default="", repr=False)
    token_expires: float = 0.0
