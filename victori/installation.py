"""One installation on this machine: its folder, its lock, its secrets, and the servers that live in it.

`make run` and manage.py meet here. Whoever holds the lock of STATE_DIR owns the embedded servers; everyone else reads
`servers.json` and uses them. Nothing here imports Django: it runs before the settings are read.
"""

import base64
import contextlib
import fcntl
import json
import os
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from victori.embedded import OWNER, Postgres, Redis, ServerError, end_leftovers, postgres_bin, socket_folder

ROOT = Path(__file__).resolve().parent.parent
SECRETS = ("SECRET_KEY", "FIELD_KEY", "INDEX_KEY")
# Commands that never open the database; they get the environment but no servers.
WITHOUT_SERVERS = {
    *("help", "version", "check", "collectstatic", "findstatic", "diffsettings", "makemessages", "compilemessages"),
    *("makemigrations", "pcare_simulator", "data_dictionary", "spectacular", "startapp", "sqlmigrate"),
}
WAIT_FOR_OWNER_SECONDS = 90


def demo_by_default() -> bool:
    """Without a database server of the operator's own, this is a trial."""
    return not os.environ.get("DATABASE_URL")


def in_demo() -> bool:
    """Whether DEMO asks for the trial mode, which may generate its own secrets."""
    return os.environ.get("DEMO", "").lower() in ("1", "true", "yes", "on")


class Busy(ServerError):
    """Another process holds the installation."""


class Installation:
    """The folder STATE_DIR and what runs in it. Use `hold()` to own it."""

    def __init__(self, state_dir: Path | None = None) -> None:
        given = os.environ.get("STATE_DIR")
        self.state_dir = (state_dir or (Path(given) if given else ROOT / ".run")).resolve()
        self.postgres: Postgres | None = None
        self.redis: Redis | None = None
        self.sockets: Path | None = None
        self._lock: int | None = None

    # --- folder, secrets ---

    def prepare_folder(self) -> None:
        """Make the folder and prove that it can be written. Raises ServerError."""
        try:
            (self.state_dir / "logs").mkdir(parents=True, exist_ok=True)
            probe = self.state_dir / f".tulis-{os.getpid()}"
            probe.write_bytes(b"0" * 65536)
            probe.unlink()
        except OSError as error:
            raise ServerError(
                f"Folder {self.state_dir} tidak dapat ditulisi ({error.strerror}): perbaiki haknya, kosongkan disk, "
                "atau isi STATE_DIR dengan folder lain."
            ) from None
        self._require_ours()

    def _require_ours(self) -> None:
        """A trial begun by root cannot go on as somebody else. Raises ServerError."""
        wanted = [(self.state_dir / name, os.R_OK) for name in ("secrets.env", "postgres")]
        wanted += [(log, os.W_OK) for log in self.state_dir.glob("logs/*")]
        for path, right in wanted:
            if path.exists() and not os.access(path, right):
                raise ServerError(
                    f"{path} milik pengguna lain: jalankan sebagai pengguna itu, atau isi STATE_DIR dengan folder lain."
                )

    def load_secrets(self) -> None:
        """Put the secrets into the environment; in demo mode make them once. Raises ServerError in production."""
        missing = [name for name in SECRETS if not os.environ.get(name)]
        if not missing:
            return
        if not in_demo():
            raise ServerError(
                f"{', '.join(missing)} belum diisi: mode produksi memerlukan rahasia dari lingkungan "
                "(docs/operations.md); untuk uji coba pakai DEMO=1."
            )
        self.prepare_folder()  # also proves that the files are ours to read
        file = self.state_dir / "secrets.env"
        if not file.exists():
            values = {
                "SECRET_KEY": secrets.token_urlsafe(50),
                "FIELD_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
                "INDEX_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
                "PCARE_SIMULATOR_TOKEN": secrets.token_urlsafe(24),
            }
            fresh = file.with_suffix(f".{os.getpid()}")
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as output:
                output.write("".join(f"{name}={value}\n" for name, value in values.items()))
            with contextlib.suppress(FileExistsError):
                os.link(fresh, file)  # first one wins when two start at once
            fresh.unlink()
        for line in file.read_text().splitlines():
            name, _, value = line.partition("=")
            os.environ[name] = os.environ.get(name) or value

    # --- lock ---

    def lock(self, purpose: str) -> None:
        """Own the installation until `release`; raises Busy with one sentence that names the holder."""
        path = self.state_dir / "lock"
        while True:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                holder = os.read(handle, 200).decode(errors="replace").strip() or "proses lain"
                os.close(handle)
                raise Busy(
                    f"{self.state_dir} sedang dipakai ({holder}): hentikan dulu, atau isi STATE_DIR lain."
                ) from None
            # The previous holder may have removed the file between our open and our lock.
            with contextlib.suppress(FileNotFoundError):
                if os.fstat(handle).st_ino == path.stat().st_ino:
                    break
            os.close(handle)
        os.ftruncate(handle, 0)
        os.write(handle, f"{purpose}, pid {os.getpid()}\n".encode())
        self._lock = handle

    def release(self) -> None:
        """Give the installation up."""
        if self._lock is not None:
            (self.state_dir / "users").unlink(missing_ok=True)
            (self.state_dir / "lock").unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    @contextlib.contextmanager
    def users(self, how: int) -> Iterator[bool]:
        """Shared: this command uses another's servers. Exclusive: nobody does any more. Yields whether granted."""
        handle = os.open(self.state_dir / "users", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, how)
            yield True
        except BlockingIOError:
            yield False
        finally:
            os.close(handle)

    # --- servers ---

    @property
    def servers_file(self) -> Path:
        """Where the running servers are described for other processes."""
        return self.state_dir / "servers.json"

    def start_servers(self) -> None:
        """Start whichever server is not given from outside; needs the lock. Puts the URLs into the environment."""
        os.environ[OWNER] = str(self.state_dir)
        end_leftovers(self.state_dir)
        self._remove_stale_sockets()
        logs = self.state_dir / "logs"
        own_database, own_redis = not os.environ.get("DATABASE_URL"), not os.environ.get("REDIS_URL")
        if not (own_database or own_redis):
            return
        self.sockets = socket_folder(self.state_dir)
        self.describe(ready=False)
        if own_database:
            self.postgres = Postgres(self.state_dir / "postgres", self.sockets, logs / "postgres.log")
            self.postgres.start()
            os.environ["DATABASE_URL"] = self.postgres.url
        if own_redis:
            self.redis = Redis(self.state_dir / "redis", self.sockets, logs / "redis.log")
            self.redis.start()
            os.environ["REDIS_URL"] = self.redis.url

    def describe(self, *, ready: bool) -> None:
        """Write servers.json: where other processes find the servers."""
        names = ("DATABASE_URL", "REDIS_URL", "PCARE_BASE_URL", "SATUSEHAT_BASE_URL", "SATUSEHAT_OAUTH_URL")
        description = {
            "ready": ready,
            "sockets": str(self.sockets) if self.sockets else "",
            "environment": {name: os.environ[name] for name in names if ready and os.environ.get(name)},
        }
        fresh = self.servers_file.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(description))
        fresh.rename(self.servers_file)

    def described(self) -> dict[str, Any]:
        """What servers.json says; empty when there is none."""
        try:
            return dict(json.loads(self.servers_file.read_text()))
        except (OSError, ValueError):
            return {}

    def stop_servers(self) -> None:
        """Stop both and leave no socket behind; nothing when the installation is somebody else's."""
        if self._lock is None:
            return
        self.servers_file.unlink(missing_ok=True)
        if self.redis:
            self.redis.stop()
        if self.postgres:
            self.postgres.stop()
        if self.sockets:
            shutil.rmtree(self.sockets, ignore_errors=True)

    def _remove_stale_sockets(self) -> None:
        stale = self.described().get("sockets")
        # Only folders we make ourselves: never trust a path in a file further than its name.
        if stale and Path(stale).name.startswith(("victori-", "sockets")):
            shutil.rmtree(stale, ignore_errors=True)
        self.servers_file.unlink(missing_ok=True)


