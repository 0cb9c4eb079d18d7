"""nginx with the project's own configuration, and gunicorn with production settings, as processes of a test."""

import contextlib
import datetime
import http.client
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ROOT = Path(__file__).resolve().parents[2]
HOST = "vaksin.example.go.id"
# Only our own files: the admin's three hundred would take most of the time of a test.
FOREIGN_STATIC = ("admin", "rest_framework", "django_htmx", "allauth", "mfa")


def unused_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when somebody listens; fail with the log when the process ends before."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def production(folder: Path, port: int, **more: str) -> dict[str, str]:
    """The environment of an installation behind nginx on the servers that os.environ or `more` names."""
    return (
        {name: value for name, value in os.environ.items() if name != "STATICFILES_BACKEND"}
        | {
            "DEMO": "0",
            "HTTPS": "1",
            "BEHIND_PROXY": "1",
            "ALLOWED_HOSTS": HOST,
            "PUBLIC_BASE_URL": f"https://{HOST}",
            "STATIC_ROOT": str(folder / "static"),
            "PUBLIC_COPY_DIR": str(folder / "copy"),
            "BIND": f"127.0.0.1:{port}",
            "WEB_KEEPALIVE": "75",
            "WEB_WORKERS": "2",
            "QUEUE_LIMIT": "400",  # the gate decides, not the process
            "PYTHONPATH": str(ROOT),
        }
        | more
    )


def collect_static(env: dict[str, str]) -> None:
    """Collect the project's own static files."""
    ignored = [word for name in FOREIGN_STATIC for word in ("-i", name)]
    command = [sys.executable, "manage.py", "collectstatic", "--no-input", *ignored]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


class Gunicorn:
    """The web process; can be stopped, killed and started again on the same port."""

    def __init__(self, env: dict[str, str], log: Path, app: str = "victori.wsgi") -> None:
        self.env, self.log, self.app = env, log, app
        self.port = int(env["BIND"].rpartition(":")[2])
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it listens."""
        command = [sys.executable, "-m", "gunicorn", "-c", "python:victori.gunicorn_conf", self.app]
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.env, stdout=output, stderr=output)
        wait_for_port(self.port, self.process, self.log)

    def workers(self) -> list[int]:
        """Process ids of the workers."""
        assert self.process
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def stop(self, sig: int = signal.SIGTERM) -> None:
        """End it with `sig`, whatever is in flight; its workers with it."""
        if self.process is None:
            return
        workers = self.workers() if self.process.poll() is None else []
        self.process.send_signal(sig)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(15)
        for pid in [*workers, self.process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.process = None


def write_certificate(folder: Path) -> None:
    """A certificate of nobody, for one day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir()
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


