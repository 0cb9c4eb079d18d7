"""Both sides of the wire against the fixed vectors, and against each other."""

import hashlib
import json
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcare_bridge import lzstring, wire
from pcare_bridge.client import Credentials, Options, PCareClient
from pcare_bridge.envelope import field_messages, read_envelope
from pcare_bridge.errors import Handling, classify
from pcare_bridge.simulator import codec

pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")


@pytest.fixture(scope="module")
def vectors(shared_dir: Path) -> dict[str, Any]:
    return json.loads((shared_dir / "pcare" / "vectors.json").read_text("utf-8"))


def keys_of(case: dict[str, Any]) -> dict[str, str]:
    return {name: case[name] for name in ("cons_id", "secret", "timestamp")}


def test_both_sides_sign_as_published(vectors: dict[str, Any]) -> None:
    for case in vectors["signature"]:
        keys = keys_of(case)
        assert wire.signature(**keys) == case["x_signature"], case["name"]
        assert codec.sign(**keys) == case["x_signature"], case["name"]
        assert codec.signature_matches(case["x_signature"], **keys)
        assert not codec.signature_matches(case["x_signature"], **(keys | {"timestamp": keys["timestamp"] + "1"}))


def test_the_authorization_carries_three_parts_and_survives_colons(vectors: dict[str, Any]) -> None:
    for case in vectors["authorization"]:
        if case.get("valid_request") is False:
            assert codec.split_authorization(case["x_authorization"]) is None, case["name"]
            continue
        parts = (case["username"], case["password"], case["kd_aplikasi"])
        assert wire.authorization(*parts) == case["x_authorization"], case["name"]
        assert codec.split_authorization(case["x_authorization"]) == parts, case["name"]


def test_lzstring_texts_are_the_published_ones(vectors: dict[str, Any]) -> None:
    for case in vectors["lzstring"]:
        assert codec.pack(case["text"]) == case["encoded_uri_component"]
        assert lzstring.decompress(case["encoded_uri_component"]) == case["text"]
        assert codec.unpack(case["encoded_uri_component"]) == case["text"]


def test_encrypted_responses_open_in_the_client_and_come_out_of_the_simulator(vectors: dict[str, Any]) -> None:
    for case in vectors["encrypted_response"]:
        keys = keys_of(case)
        expected = json.loads(case["plaintext_json"])
        assert wire.decode_response(case["response_base64"], **keys) == expected, case["name"]
        assert codec.encrypt(case["plaintext_json"], **keys) == case["response_base64"], case["name"]
        assert codec.decrypt(case["response_base64"], **keys) == expected, case["name"]
        if "http_body" in case:
            envelope = read_envelope(case["http_body"])
            assert envelope is not None
            assert envelope.code in (200, 201)
            assert wire.decode_response(envelope.response, **keys) == expected


def test_spoiled_responses_fail_in_their_layer_and_never_give_a_partial_result(vectors: dict[str, Any]) -> None:
    layers = {
        "truncated ciphertext": {"aes"},
        "last block missing": {"aes", "lzstring", "json"},
        "not base64": {"base64", "aes"},
        "decrypts but is not LZString text": {"lzstring"},
        "decrypts and decompresses but is not JSON": {"json"},
    }
    for case in vectors["must_fail"]:
        keys = keys_of(case)
        if case["response_base64"] == "":
            assert wire.decode_response("", **keys) is None
            assert codec.decrypt("", **keys) is None
            continue
        with pytest.raises(wire.DecodeError) as caught:
            wire.decode_response(case["response_base64"], **keys)
        assert caught.value.layer in layers.get(case["name"], {"aes", "lzstring", "json"}), case["name"]
        with pytest.raises(codec.Unreadable):
            codec.decrypt(case["response_base64"], **keys)


def test_plain_envelopes_are_read_as_described(vectors: dict[str, Any], one_answer: Any) -> None:
    for case in vectors["plain_envelopes"]:
        reply = one_answer(case["http_body"])
        expected = case["expected"]
        if expected.get("transient"):
            error = classify(reply)
            assert error is not None
            assert error.handling is Handling.RETRY, case["name"]
            continue
        assert reply.code == expected["code"], case["name"]
        assert reply.not_found == expected.get("not_found", False)
        if "errors" in expected:
            assert [item._asdict() for item in reply.errors] == expected["errors"]
        if expected.get("pass_through"):
            assert reply.payload == json.loads(case["http_body"])["response"]


