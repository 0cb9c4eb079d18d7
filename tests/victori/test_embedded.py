"""The embedded servers: what they promise, and what they survive."""

import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import environ
import psycopg2
import pytest

from victori import embedded, launcher


def test_redis_answers(redis_client):
    assert redis_client.ping()


def test_postgres_is_eighteen():
    config = environ.Env.db_url_config(os.environ["DATABASE_URL"])
    connection = psycopg2.connect(host=config["HOST"], user=config["USER"], dbname=config["NAME"])
    with contextlib.closing(connection):
        assert connection.server_version // 10000 == 18


def test_postgres_starts_although_its_pid_file_names_a_stranger_that_lives(tmp_path):
    sockets = embedded.socket_folder(tmp_path)
    server = embedded.Postgres(tmp_path / "data", sockets, tmp_path / "log", durable=False)
    server.start()
    try:
        config = environ.Env.db_url_config(server.url)
        assert (config["HOST"], config["NAME"], config["USER"]) == (str(sockets), "victori", "victori")
        uid = int(next(line for line in status_of(server.process.pid) if line.startswith("Uid:")).split()[1])
        assert uid != 0
        server.process.kill()
        server.process.wait()
        pid_file = tmp_path / "data" / "postmaster.pid"
        lines = pid_file.read_text().splitlines() if pid_file.exists() else [""] * 8
        pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]))
        server.start()
    finally:
        server.stop()


def status_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/status").read_text().splitlines()


def test_a_long_folder_gets_a_short_private_one_for_sockets(tmp_path):
    long = tmp_path / ("x" * 100)
    long.mkdir()
    folder = embedded.socket_folder(long)
    try:
        assert len(str(folder)) + len(embedded.LONGEST_SOCKET_NAME) <= embedded.SOCKET_ADDRESS_LIMIT
        assert oct(folder.stat().st_mode)[-3:] == "700"
    finally:
        folder.rmdir()


def test_leftovers_are_ended_and_strangers_left_alone(tmp_path):
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    ours = subprocess.Popen(sleep, env=os.environ | {embedded.OWNER: str(tmp_path)})
    other = subprocess.Popen(sleep, env=os.environ | {embedded.OWNER: f"{tmp_path}-lain"})
    try:
        # The mark shows once the child has become the program.
        while not list(embedded.owned_processes(tmp_path)):
            assert ours.poll() is None
        killer = threading.Thread(target=embedded.end_leftovers, args=(tmp_path,))
        killer.start()
        assert ours.wait(60) == -9
        killer.join(60)
        assert not killer.is_alive()
        assert other.poll() is None
    finally:
        for process in (ours, other):
            process.kill()
            process.wait()


def test_without_any_redis_one_sentence_says_what_to_do(monkeypatch):
    monkeypatch.setattr(embedded.importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setattr(embedded.shutil, "which", lambda _name: None)
    with pytest.raises(embedded.ServerError, match="beri REDIS_URL"):
        embedded.redis_program()
    with pytest.raises(embedded.ServerError, match="DATABASE_URL"):
        embedded.postgres_bin()


def test_an_unsupported_platform_is_one_sentence(monkeypatch):
    monkeypatch.setattr(launcher.sys, "platform", "win32")
    with pytest.raises(embedded.ServerError, match="tidak didukung: pakai Linux"):
        launcher.require_platform()
