"""What reaches a log line, whoever writes it."""

import io
import json
import logging
import logging.config

import pytest
import structlog

from core import logs


@pytest.fixture
def lines():
    """Write through the production configuration; returns a function that gives the parsed lines."""
    before = structlog.get_config()
    config = logs.configure(json=True)
    stream = io.StringIO()
    formatter = config["formatters"]["lines"]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter["()"](**{name: value for name, value in formatter.items() if name != "()"}))
    logger = logging.getLogger("test.logs")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logger.removeHandler(handler)
    structlog.configure(**before)


def test_numbers_that_identify_a_person_are_masked(lines):
    logger = logging.getLogger("test.logs")
    logger.info("gagal untuk 9974011234569001", extra={"phone": "+6281234567890", "nik": 9974011234569001})
    structlog.get_logger("test.logs").info("cari", daftar=["081234567890"], dalam={"nik": "9974011234569001"})
    text = json.dumps(lines(), ensure_ascii=False)
    assert "9974011234569001" not in text
    assert "81234567890" not in text
    assert "••01" in text


def test_an_exception_that_quotes_a_number_is_masked_too(lines):
    try:
        raise ValueError("Key (nik)=(9974011234569001) already exists")
    except ValueError:
        logging.getLogger("test.logs").exception("rusak")
    (line,) = lines()
    assert "ValueError" in line["exception"]
    assert "9974011234569001" not in line["exception"]


def test_queries_and_random_links_stay_out(lines):
    structlog.get_logger("test.logs").info(
        "request_started", request="GET /sertifikat/a8Jh2kLmN0pQrStUvWxYz/?kode=123456"
    )
    (line,) = lines()
    assert line["request"] == "GET /sertifikat/…/"


def test_what_helps_to_find_a_fault_stays(lines):
    request_id = "3b70f997-08d4-4aad-840c-c0018c905c4f"
    structlog.get_logger("test.logs").info("x", request_id=request_id, path=f"/keluarga/{request_id}/", angka=503875)
    (line,) = lines()
    assert line["request_id"] == request_id
    assert line["path"] == f"/keluarga/{request_id}/"
    assert line["angka"] == 503875
    assert line["level"] == "info"
    assert line["timestamp"].endswith("Z")
