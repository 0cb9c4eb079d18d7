"""Schedules for a trial: two weeks from today at a dozen facilities, today all day long."""

from datetime import date, time, timedelta

from programmes.catalogue import active_ruleset
from programmes.models import Vaccine
from regions.models import Facility
from scheduling import queries
from scheduling.models import Schedule
from scheduling.publishing import at, publish_schedule

DAYS = 14
# A dozen facilities over the city; Poncol has everything, for the newcomer who follows the README.
FACILITIES = (
    "pkm-poncol", "pkm-miroto", "pkm-bandarharjo", "pkm-halmahera", "pkm-pandanaran", "pkm-karangayu", "pkm-gayamsari",
    "pkm-candilama", "pkm-genuk", "pkm-pegandan", "pkm-manyaran", "pkm-kagok",
)  # fmt: skip
COVID = ("COV_AZ", "COV_MODERNA", "COV_PFIZER", "COV_SINOVAC")
COVID_DOSES = ("primary1", "primary2", "booster1", "booster2")
ROUTINE = {
    "BCG": ("bcg",),
    "OPV": ("opv1", "opv2", "opv3", "opv4"),
    "PENTA": ("penta1", "penta2", "penta3", "penta4"),
    "PCV": ("pcv1", "pcv2", "pcv3"),
    "MR": ("mr1", "mr2"),
}
END_OF_DAY = time(23, 59)


def ensure_demo_schedules(today: date) -> int:
    """Publish what is missing from `today` for two weeks; returns how many schedules were made. Safe to repeat."""
    facilities = {row.code: row for row in Facility.objects.filter(code__in=FACILITIES)}
    vaccines = {row.code: row for row in Vaccine.objects.filter(code__in=(*COVID, *ROUTINE))}
    rows = Schedule.objects.filter(date__range=(today, today + timedelta(days=DAYS)))
    # A day that was published as one of the coming ones ends at noon: it gets an afternoon when it becomes today.
    existing = {
        (code, vaccine, day)
        for code, vaccine, day, closes in rows.values_list("facility__code", "vaccine_id", "date", "close_time")
        if day != today or closes == END_OF_DAY
    }
    mornings = set(rows.filter(date=today).values_list("facility__code", "vaccine_id"))
    ruleset = active_ruleset()
    ruled = {(rule.vaccine, rule.dose_code) for code in ("covid19", "rutin") for rule in ruleset.of(code)}
    made = 0
    for day_number in range(DAYS):
        day = today + timedelta(days=day_number)
        for position, code in enumerate(FACILITIES):
            for vaccine, doses in _offers(position, day_number, day):
                doses = tuple(dose for dose in doses if (vaccine, dose) in ruled)
                known = doses and code in facilities and vaccine in vaccines
                if known and (code, vaccine, day) not in existing:
                    opens = time(12) if (code, vaccine) in mornings else time(0)
                    _publish(facilities[code], vaccines[vaccine], doses, day, today, opens)
                    made += 1
    queries.forget()
    return made


def _offers(position: int, day_number: int, day: date) -> list[tuple[str, tuple[str, ...]]]:
    """Which vaccines a facility gives on a day: a quiet Sunday, COVID-19 in turns, routine children on two weekdays."""
    if position == 0:
        # Poncol: open every day, so that whoever comes at whatever hour finds a place for today.
        offers: list[tuple[str, tuple[str, ...]]] = [("COV_AZ", COVID_DOSES), ("COV_PFIZER", COVID_DOSES)]
        if day_number == 0:
            return [*offers, *ROUTINE.items()]
        return offers + list(ROUTINE.items())[day.weekday() % 2 :: 2]
    if day.weekday() == 6 and day_number:
        return []
    offers = [(COVID[(position + day_number) % len(COVID)], COVID_DOSES)]
    if day.weekday() % 3 == position % 3 or not day_number:
        offers.append(list(ROUTINE.items())[(position + day.weekday()) % len(ROUTINE)])
    return offers


def _publish(facility: Facility, vaccine: Vaccine, doses: tuple[str, ...], day: date, today: date, opens: time) -> None:
    if day == today:
        publish_schedule(
            facility=facility, vaccine=vaccine, dose_codes=doses, day=day, open_time=opens, close_time=END_OF_DAY,
            slot_minutes=60, places_per_slot=5, walk_in_percent=20,
        )  # fmt: skip
        return
    # The second week opens one by one at 15.00, two days before (RULES L-4 in spirit): "opens at" is seen in the trial.
    release_at = at(day - timedelta(days=2), time(15)) if (day - today).days > 7 else None
    publish_schedule(
        facility=facility, vaccine=vaccine, dose_codes=doses, day=day, open_time=time(8), close_time=time(12),
        slot_minutes=30, places_per_slot=8, walk_in_percent=20, walk_in_at=at(day, time(11)), release_at=release_at,
    )  # fmt: skip
