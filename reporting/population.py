"""Invented people and doses for load tests and training: the same seed gives the same city, no real person's NIK.

Pure: no database, no clock. Provinces 98xx do not exist, so no number belongs to anybody (RULES N-11).
"""

import uuid
from bisect import bisect
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from itertools import accumulate
from random import Random

# Doses end here: what is loaded is history, and news of today stays the business of today.
LAST_DAY = date(2025, 12, 31)
WIB = timezone(timedelta(hours=7))
MALE = ("Budi", "Agus", "Slamet", "Joko", "Bambang", "Hadi", "Sugeng", "Wahyu", "Rudi", "Teguh", "Arif", "Dimas")
FEMALE = ("Siti", "Sri", "Dewi", "Rina", "Wati", "Lestari", "Ratna", "Indah", "Endah", "Puji", "Ayu", "Retno")
LAST = ("Santoso", "Wibowo", "Utomo", "Hidayat", "Saputra", "Nugroho", "Setiawan", "Purnomo", "Handayani", "Rahayu")
STREETS = ("Melati", "Kenanga", "Anggrek", "Mawar", "Cempaka", "Dahlia", "Flamboyan", "Teratai", "Seruni", "Kamboja")
PRIMARY = (("COV_SINOVAC", 28, 70), ("COV_AZ", 84, 15), ("COV_MODERNA", 28, 10), ("COV_SINOPHARM", 21, 5))
BOOSTERS = {
    "COV_SINOVAC": ("COV_AZ", "COV_PFIZER", "COV_MODERNA", "COV_SINOPHARM"),
    "COV_AZ": ("COV_MODERNA", "COV_PFIZER", "COV_AZ"),
    "COV_MODERNA": ("COV_MODERNA",),
    "COV_SINOPHARM": ("COV_SINOPHARM",),
    "COV_PFIZER": ("COV_PFIZER", "COV_MODERNA", "COV_AZ"),
}
# Vaccine, dose, age in days when it is due.
ROUTINE = (("HB0", "hb0", 0), ("BCG", "bcg", 31), ("PENTA", "penta1", 62), ("MR", "mr1", 280))
# Share of those able to have a first, second, third, fourth dose; scaled to the number asked for.
SHARES = (0.93, 0.86, 0.55, 0.17)
MOST_DOSES = 4


@dataclass(frozen=True, slots=True)
class Person:
    """One invented citizen."""

    nik: str
    name: str
    birth_date: date
    sex: str
    place: str | None
    address: str
    phone: str | None
    public_id: uuid.UUID

    @property
    def most_doses(self) -> int:
        """How many doses this age can have had by the end of the history."""
        if self.birth_date >= date(2021, 1, 1):
            return sum(self.birth_date + timedelta(days=due + 60) <= LAST_DAY for _v, _d, due in ROUTINE)
        return MOST_DOSES if self.birth_date <= date(2003, 1, 1) else 2


@dataclass(frozen=True, slots=True)
class Dose:
    """One dose of one of them; `person` is the position in the list."""

    person: int
    programme: str
    vaccine: str
    code: str
    number: int
    at: datetime
    key: uuid.UUID


def people(count: int, seed: int, places: Sequence[tuple[str, int]]) -> Iterator[Person]:
    """`count` people living in `places` (kelurahan code, weight); one in fifty has a card from outside the city."""
    random = Random(f"warga {seed}")
    reach = list(accumulate(weight for _code, weight in places))
    serials: Counter[str] = Counter()
    for _ in range(count):
        birth = _birth_date(random)
        sex = "P" if random.random() < 0.505 else "L"
        code = places[bisect(reach, random.random() * reach[-1])][0] if random.random() >= 0.02 else None
        district = code[6:8] if code else "99"
        stem = f"98{seed % 100:02d}{district}{birth.day + (40 if sex == 'P' else 0):02d}{birth:%m%y}"
        serials[stem] += 1
        yield Person(
            nik=f"{stem}{9000 + serials[stem]:04d}",
            name=f"{random.choice(FEMALE if sex == 'P' else MALE)} {random.choice(LAST)}",
            birth_date=birth,
            sex=sex,
            place=code,
            address=f"Jalan {random.choice(STREETS)} Nomor {random.randrange(1, 200)}",
            phone=f"+6280000{random.randrange(10**7):07d}" if random.random() < 0.5 else None,
            public_id=uuid.UUID(int=random.getrandbits(128), version=4),
        )


