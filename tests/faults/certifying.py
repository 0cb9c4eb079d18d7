"""Doses for the certificate tests of the town, made by the portal's own services; run as a process.

`python -m tests.faults.certifying desk` prepares a person whose screening said go ahead, and prints the cookies of the
vaccinator and of the person, the address of the dose page and its filled-in form. `… doses N` records N doses.
"""

import json
import sys

import django


def desk() -> dict[str, object]:
    """Everything the click needs, as the browsers had it a moment before."""
    from django.conf import settings
    from django.http import HttpResponse
    from django.test import Client
    from django.test.utils import setup_test_environment
    from django.urls import reverse

    from registration import session
    from tests.registration.people import make_account
    from tests.scheduling.world import make_adult
    from tests.staff import sign_in_staff
    from tests.stock.shelf import stocked
    from tests.vaccination.desk import nurse, screened
    from tests.vaccination.test_pages import dose_form

    setup_test_environment()
    stocked(10)
    user, account = nurse(), make_account()
    visit = screened(citizen=make_adult(account), actor=user)
    browser, response = sign_in_staff(Client(), user), HttpResponse()
    session.sign_in(response, account)
    path = reverse("desk:dose", args=[visit.public_id])
    return {
        "person": response.cookies[session.COOKIE].value,
        "staff": f"{settings.SESSION_COOKIE_NAME}={browser.cookies[settings.SESSION_COOKIE_NAME].value}",
        "path": path,
        "form": dose_form(browser.get(path, secure=True)),
        "citizen": visit.citizen_id,
    }


def doses(count: int) -> dict[str, object]:
    """So many completed doses of one kind, each of a person of its own."""
    from bench.measures.certificates import make_doses
    from bench.people import make_many_citizens
    from certificates import authority
    from vaccination.models import Immunization

    authority.ensure()
    first = make_many_citizens(count)
    given = make_doses(range(first, first + count))
    return {"doses": list(Immunization.objects.filter(uuid__in=given).values_list("pk", flat=True))}


if __name__ == "__main__":
    django.setup()
    sys.stdout.write(json.dumps(desk() if sys.argv[1] == "desk" else doses(int(sys.argv[2]))) + "\n")
