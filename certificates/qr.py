"""QR codes as SVG, in the segments each format asks for."""

import base64
import io
import re
import struct
import zlib
from functools import lru_cache
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


# --- as pixels -----------------------------------------------------------------------------------------------------

_PATH = re.compile(r'viewBox="0 0 (\d+) \1".*? d="M4 4\.5h([^"]+)"')
_IMAGE = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 {size} {size}">'
    '<image width="{size}" height="{size}" image-rendering="optimizeSpeed" '
    'xlink:href="data:image/png;base64,{address}"/></svg>'
)
_PNG_HEAD = b"\x89PNG\r\n\x1a\n"
_GREY = (8, 0, 0, 0, 0)  # bits of a pixel, kind of colour, and the only method of each of three
_SHADE = bytes.maketrans(b"\0\1", b"\xff\0")


def pixels(svg: str) -> str:
    """The same picture as an SVG that holds one image, a pixel a module; what is not from `svg` comes back as it is.

    A PDF keeps an image once however often it is drawn, and a path of two thousand lines for each time. Between the
    modules there is nothing to smooth, so it is as sharp on any printer.
    """
    found = _PATH.search(svg)
    if found is None:
        return svg
    size = int(found[1])
    try:
        rows = _rows(found[2], size)
    except ValueError:
        return svg
    lines = b"".join(b"\0" + row.translate(_SHADE) for row in rows)  # each begins with "no filter"
    png = _PNG_HEAD + b"".join(
        _chunk(kind, data)
        for kind, data in (
            (b"IHDR", struct.pack(">2I5B", size, size, *_GREY)),
            (b"IDAT", zlib.compress(lines, 1)),
            (b"IEND", b""),
        )
    )
    return _IMAGE.format(size=size, address=base64.b64encode(png).decode())


def _rows(path: str, size: int) -> list[bytes]:
    """A byte a module, 1 where it is dark. `path` is horizontal runs with gaps between, as segno draws them.

    Raises ValueError for any other.
    """
    rows, end = [bytes(size)] * BORDER, BORDER
    # The only way back is to the next row: `m-85 1h`.
    for position, part in enumerate(path.split("m-")):
        if position:
            step, _, part = part.partition("h")
            back, _, down = step.partition(" ")
            end -= int(back)
            rows += [bytes(size)] * (int(down) - 1)
        row = bytes(end) + b"".join(map(_run, part.split("h")))
        end = len(row)
        rows.append(row.ljust(size, b"\0"))
    rows += [bytes(size)] * (size - len(rows))
    if any(len(row) != size for row in rows) or len(rows) != size:
        raise ValueError("larger than its frame")
    return rows


@lru_cache(maxsize=1024)  # there are a few dozen of them
def _run(text: str) -> bytes:
    """A run and the gap after it: `7m1 0`, or `7` at the end of a row."""
    dark, _, gap = text.partition("m")
    light, _, down = gap.partition(" ")
    if gap and down != "0":
        raise ValueError("not a gap in the row")
    return b"\1" * int(dark) + bytes(int(light or 0))


def _chunk(kind: bytes, data: bytes) -> bytes:
    """A part of a PNG file: length, kind, content, checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