def _needs_no_database(command: str, arguments: set[str]) -> bool:
    if command == "verify_certificate":
        return "--certificate" in arguments  # the key is given, so nothing is looked up
    return command in WITHOUT_SERVERS or command.startswith("-") or bool({"-h", "--help"} & arguments)


@contextlib.contextmanager
def for_command(arguments: list[str]) -> Iterator[None]:
    """Surround one management command: environment complete, servers there, and gone afterwards if we started them."""
    os.environ.setdefault("DEMO", "1" if demo_by_default() else "0")
    installation = Installation()
    os.environ["STATE_DIR"] = str(installation.state_dir)
    installation.load_secrets()
    with contextlib.suppress(ServerError):
        os.environ["PATH"] = os.pathsep.join(
            [os.environ.get("PATH", os.defpath), str(postgres_bin())]
        )  # dbshell finds psql
    command = arguments[1] if len(arguments) > 1 else "help"
    if _needs_no_database(command, set(arguments)):
        os.environ.setdefault("DATABASE_URL", "postgres://victori@127.0.0.1:1/victori")  # nobody connects
        yield
        return
    if os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"):
        yield
        return
    with _own_or_join(installation, f"manage.py {command}"):
        yield


@contextlib.contextmanager
def _own_or_join(installation: Installation, purpose: str) -> Iterator[None]:
    installation.prepare_folder()
    deadline = time.monotonic() + WAIT_FOR_OWNER_SECONDS
    while True:
        try:
            installation.lock(purpose)
        except Busy:
            # Shared lock first, then look: an owner that is about to stop waits for us, or is gone when we look.
            with installation.users(fcntl.LOCK_SH):
                description = installation.described()
                if description.get("ready"):
                    for name, value in description["environment"].items():
                        os.environ.setdefault(name, value)
                    yield
                    return
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
            continue
        break
    try:
        installation.start_servers()
        installation.describe(ready=True)
        yield
    finally:
        _wait_for_users(installation)
        installation.stop_servers()
        installation.release()


def _wait_for_users(installation: Installation) -> None:
    """Do not pull the servers from under another command that joined ours."""
    installation.servers_file.unlink(missing_ok=True)  # no new ones
    with installation.users(fcntl.LOCK_EX | fcntl.LOCK_NB) as alone:
        if alone:
            return
    print("Menunggu perintah lain yang memakai server ini …", file=sys.stderr)
    with installation.users(fcntl.LOCK_EX):
        pass
