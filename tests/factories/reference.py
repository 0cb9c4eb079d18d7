"""The real city and rules for tests that need them."""

from programmes.reference import load_programmes
from regions.reference import load_city


def load_reference() -> None:
    """Load kecamatan, kelurahan, facilities, vaccines, rules and forms into the test database (about 0.2 s)."""
    load_city()
    load_programmes()