class Nginx:
    """One running nginx with deploy/nginx/nginx.conf and portal.conf.template; only paths and ports are replaced.

    `values` replace variables of the template, e.g. `GATE_IN_FLIGHT="20"`.
    """

    def __init__(self, program: str, folder: Path, web_port: int, static: Path, copy: Path, **values: str) -> None:
        folder.mkdir()
        folder.chmod(0o755)
        self.folder, self.http, self.https = folder, unused_port(), unused_port()
        write_certificate(folder / "tls")
        for name in ("conf.d", "temp"):
            (folder / name).mkdir()
        self.access_log, self.error_log = folder / "access.log", folder / "error.log"
        self._write_portal(web_port, static, copy, values)
        self._write_main()
        self.command = [program, "-p", str(folder), "-c", str(folder / "nginx.conf")]
        checked = subprocess.run([*self.command, "-t"], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr
        self.log = folder / "output"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen([*self.command, "-g", "daemon off;"], stdout=output, stderr=output)
        wait_for_port(self.https, self.process, self.log)

    def _write_portal(self, web_port: int, static: Path, copy: Path, values: dict[str, str]) -> None:
        given = {
            "WEB_ADDRESS": f"127.0.0.1:{web_port}",
            "HTTP_LISTEN": f"127.0.0.1:{self.http}",
            "HTTPS_LISTEN": f"127.0.0.1:{self.https}",
            "GATE_LISTEN": f"127.0.0.1:{unused_port()}",
            "GATE_IN_FLIGHT": "100",
            "GATE_STAFF": "60",
            "GATE_POLLS": "60",
            "GATE_PAGES": "60",
            "STATIC_ROOT": str(static),
            "COPY_FOLDER": str(copy),
            "CACHE_FOLDER": str(self.folder / "cache"),
            "TLS_FOLDER": str(self.folder / "tls"),
            "PAGES_FOLDER": str(ROOT / "deploy/nginx/pages"),
            "ACCESS_LOG": str(self.access_log),
        }
        text = (ROOT / "deploy/nginx/portal.conf.template").read_text()
        for name, value in (given | values).items():
            text = text.replace("${" + name + "}", value)
        (self.folder / "conf.d" / "portal.conf").write_text(text)

    def _write_main(self) -> None:
        text = (ROOT / "deploy/nginx/nginx.conf").read_text()
        user = "user root;" if os.geteuid() == 0 else ""  # the files of a test are readable by its user only
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = "".join(f"{kind}_temp_path {self.folder / 'temp' / kind};\n" for kind in kinds)
        for old, new in (
            ("user nginx;", user),
            ("/var/run/nginx.pid", str(self.folder / "nginx.pid")),
            ("/var/log/nginx/error.log", str(self.error_log)),
            ("include /etc/nginx/conf.d/*.conf;", f"{temporary} include {self.folder}/conf.d/*.conf;"),
            ("worker_rlimit_nofile 65536;", ""),
            ("worker_connections 32768;", "worker_connections 8192;"),
        ):
            assert old in text, old
            text = text.replace(old, new)
        (self.folder / "nginx.conf").write_text(text)

    def connect(self, timeout: float = 20) -> http.client.HTTPSConnection:
        """A new connection that believes the certificate."""
        context = ssl._create_unverified_context()
        return http.client.HTTPSConnection("127.0.0.1", self.https, context=context, timeout=timeout)

    def get(
        self, path: str, method: str = "GET", body: bytes | None = None, timeout: float = 20, **headers: str
    ) -> http.client.HTTPResponse:
        """One request on a connection of its own."""
        connection = self.connect(timeout)
        connection.request(method, path, body=body, headers={"Host": HOST} | headers)
        return connection.getresponse()

    def logged(self) -> str:
        """The access log, once its buffer is written."""
        time.sleep(1.3)
        return self.access_log.read_text()

    def reload(self) -> None:
        """What an operator does after a change: old processes finish, new ones take over."""
        subprocess.run([*self.command, "-s", "reload"], check=True, capture_output=True)

    def stop(self) -> None:
        """Fast shutdown."""
        self.process.terminate()
        self.process.wait(10)


class Site:
    """nginx, gunicorn, collected static files, and the folder of the copy."""

    def __init__(self, program: str, folder: Path, env: dict[str, Any], **values: str) -> None:
        self.env, self.static, self.copy = env, Path(env["STATIC_ROOT"]), Path(env["PUBLIC_COPY_DIR"])
        self.gunicorn = Gunicorn(env, folder / "gunicorn.log")
        self.gunicorn.start()
        self.nginx = Nginx(program, folder / "proxy", self.gunicorn.port, self.static, self.copy, **values)
        self.get = self.nginx.get

    def direct(self, path: str, **headers: str) -> http.client.HTTPResponse:
        """The same request past nginx."""
        connection = http.client.HTTPConnection("127.0.0.1", self.gunicorn.port, timeout=20)
        connection.request("GET", path, headers={"Host": HOST, "X-Forwarded-Proto": "https"} | headers)
        return connection.getresponse()

    def stop(self) -> None:
        """Stop both."""
        self.nginx.stop()
        self.gunicorn.stop()
