"""A desk and citizens who go on while PCare is alive or dead: dose forms and bookings, the worker, the weather."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from urllib.parse import urlencode

from django.utils import timezone

from bench import bookings, deliveries, load, people
from bench.client import Answer, Scenario, Tally
from bench.people import DOSE, VACCINE, query
from bench.production import HOST, StackError
from bench.stack import Stack
from victori import embedded
from victori.installation import ROOT

ALIVE, CLOSED, HANGS = "alive", "closed port", "accepts and hangs"
DOSE_GIVEN, BOOKED = "dose", "booked"
CELERY = [sys.executable, "-m", "celery", "-A"]
CSRF = "0" * 32
TIMEOUT = 30.0


def label(answer: Answer) -> str:
    """A redirect to the page of what was given, or to a new ticket; anything else is wrong."""
    if answer.status == 302 and b"/hasil/" in answer.head:
        return DOSE_GIVEN
    if answer.status == 302 and b"?baru=1" in answer.head:
        return BOOKED
    return f"other {answer.status}"


@contextlib.contextmanager
def worker(stack: Stack, **environment: str) -> Iterator[None]:
    """The worker and the clock as an installation runs them."""
    commands = {
        "worker": [*CELERY, "victori.celery:app", "worker", "-c", "2", "--without-gossip", "--without-mingle"],
        "beat": [*CELERY, "victori.beat:app", "beat", "-s", str(stack.folder / "beat"), "--pidfile="],
    }
    started: list[subprocess.Popen[bytes]] = []
    try:
        for name, command in commands.items():
            log = stack.folder / f"{name}.log"
            started.append(embedded.spawn(command, log=log, env=os.environ | environment, cwd=ROOT))
        yield
    finally:
        for process in started:
            embedded.end(process, (signal.SIGTERM, 10), (signal.SIGQUIT, 3))


def vaccinator() -> tuple[int, int, str]:
    """A vaccinator at a facility with an account at PCare: facility, user, and the cookies of a signed-in browser."""
    from allauth.mfa.models import Authenticator
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

    from accounts.models import Membership, User

    facility = deliveries.facilities()[0]
    user = User.objects.create(username=f"bench-{uuid.uuid4().hex[:8]}", full_name="Vaksinator Bench")
    Membership.objects.create(user=user, role="vaksinator", scope="facility", facility_id=facility)
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={})
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    backend, now = "allauth.account.auth_backends.AuthenticationBackend", time.time()
    session[SESSION_KEY], session[BACKEND_SESSION_KEY] = str(user.pk), backend
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session["account_authentication_methods_user"] = str(user.pk)
    session["account_authentication_methods"] = [
        {"method": "password", "at": now, "username": user.username},
        {"method": "mfa", "at": now, "type": "totp"},
    ]
    session.save()
    return facility, user.pk, f"{settings.SESSION_COOKIE_NAME}={session.session_key}; csrftoken={CSRF}"


def dose_forms(count: int) -> list[bytes]:
    """So many filled-in dose forms, each of a person whose screening said go ahead."""
    facility, user, cookies = vaccinator()
    lot = query("SELECT id FROM stock_lot WHERE lot_number = 'BENCH1' AND vaccine_id = %s", [VACCINE])[0][0]
    somebody = people.make_people(count)
    visits = deliveries.screened(somebody, [facility] * count, user, given=False)
    now = f"{timezone.localtime():%Y-%m-%dT%H:%M}"
    made = []
    for public_id in visits.values():
        form = {
            "csrfmiddlewaretoken": CSRF, "client_uuid": uuid.uuid4(), "choice": f"{DOSE}:{lot}", "lot_confirmed": "on",
            "body_site": "LA", "occurred_at": now, "performer": user, "observe_minutes": "15",
        }  # fmt: skip
        path = f"/petugas/kunjungan/{public_id}/suntik/"
        made.append(load.post(path, HOST, urlencode(form).encode(), Cookie=cookies))
    return made


def turn(simulator: deliveries.Simulator, weather: str) -> None:
    """Make PCare alive, leave its port closed, or let it accept and say nothing."""
    if weather == CLOSED:
        simulator.stop()
    elif simulator.served is None:
        simulator.start(remember=True)
    if weather == HANGS:
        simulator.control("POST", "faults", {"kind": "hang"})
    elif weather == ALIVE:
        simulator.control("DELETE", "faults")


def wait_until(what: str, holds: Callable[[], bool], seconds: float) -> None:
    """Return when `holds`. Raises StackError after so many seconds."""
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            raise StackError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.2)


def unsent() -> int:
    """Doses that PCare does not have yet: not yet planned, or planned and not sent."""
    open_rows = "WHERE state IN ('waiting', 'in_flight')"
    planned = query(f"SELECT count(*) FROM pcare_bridge_delivery {open_rows}")
    news = query(f"SELECT count(*) FROM core_outboxmessage {open_rows} AND consumer = 'pcare'")
    return int(planned[0][0] + news[0][0])


def uncertified() -> int:
    """Doses entered at the desk that have no certificate yet."""
    return int(
        query(
            """SELECT count(*) FROM vaccination_immunization i
               WHERE i.recorder_id IN (SELECT id FROM accounts_user WHERE username LIKE 'bench-%%') AND NOT EXISTS (
                   SELECT FROM certificates_certificate c WHERE c.immunization_id = i.id)"""
        )[0][0]
    )


class Load:
    """Prepared forms and bookings, and people who send one after another with a pause between them."""

    def __init__(self, count: int, slots: Sequence[int]) -> None:
        self.doses = dose_forms(count)
        self.bookings = [one.request for one in bookings.prepare(people.make_people(count), slots)]
        people.analyze()

    def run(self, address: tuple[str, int], seconds: float, desks: int, pause: float) -> Tally:
        """So many desks and as many citizens at once for some seconds; what was sent is gone."""
        most = int(desks * seconds / pause) + desks
        doses, self.doses = self.doses[:most], self.doses[most:]
        booked, self.bookings = self.bookings[:most], self.bookings[most:]

        def one(requests: list[bytes]) -> Scenario:
            until = time.monotonic() + seconds
            while requests and time.monotonic() < until:
                yield requests.pop()
                yield pause

        def make(_number: int, _processes: int) -> Iterable[Scenario]:
            return [one(requests) for requests in (doses, booked) for _ in range(desks)]

        # However late an answer comes, it counts: those that a dead PCare held up are what is looked for.
        return load.run(address, make, seconds=seconds + TIMEOUT, label=label, timeout=TIMEOUT, drain=1, ramp=pause)
