"""The profiles behind one face: what a dose still lacks, how many requests it takes, delivering it, a cheap probe."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache

import httpx

from pcare_bridge import conf
from pcare_bridge.client import Credentials, Options, PCareClient, Unreachable, open_pool
from pcare_bridge.errors import ERROR_CLASSES, ErrorClass, classify
from pcare_bridge.facts import DoseFacts, Job
from pcare_bridge.fhir_client import FhirClient, FhirCredentials
from pcare_bridge.models import Account, Delivery, FacilityAccount, SatusehatAccount
from pcare_bridge.outcome import Outcome
from pcare_bridge.profiles import kunjungan, satusehat, vaksinasi
from pcare_bridge.profiles.common import Standing

Client = PCareClient | FhirClient
PROBE = "poli/fktp/{start}/{limit}"  # a cheap authenticated read (PROTOCOL 7.3)

_PROFILES = {"vaksinasi": vaksinasi, "kunjungan": kunjungan, "satusehat": satusehat}


def missing_fields(profile: str, facts: DoseFacts) -> list[tuple[str, str]]:
    """Fields without which the profile cannot take this dose, as (upstream name, Indonesian label)."""
    return _PROFILES[profile].missing_fields(facts)


def requests_of(profile: str) -> int:
    """About how many requests one delivery takes."""
    return _PROFILES[profile].REQUESTS


def requests_needed(delivery: Delivery) -> int:
    """About how many requests the throttle must keep free; more keep the permitted distance by themselves."""
    return requests_of(delivery.profile) + (1 if delivery.outcome_unknown else 0)


def deliver(profile: str, client: Client, job: Job) -> Outcome:
    """Bring the service to the state `job` asks for; never raises for weather, touches no database."""
    if isinstance(client, FhirClient):
        return satusehat.deliver(client, job)
    return (kunjungan if profile == "kunjungan" else vaksinasi).deliver(client, job)


def compare(profile: str, client: Client, job: Job) -> tuple[list[Standing], dict[str, str]]:
    """What stands upstream for a dose, and what should; raises Stop when the service cannot say now."""
    if isinstance(client, FhirClient):
        return satusehat.standing(client, job), satusehat.expected(job)
    module = kunjungan if profile == "kunjungan" else vaksinasi
    return module.standing(client, job), module.expected(job)


def probe(client: Client) -> tuple[ErrorClass | None, int | None]:
    """One cheap authenticated read: what is wrong, and the pause the service asks for in seconds."""
    try:
        if isinstance(client, FhirClient):
            reply = client.renew_token()
            return satusehat.classify(reply), reply.retry_after
        reply = client.get(PROBE, start=0, limit=1)
    except Unreachable:
        return ERROR_CLASSES["unreachable"], None
    return classify(reply), reply.retry_after


def client_for(
    account: Account, before_request: Callable[[], None] = lambda: None, http: httpx.HTTPTransport | None = None
) -> Client:
    """A client that signs as `account`, on `http` or else on this process's shared connection pool."""
    options = conf.options()
    pool = http or _pool(options, os.getpid())
    if isinstance(account, SatusehatAccount):
        return FhirClient(
            conf.base_url("satusehat"),
            conf.oauth_url(),
            FhirCredentials(account.client_id, account.client_secret),
            token=account.access_token or "",
            token_expires=account.token_expires_at.timestamp() if account.token_expires_at else 0.0,
            options=options,
            before_request=before_request,
            http=pool,
        )
    assert isinstance(account, FacilityAccount)
    credentials = Credentials(
        cons_id=account.cons_id,
        secret=account.secret,
        user_key=account.user_key,
        username=account.username,
        password=account.password,
        application_code=account.application_code,
    )
    return PCareClient(conf.base_url(), credentials, options, before_request=before_request, http=pool)


@contextmanager
def connection() -> Iterator[httpx.HTTPTransport]:
    """A kept connection for one thread: looking for a free one in a shared pool costs more, the more it holds."""
    idle = _idle(conf.options(), os.getpid())
    try:
        http = idle.pop()  # the one used last, so that a quiet hour needs few
    except IndexError:
        http = open_pool(conf.options())
    try:
        yield http
    finally:
        idle.append(http)


@lru_cache(maxsize=2)
def _idle(options: Options, process_id: int) -> deque[httpx.HTTPTransport]:
    # Bounded; pushing and popping need no lock. Those that fall out close when they are collected.
    return deque(maxlen=64)


@lru_cache(maxsize=2)
def _pool(options: Options, process_id: int) -> httpx.HTTPTransport:
    # By process: sockets must not be shared across a fork of the worker.
    return open_pool(options)
