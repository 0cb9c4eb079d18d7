"""A simulator on a real socket, an account that it knows, and doses of invented people."""

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pcare_bridge import fhir_client
from pcare_bridge.client import Credentials, Options, PCareClient
from pcare_bridge.envelope import Reply
from pcare_bridge.profiles import satusehat
from pcare_bridge.simulator import defaults
from pcare_bridge.simulator.server import Server
from pcare_bridge.simulator.service import Service

# Seconds. The machine that runs the tests may stand still for a while; a test of a time-out sets its own.
PATIENT = 60.0
KD_PROVIDER = defaults.provider_code(7)
USERNAME, PASSWORD = defaults.account(KD_PROVIDER)


@pytest.fixture
def simulator() -> Iterator[Server]:
    """The simulated service in a thread of its own, on a free port."""
    server = Server(Service())
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02), daemon=True)
    thread.start()
    yield server
    server.service.weather.clear()
    server.shutdown()
    server.server_close()
    thread.join(PATIENT)


@pytest.fixture
def credentials() -> Credentials:
    return Credentials(defaults.CONS_ID, defaults.SIGNING_KEY, defaults.USER_KEY, USERNAME, PASSWORD)


@pytest.fixture
def pcare(simulator: Server, credentials: Credentials) -> Iterator[PCareClient]:
    with PCareClient(simulator.base_url, credentials, Options(connect_timeout=PATIENT, read_timeout=PATIENT)) as client:
        yield client


@pytest.fixture
def one_answer(credentials: Credentials) -> Iterator[Callable[..., Reply]]:
    """`one_answer(body, status=200, headers="")`: the client's reading of one raw HTTP answer on a real socket."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer(body: str, status: int = 200, headers: str = "") -> Reply:
        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                raw = body.encode()
                head = f"HTTP/1.1 {status} X\r\n{headers}Content-Length: {len(raw)}\r\nConnection: close\r\n\r\n"
                connection.sendall(head.encode() + raw)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with PCareClient(address, credentials, Options(connect_timeout=PATIENT, read_timeout=PATIENT)) as client:
            reply: Any = client.get("kesadaran")
        thread.join(PATIENT)
        return reply

    yield answer
    listener.close()


@pytest.fixture
def bridge(settings: Any, simulator: Server) -> None:
    """The bridge points at the simulator, without throttle, with short pauses and long patience."""
    settings.PCARE_BASE_URL = simulator.base_url
    settings.PCARE_PER_SECOND = 0
    settings.PCARE_RETRY_PAUSES = [0.01]
    settings.PCARE_BREAKER_SECONDS = [0.05, 0.2]
    settings.PCARE_CONNECT_TIMEOUT = settings.PCARE_READ_TIMEOUT = PATIENT


@pytest.fixture
def exchange(settings: Any, simulator: Server, bridge: None) -> None:
    """SATUSEHAT is the simulator as well; no token or number is remembered from another test."""
    root = simulator.base_url.removesuffix(simulator.service.base_path)
    settings.SATUSEHAT_BASE_URL, settings.SATUSEHAT_OAUTH_URL = f"{root}/fhir-r4/v1", f"{root}/oauth2/v1"
    fhir_client._tokens.clear()
    satusehat._practitioners.clear()
