"""The very first step on a fresh machine, before anything is installed."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def bootstrap(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "tools" / "bootstrap.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name, path in {"VENV": "", "PYTHON": "bin/python", "STAMP": "installed"}.items():
        monkeypatch.setattr(module, name, tmp_path / "venv" / path)
    monkeypatch.setattr(module.shutil, "which", lambda _name: None)
    monkeypatch.delenv("UV", raising=False)
    return module


def test_it_uses_the_standard_library_only():
    script = f"import sys; sys.path.insert(0, {str(ROOT / 'tools')!r}); import bootstrap; print('ok')"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout == "ok\n", done.stderr


def test_a_python_without_venv_is_one_sentence_that_offers_uv(bootstrap, monkeypatch):
    monkeypatch.setattr(bootstrap.importlib.util, "find_spec", lambda name: None if name == "ensurepip" else object())
    with pytest.raises(SystemExit) as stop:
        bootstrap.make_venv(None)
    assert "python3-venv" in str(stop.value)
    assert "uv" in str(stop.value)


def test_an_old_python_is_one_sentence(bootstrap, monkeypatch):
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 10, 4))
    monkeypatch.setattr(bootstrap.sys, "argv", ["bootstrap.py", "run"])
    with pytest.raises(SystemExit) as stop:
        bootstrap.main()
    assert "Perlu Python 3.11" in str(stop.value)


def test_a_second_call_installs_nothing_until_the_lock_changes(bootstrap, monkeypatch):
    installed = []
    monkeypatch.setattr(bootstrap, "install", installed.append)
    monkeypatch.setattr(bootstrap, "runs", lambda _python: True)
    bootstrap.VENV.mkdir()
    (bootstrap.VENV / "bin").mkdir()
    bootstrap.PYTHON.touch()
    bootstrap.once("runtime")
    assert installed == ["runtime"]
    bootstrap.STAMP.write_text(bootstrap.lock_hash("dev"))
    bootstrap.once("runtime")  # the development set contains the runtime set
    bootstrap.once("dev")
    assert installed == ["runtime"]
    bootstrap.STAMP.write_text(bootstrap.lock_hash("runtime"))
    bootstrap.once("dev")
    assert installed == ["runtime", "dev"]
