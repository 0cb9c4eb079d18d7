import gzip
import re
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
import time_machine

from certificates import authority
from portal import public_copy
from tests.scheduling.world import booked, make_slot
from victori.celery import app

pytestmark = pytest.mark.django_db
MORNING = datetime(2026, 11, 23, 7, 58, tzinfo=ZoneInfo("Asia/Jakarta"))


def test_the_task_that_beat_sends_every_minute_writes_every_page(settings, tmp_path):
    settings.PUBLIC_COPY_DIR = tmp_path / "salinan"
    authority.ensure()
    entry = settings.CELERY_BEAT_SCHEDULE["public-copy"]
    assert entry["schedule"] <= 60

    app.loader.import_default_modules()  # as a worker does when it starts
    app.tasks[entry["task"]].run()

    names = {str(file.relative_to(settings.PUBLIC_COPY_DIR)) for file in settings.PUBLIC_COPY_DIR.rglob("*.*")}
    pages = {f"{code}/{name}.html" for code in ("id", "en") for name in (*public_copy.PAGES, "verifikasi")}
    plain = pages | {"revocations.jws", "kunci.json", "jam.txt"}
    assert names == plain | {f"{name}.gz" for name in plain}, "no half-written file is left"
    for name in plain:
        file = settings.PUBLIC_COPY_DIR / name
        assert gzip.decompress(file.with_name(file.name + ".gz").read_bytes()) == file.read_bytes()
        assert file.stat().st_mode & 0o444 == 0o444, "another user reads it"


def test_the_copy_says_its_time_and_how_full_it_was(tmp_path):
    with time_machine.travel(MORNING, tick=False):
        slot = make_slot(places=3)
        booked(slot)
        public_copy.write(tmp_path)

    page = (tmp_path / "id" / "jadwal.html").read_text()
    assert "Salinan per 07.58 WIB, Senin, 23 November 2026." in page
    assert "Pemesanan sedang tidak dapat dipakai." in page
    assert re.search(r"2 tempat\b", page)
    assert "Copy as of 07.58 WIB, Monday, 23 November 2026." in (tmp_path / "en" / "jadwal.html").read_text()
    assert (tmp_path / "jam.txt").read_text() == "07.58 WIB"


def test_a_broken_run_leaves_the_older_copy_with_its_older_time(tmp_path, monkeypatch):
    with time_machine.travel(MORNING, tick=False):
        make_slot()
        public_copy.write(tmp_path)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*.*")}

    def away():
        raise OSError("basis data tidak menjawab")

    monkeypatch.setattr(public_copy, "overview", away)
    with pytest.raises(OSError, match="tidak menjawab"):
        public_copy.write(tmp_path)
    assert {file: file.read_bytes() for file in tmp_path.rglob("*.*")} == before
