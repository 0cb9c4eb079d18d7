"""base45 against the published examples and a second implementation."""

import base45 as library
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certificates import base45


@pytest.mark.parametrize(
    ("data", "text"),
    [(b"AB", "BB8"), (b"Hello!!", "%69 VD92EX0"), (b"base-45", "UJCLQE7W581"), (b"ietf!", "QED8WEX0"), (b"", "")],
)
def test_the_examples_of_the_standard(data, text):
    assert base45.encode(data) == text and base45.decode(text) == data


@given(st.binary(max_size=600))
def test_every_text_is_the_same_as_the_library_writes_and_comes_back(data):
    text = base45.encode(data)
    assert text.encode() == library.b45encode(data) and base45.decode(text) == data


def test_each_pair_of_bytes_is_the_characters_the_library_writes():
    data = b"".join(number.to_bytes(2, "big") for number in range(65536))
    text = base45.encode(data)
    assert text.encode() == library.b45encode(data) and base45.decode(text) == data


@given(st.text(alphabet=base45.ALPHABET + "aä_", max_size=30))
def test_what_the_library_refuses_is_refused_and_nothing_else(text):
    try:
        expected = library.b45decode(text)
    except ValueError:
        with pytest.raises(ValueError, match="not base45"):
            base45.decode(text)
    else:
        assert base45.decode(text) == expected
