"""Certificates of the world through the one door: every published case gives exactly its verdict."""

import io

import pytest
import zxingcpp
from PIL import Image, UnidentifiedImageError

from certificates.verifying import verify_text
from tests.certificates import worldcodes


def test_every_published_case_gives_exactly_its_verdict(shared_dir):
    rows = worldcodes.rows(shared_dir)
    found = {row.file: verify_text(row.text, ring=row.ring, now=row.now).verdict for row in rows}
    assert len(rows) == 72
    assert found == {row.file: row.verdict for row in rows}


def test_the_one_broken_picture_cannot_be_read(shared_dir):
    pictures = [row.picture for row in worldcodes.rows(shared_dir) if row.picture]
    assert len(pictures) == 1
    with pytest.raises((UnidentifiedImageError, LookupError)):
        zxingcpp.read_barcodes(Image.open(io.BytesIO(pictures[0])).convert("L"))[0]
