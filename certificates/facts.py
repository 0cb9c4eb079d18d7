"""The facts of one recorded dose, as every certificate format takes them. No NIK, phone or address has a place here."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple


class DoseFacts(NamedTuple):
    """One completed dose. `dose_number` counts all doses of the disease so far; `series_doses` is the whole series."""

    name: str
    birth_date: date
    vaccine_code: str
    vaccine_name: str
    manufacturer: str
    disease: str
    dose_number: int
    series_doses: int
    occurred_on: date
    facility_name: str
    lot_number: str
    cvx: str = ""
    kfa: str = ""
    product_id: str = ""
    dose_label: str = ""
    country: str = "ID"
    issuer: str = "Dinas Kesehatan Kota Semarang"
