"""The control path `/__control__/`: settings, faults, outage, records. The client under test never calls it."""

import json
from dataclasses import asdict
from email.message import Message
from hmac import compare_digest
from typing import Any
from urllib.parse import parse_qs

from pcare_bridge.simulator.registry import TABLES
from pcare_bridge.simulator.service import Service
from pcare_bridge.simulator.visits import add_participant

Result = tuple[int, Any, str]


def run(service: Service, method: str, path: str, query: dict[str, list[str]], headers: Message, raw: bytes) -> Result:
    """Carry out one control request; returns HTTP status, JSON document or None, and a place to go to."""
    name = path.removeprefix("/__control__/").strip("/")
    form = parse_qs(raw.decode("utf-8", "replace")) if name == "power" else {}
    token = headers.get("X-Control-Token") or form.get("token", [""])[0]
    if not compare_digest(token.encode(), service.token.encode()):
        return 403, {"error": "token"}, ""
    if (method, name) == ("POST", "power"):
        _switch(service, form.get("on", ["1"])[0] == "1")
        return 303, None, "/"
    try:
        body = json.loads(raw) if raw else {}
        return _dispatch(service, method, name, query, body)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return 400, {"error": str(error)}, ""


def _switch(service: Service, on: bool) -> None:
    if on:
        service.weather.end_outage()
    elif not service.weather.is_dark:
        service.weather.start_outage()


def _dispatch(service: Service, method: str, name: str, query: dict[str, list[str]], body: dict[str, Any]) -> Result:
    match method, name:
        case "GET", "state":
            return 200, service.describe(), ""
        case "GET", "records":
            table = query.get("table", ["vaksinasi"])[0]
            return (200, service.records(table), "") if table in TABLES else (404, {"error": "table"}, "")
        case "GET", "requests":
            last = int(query.get("last", ["200"])[0])
            return 200, [asdict(arrival) for arrival in list(service.arrivals)[-last:]], ""
        case "POST", "faults":
            service.weather.add(body)
        case "DELETE", "faults":
            service.weather.clear()
        case "POST", "settings":
            service.settings.change(body)
        case "POST", "outage":
            service.weather.start_outage(body.get("seconds"))
        case "DELETE", "outage":
            service.weather.end_outage()
        case "POST", "seed":
            service.weather.reseed(int(body["seed"]))
        case "POST", "passwords":
            service.keys.passwords.update({str(user): str(password) for user, password in body.items()})
        case "POST", "participants":
            add_participant(service.registry, body)
        case "POST", "reset":
            service.reset()
        case _:
            return 404, {"error": "path"}, ""
    return 200, service.describe(), ""
