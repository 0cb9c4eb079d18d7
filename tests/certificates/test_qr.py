"""Codes as pictures: the pixels of the PDF are the modules of the page."""

import base64
import io
import re

import pytest
import segno
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pypdf import PdfReader

from certificates import pdf, qr, services
from tests.certificates.doses import make_dose


def modules(svg):
    """Rows of the image inside, dark is True."""
    image = Image.open(io.BytesIO(base64.b64decode(re.search(r'base64,([^"]+)"', svg)[1])))
    data, width = image.tobytes(), image.width
    return [[value == 0 for value in data[start : start + width]] for start in range(0, len(data), width)]


@given(st.text("ABCDEF0123456789", min_size=1, max_size=900), st.sampled_from("LQ"))
@settings(max_examples=60, deadline=None)
def test_a_pixel_stands_for_each_module(text, error):
    code = segno.make(text, error=error, micro=False, mask=qr.MASK)
    expected = [[bool(module) for module in row] for row in code.matrix_iter(scale=1, border=qr.BORDER)]
    assert modules(qr.pixels(qr.svg(code))) == expected


@pytest.mark.parametrize(
    "path",
    ["M4 4.5h7m1 1h2", "M4 4.5h", "M4 4.5h30", "M4 4.5h7m-7 90h1", "M4 4.5hx", "M5 5.5h7", "M4 4.5h7m-3h1", "M4 4.5v7"],
)
def test_a_picture_drawn_in_another_way_stays_as_it_is(path):
    svg = f'<svg viewBox="0 0 29 29"><path fill="#fff" d="M0 0h29v29h-29z"/><path stroke="#000" d="{path}"/></svg>'
    assert qr.pixels(svg) == svg
    assert qr.pixels("") == ""


@pytest.mark.django_db
def test_a_code_stands_in_the_file_once_and_is_drawn_on_page_and_card():
    reader = PdfReader(io.BytesIO(pdf.render(services.issue(make_dose().pk))))
    drawn = [image.indirect_reference.idnum for page in reader.pages for image in page.images]
    assert len(drawn) == 4
    assert len(set(drawn)) == 2
