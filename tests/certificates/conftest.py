"""Keys are files and outlive the rolled-back database: every test gets a folder of its own."""

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _own_keys(settings: Any, tmp_path: Path) -> None:
    settings.STATE_DIR = tmp_path / "state"
