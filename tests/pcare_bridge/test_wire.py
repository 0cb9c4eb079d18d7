"""The client's limits on a real socket: what is too large, too slow or too strange ends cleanly and tells nothing."""

import base64
import json
import socket
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from pcare_bridge import client, lzstring, wire
from pcare_bridge.client import Credentials, Options, PCareClient, Unreachable
from pcare_bridge.envelope import Reply, redact
from pcare_bridge.simulator import codec
from pcare_bridge.simulator.server import Server

KEYS = {"cons_id": "00123", "secret": "rahasia-sekali", "timestamp": "1700000000"}
NIK = "9974010101509001"


def test_a_sealed_answer_past_the_cap_is_refused_in_its_layer() -> None:
    def sealed(units: int) -> str:
        return codec.encrypt(json.dumps("x" * units), **KEYS)

    assert len(wire.decode_response(sealed(lzstring.MAX_UNITS - 2), **KEYS)) == lzstring.MAX_UNITS - 2
    bomb = sealed(lzstring.MAX_UNITS)
    assert len(bomb) < 20_000, "a small text that grows to over eight megabytes"
    with pytest.raises(wire.DecodeError) as caught:
        wire.decode_response(bomb, **KEYS)
    assert caught.value.layer == "lzstring"


def test_astral_characters_count_as_the_two_units_they_are() -> None:
    packed = codec.pack("🙂" * 60)
    assert lzstring.decompress(packed, max_units=120) == "🙂" * 60
    with pytest.raises(lzstring.LZStringError):
        lzstring.decompress(packed, max_units=119)


@pytest.mark.parametrize(
    ("spoil", "layer"),
    [
        (lambda text: "é" + text, "base64"),
        (lambda text: text[:-4], "aes"),
        (lambda text: base64.b64encode(base64.b64decode(text)[:-16]).decode(), None),
        (lambda text: "AAAA", "aes"),
        (lambda text: "=", "base64"),
    ],
)
def test_an_error_names_its_layer_and_never_the_content(spoil: Callable[[str], str], layer: str | None) -> None:
    sealed = codec.encrypt(json.dumps({"nik": NIK, "nama": "Warga ꦱꦼꦩꦫꦁ 🙂"}), **KEYS)
    assert wire.decode_response(f" {sealed[:9]}\r\n{sealed[9:]}\n", **KEYS)["nik"] == NIK, "line breaks do no harm"
    with pytest.raises(wire.DecodeError) as caught:
        wire.decode_response(spoil(sealed), **KEYS)
    assert caught.value.layer == layer if layer else caught.value.layer in ("aes", "lzstring", "json")
    told = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    for hidden in (NIK, "Warga", KEYS["secret"], sealed[:20]):
        assert hidden not in told


def test_numbers_beyond_measure_and_endless_nesting_are_no_json() -> None:
    for document in ("1" * 5000, "[" * 100_000):
        with pytest.raises(wire.DecodeError) as caught:
            wire.decode_response(codec.encrypt(document, **KEYS), **KEYS)
        assert caught.value.layer == "json"


def test_an_answer_that_never_ends_is_cut_off(
    one_answer: Callable[..., Reply], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MAX_BODY_BYTES", 1000)
    with pytest.raises(Unreachable) as caught:
        one_answer("x" * 1001)
    assert caught.value.sent, "a write behind such an answer may have happened"


def test_an_answer_that_drips_ends_with_the_time_allowed(credentials: Credentials) -> None:
    listener, hung_up = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def drip() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            for _ in range(900):  # a minute and a half, if nobody ends it
                try:
                    connection.sendall(b"x")
                except OSError:
                    hung_up.set()
                    return
                time.sleep(0.1)

    threading.Thread(target=drip, daemon=True).start()
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with (
        PCareClient(address, credentials, Options(connect_timeout=0.5, read_timeout=0.5)) as pcare,
        pytest.raises(Unreachable),
    ):
        pcare.get("kesadaran")
    assert hung_up.wait(60), "it ended because the caller had enough, not because all had been said"
    listener.close()


def test_each_attempt_has_a_timestamp_of_its_own_and_opens_its_answer_with_it(
    simulator: Server, credentials: Credentials
) -> None:
    ticks = iter(range(int(time.time()), int(time.time()) + 1000))
    with PCareClient(simulator.base_url, credentials, clock=lambda: next(ticks)) as pcare:
        for _ in range(5):
            assert pcare.get("kesadaran").ok, "the clock is asked once for each attempt, however often it ticks"
    stamps = [item.timestamp for item in simulator.service.arrivals]
    assert len(set(stamps)) == 5


def test_addresses_are_taken_with_and_without_a_slash(simulator: Server, credentials: Credentials) -> None:
    for address in (simulator.base_url, simulator.base_url + "/", simulator.base_url.upper().replace("HTTP", "http")):
        with PCareClient(address, credentials) as pcare:
            assert pcare.get("kesadaran").ok, address


def test_parts_of_a_path_cannot_leave_it(simulator: Server, pcare: PCareClient) -> None:
    assert not pcare.get("vaksinasi/{number}", number="../kesadaran").ok
    assert not pcare.get("vaksinasi/{number}", number="x?y#z").ok
    assert pcare.get("diagnosa/{text}/0/10", text="Z24 / é").payload["list"] == []


@pytest.mark.parametrize("value", [None, "", "NIK 9974 0101 0150 9001", "0001112223334", "+62 812-3456-7890"])
def test_what_the_service_says_is_stored_without_numbers_of_people(value: Any) -> None:
    told = redact(str(value or ""))
    assert not any(part in told for part in ("9001", "0001112223334", "7890"))