def test_the_request_headers_are_the_published_ones(vectors: dict[str, Any]) -> None:
    for case in vectors["request_headers"]:
        credentials = Credentials(
            case["cons_id"], case["secret"], case["user_key"], case["username"], case["password"], case["kd_aplikasi"]
        )
        with PCareClient("http://127.0.0.1:9", credentials, Options()) as client:
            sent = client.headers(case["timestamp"])
        assert {name: sent[name] for name in case["headers"]} == case["headers"]


def test_hmac_primitive_is_the_published_example(vectors: dict[str, Any]) -> None:
    import base64
    import hmac

    for case in vectors["hmac_primitive"]:
        digest = hmac.new(case["key"].encode(), case["message"].encode(), hashlib.sha256).digest()
        assert base64.b64encode(digest).decode() == case["base64"]


names = st.text(
    alphabet=st.one_of(
        st.sampled_from(string.ascii_letters + " '.-"),
        st.characters(min_codepoint=0xA980, max_codepoint=0xA9DF, categories=["L", "M", "N"]),
        st.characters(min_codepoint=0x1F300, max_codepoint=0x1FAFF),
        st.characters(min_codepoint=0x20000, max_codepoint=0x2A6DF),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=80,
)
documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | names,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(names, inner, max_size=6),
    max_leaves=30,
)
secrets_text = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)


@settings(max_examples=150, deadline=None)
@given(document=documents, secret=secrets_text, timestamp=st.integers(0, 4_000_000_000))
def test_what_the_simulator_seals_the_client_opens(document: Any, secret: str, timestamp: int) -> None:
    keys = {"cons_id": "00123", "secret": secret, "timestamp": str(timestamp)}
    sealed = codec.encrypt(json.dumps(document, ensure_ascii=False), **keys)
    assert wire.decode_response(sealed, **keys) == document
    other = keys | {"timestamp": str(timestamp + 1)}
    with pytest.raises(wire.DecodeError):
        wire.decode_response(sealed, **other)


@settings(max_examples=150, deadline=None)
@given(text=names)
def test_both_lzstring_implementations_agree_on_any_text(text: str) -> None:
    packed = codec.pack(text)
    assert lzstring.decompress(packed) == codec.unpack(packed) == text
    assert lzstring.decompress(packed.replace("+", " ")) == text


@settings(max_examples=200, deadline=None)
@given(noise=st.text(st.sampled_from(lzstring.ALPHABET), max_size=200))
def test_any_noise_in_the_alphabet_is_text_or_a_clean_error(noise: str) -> None:
    try:
        text = lzstring.decompress(noise, max_units=100_000)
    except lzstring.LZStringError:
        return
    assert isinstance(text, str) and len(text) <= 100_000


def test_a_small_text_that_expands_past_the_cap_is_refused() -> None:
    bomb = codec.pack("x" * 200_000)
    assert len(bomb) < 2_000
    with pytest.raises(lzstring.LZStringError, match="larger"):
        lzstring.decompress(bomb, max_units=100_000)


def test_half_a_surrogate_pair_and_foreign_characters_are_refused() -> None:
    with pytest.raises(lzstring.LZStringError):
        lzstring.decompress(codec.pack("\ud83d"))
    for foreign in ("N4Ig=", "N4Ig/", "N4Igé", "\n"):
        with pytest.raises(lzstring.LZStringError):
            lzstring.decompress(foreign)


def test_not_a_number_is_not_json() -> None:
    keys = {"cons_id": "1", "secret": "s", "timestamp": "1"}
    with pytest.raises(wire.DecodeError) as caught:
        wire.decode_response(codec.encrypt('{"a": NaN}', **keys), **keys)
    assert caught.value.layer == "json"
    assert "NaN" not in str(caught.value)


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (None, []),
        ("", []),
        ("teks", [("", "teks")]),
        ({"field": "a", "message": "b"}, [("a", "b")]),
        ({"message": "b"}, [("", "b")]),
        ([{"field": "a", "message": None}, "x"], [("a", ""), ("", "x")]),
    ],
)
def test_remarks_come_in_any_shape(response: Any, expected: list[tuple[str, str]]) -> None:
    assert [tuple(item) for item in field_messages(response)] == expected


@pytest.mark.parametrize("code", ["dua ratus", None, True, 200.5, [], "2 00", "٢٠٠", -1e400])
def test_an_envelope_whose_code_is_no_whole_number_is_malformed(code: Any) -> None:
    body = json.dumps({"response": None, "metaData": {"code": code}}).replace("-Infinity", '"x"')
    assert read_envelope(body) is None
