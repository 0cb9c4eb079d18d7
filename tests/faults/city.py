"""People with a signed cookie and sessions with room for all, made by the portal's own services; run as a process.

`python -m tests.faults.city 400` prints one JSON line: schedule, sessions, and for each person cookie and public id.
"""

import json
import sys
from datetime import time

import django


def make(people: int) -> dict[str, object]:
    """One open schedule of four sessions, and `people` adults who have never been vaccinated."""
    from django.http import HttpResponse

    from certificates import keys
    from registration import session
    from scheduling.models import Slot
    from tests.registration.people import make_account, nik_for
    from tests.scheduling.world import ADULT, make_adult, make_schedule

    keys.ensure()
    schedule = make_schedule(
        days=3, open_time=time(8), close_time=time(12), slot_minutes=60, places_per_slot=people, walk_in_percent=0
    )
    slots = list(Slot.objects.filter(schedule=schedule).order_by("pk").values_list("pk", flat=True))
    persons = []
    for number in range(people):
        account = make_account(f"+62899{number:08d}")
        serial = 1 + number % 9999
        citizen = make_adult(account, nik=nik_for(ADULT, "P" if number < 9999 else "L", serial=serial))
        response = HttpResponse()
        session.sign_in(response, account)
        persons.append([response.cookies[session.COOKIE].value, str(citizen.public_id)])
    return {"schedule": schedule.pk, "slots": slots, "people": persons}


if __name__ == "__main__":
    django.setup()
    sys.stdout.write(json.dumps(make(int(sys.argv[1]))) + "\n")