def _birth_date(random: Random) -> date:
    kind = random.random()
    if kind < 0.06:
        first, last = date(2021, 1, 1), date(2025, 6, 30)
    elif kind < 0.18:
        first, last = date(2004, 1, 1), date(2014, 12, 31)
    elif kind < 0.86:
        first, last = date(1962, 1, 1), date(2002, 12, 31)
    else:
        first, last = date(1935, 1, 1), date(1961, 12, 31)
    return first + timedelta(days=random.randrange((last - first).days + 1))


def doses(everybody: Sequence[Person], count: int, seed: int) -> Iterator[Dose]:
    """Exactly `count` doses in possible orders and intervals; raises ValueError when the people cannot have so many."""
    random = Random(f"dosis {seed}")
    for person, number in enumerate(_shares(everybody, count, random)):
        if number:
            yield from _history(person, everybody[person], number, random)


def _shares(everybody: Sequence[Person], count: int, random: Random) -> list[int]:
    """How many doses each person gets."""
    room = [person.most_doses for person in everybody]
    if count > sum(room):
        raise ValueError(f"{len(everybody)} warga paling banyak menerima {sum(room)} dosis.")
    order = list(range(len(everybody)))
    random.shuffle(order)
    given = [0] * len(everybody)
    able = [sum(most > level for most in room) for level in range(MOST_DOSES)]
    scale = count / max(1.0, sum(share * people for share, people in zip(SHARES, able, strict=True)))
    left = count
    for level in range(MOST_DOSES):
        wanted = min(left, round(SHARES[level] * able[level] * scale))
        for person in [person for person in order if given[person] == level < room[person]][:wanted]:
            given[person] += 1
            left -= 1
    while left:  # what rounding or a full level left over goes to whoever has room
        for person in order:
            if left and given[person] < room[person]:
                given[person] += 1
                left -= 1
    return given


def _history(index: int, person: Person, number: int, random: Random) -> Iterator[Dose]:
    def dose(step: int, programme: str, vaccine: str, code: str, day: date) -> Dose:
        at = datetime(day.year, day.month, day.day, 7, 30, tzinfo=WIB) + timedelta(minutes=random.randrange(300))
        key = uuid.UUID(int=random.getrandbits(128), version=4)
        return Dose(index, programme, vaccine, code, step, at, key)

    if person.birth_date >= date(2021, 1, 1):
        for vaccine, code, due in ROUTINE[:number]:
            day = person.birth_date + timedelta(days=due + random.randrange(1, 60) * (due > 0))
            yield dose(1, "rutin", vaccine, code, day)
        return
    adult = person.birth_date <= date(2003, 1, 1)
    weights = [share for _code, _days, share in PRIMARY]
    product, interval, _share = random.choices(PRIMARY, weights)[0] if adult else PRIMARY[0]
    start = date(2021, 3, 1) if adult else date(2021, 12, 14)
    day = start + timedelta(days=random.randrange(300))
    yield dose(1, "covid19", product, "primary1", day)
    if number > 1:
        day += timedelta(days=interval + random.randrange(30))
        yield dose(2, "covid19", product, "primary2", day)
    if number > 2:
        day = max(day + timedelta(days=184 + random.randrange(300)), date(2022, 3, 7))
        product = random.choice(BOOSTERS[product])
        yield dose(3, "covid19", product, "booster1", day)
    if number > 3:
        day = max(day + timedelta(days=185), date(2023, 1, 24)) + timedelta(days=random.randrange(500))
        yield dose(4, "covid19", random.choice(BOOSTERS[product]), "booster2", day)
