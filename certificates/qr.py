"""QR codes as SVG, in the segments each format asks for."""

import io
from typing import Any

import segno
from segno.consts import MODE_BYTE, MODE_NUMERIC

from certificates import shc
from certificates.models import Certificate

BORDER = 4  # modules of quiet zone; less makes cheap readers fail
# Trying all eight masks is four fifths of the cost of a code. One mask is legal for any content.
MASK = 4


def hc1_code(text: str) -> segno.QRCode:
    """Alphanumeric, error correction Q, as the specification advises for paper."""
    return segno.make(text, mode="alphanumeric", error="q", boost_error=False, micro=False, mask=MASK)


def shc_code(jws: str) -> segno.QRCode:
    """A byte segment `shc:/` and a numeric one: eleven versions smaller than one byte segment."""
    segments: Any = [(shc.PREFIX, MODE_BYTE), (shc.qr_digits(jws), MODE_NUMERIC)]
    return segno.make(segments, error="l", boost_error=False, micro=False, mask=MASK)


def pictures(certificate: Certificate) -> tuple[str, str]:
    """SVG of the HC1 code (empty where there is none) and of the health card; made now if not kept with the row."""
    hc1 = certificate.hc1_svg or (svg(hc1_code(certificate.hc1)) if certificate.hc1 else "")
    return hc1, certificate.shc_svg or svg(shc_code(certificate.shc))


def svg(code: segno.QRCode) -> str:
    """Inline SVG without size, so that the page decides; dark on light also in dark mode."""
    out = io.BytesIO()
    code.save(out, kind="svg", border=BORDER, omitsize=True, xmldecl=False, svgclass=None, lineclass=None, light="#fff")
    return out.getvalue().decode("utf-8")
