"""The sessions of a day with places for people who wait."""

from dataclasses import dataclass
from datetime import datetime


@dataclass
class Window:
    """A session with free places, and what is left of them after the offers of this run."""

    slot_id: int
    starts_at: datetime
    left: int
