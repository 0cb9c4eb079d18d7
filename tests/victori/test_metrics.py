"""The folder of the worker's figures: nobody can foresee its name, read it, or stop the worker with it."""

import stat
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PREPARE = "import os; from victori import metrics; metrics.prepare(); print(os.environ['PROMETHEUS_MULTIPROC_DIR'])"


def prepared(folder: Path) -> Path:
    """The folder a worker chooses that is then killed; `folder` stands for /tmp."""
    env = {"TMPDIR": str(folder), "METRICS_PORT": "9100"}
    command = [sys.executable, "-c", PREPARE, "worker"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    return Path(done.stdout.strip())


def test_a_killed_workers_folder_goes_with_the_next_start(tmp_path: Path) -> None:
    first = prepared(tmp_path)
    (first / "counter_1.db").write_bytes(b"1")
    second = prepared(tmp_path)
    assert list(tmp_path.iterdir()) == [second]
    assert second != first
    assert stat.S_IMODE(second.stat().st_mode) == 0o700


def test_what_somebody_else_put_there_neither_stops_the_worker_nor_is_followed(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "letter").write_text("kept")
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp" / "victori-metrics-9100-").symlink_to(theirs)
    mine = prepared(tmp_path / "tmp")
    assert mine.is_dir()
    assert (theirs / "letter").read_text() == "kept"
