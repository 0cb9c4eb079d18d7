"""People with a signed cookie and sessions with room for all, made by the portal's own services; run as a process.

`python -m tests.faults.city 400` prints one JSON line: schedule, sessions, and for each person cookie and public id;
with a second number the people after that one, for the city that is there.
"""

import json
import sys
from datetime import time

import django

PLACES_PER_SLOT = 1000


def make(people: int, start: int) -> dict[str, object]:
    """One open schedule of four sessions, and `people` adults who have never been vaccinated."""
    from django.http import HttpResponse

    from certificates import authority
    from registration import session
    from scheduling.models import Schedule, Slot
    from tests.registration.people import make_account, nik_for
    from tests.scheduling.world import ADULT, make_adult, make_schedule

    authority.ensure()
    hours = {"open_time": time(8), "close_time": time(12), "slot_minutes": 60}
    schedule = Schedule.objects.first() or make_schedule(
        days=3, places_per_slot=PLACES_PER_SLOT, walk_in_percent=0, **hours
    )
    slots = list(Slot.objects.filter(schedule=schedule).order_by("pk").values_list("pk", flat=True))
    persons = []
    for number in range(start, start + people):
        account = make_account(f"+62899{number:08d}")
        citizen = make_adult(account, nik=nik_for(ADULT, "P", serial=1 + number))
        response = HttpResponse()
        session.sign_in(response, account)
        persons.append([response.cookies[session.COOKIE].value, str(citizen.public_id)])
    return {"schedule": schedule.pk, "slots": slots, "people": persons}


if __name__ == "__main__":
    django.setup()
    sys.stdout.write(json.dumps(make(int(sys.argv[1]), int((sys.argv[2:] or [0])[0]))) + "\n")
