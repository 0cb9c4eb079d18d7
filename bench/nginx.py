"""The portal's nginx files, filled in for one run; only paths, ports and user are replaced, and TLS is taken off.

TLS costs the same on both sides of a ratio, so it would only hide what is compared; and a generator in Python would
spend its time on it.
"""

import os
import re
import shutil
from pathlib import Path

from victori.installation import ROOT

HOST = "vaksin.example.go.id"
# As docs/operations.md gives them for two cores.
GATE = {"GATE_IN_FLIGHT": "100", "GATE_STAFF": "60", "GATE_POLLS": "60", "GATE_PAGES": "60"}


class StackError(RuntimeError):
    """Something did not start; one sentence for the person at the terminal."""


def program() -> str:
    """The nginx of this system. Raises StackError."""
    found = os.environ.get("NGINX") or shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/sbin")
    if not found:
        raise StackError("nginx is not installed (Debian: apt-get install nginx-light)")
    return found


def prepare(folder: Path, *, port: int, web_port: int, free_port: int, files: Path) -> list[str]:
    """Write the configuration into `folder` and return the command; `files` is served below /static/."""
    folder.chmod(0o755)
    for name in ("conf.d", "temp", "copy"):
        (folder / name).mkdir()
    values = GATE | {
        "WEB_ADDRESS": f"127.0.0.1:{web_port}",
        "HTTP_LISTEN": f"unix:{folder}/http.sock",  # the address that only sends people to HTTPS
        "HTTPS_LISTEN": f"127.0.0.1:{port}",
        "GATE_LISTEN": f"127.0.0.1:{free_port}",
        "STATIC_ROOT": str(files),
        "COPY_FOLDER": str(folder / "copy"),
        "CACHE_FOLDER": str(folder / "cache"),
        "PAGES_FOLDER": str(ROOT / "deploy/nginx/pages"),
        "ACCESS_LOG": str(folder / "access.log"),
    }
    text = without_tls((ROOT / "deploy/nginx/portal.conf.template").read_text())
    for name, value in values.items():
        text = text.replace("${" + name + "}", value)
    left = re.search(r"\$\{[A-Z_]+\}", text)
    if left:
        raise StackError(f"deploy/nginx/portal.conf.template asks for {left[0]}, which bench/nginx.py does not know")
    (folder / "conf.d" / "portal.conf").write_text(text)
    (folder / "nginx.conf").write_text(main_file(folder))
    return [program(), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]


def without_tls(text: str) -> str:
    """The same servers, spoken to in plain HTTP."""
    text = re.sub(r"^\s*ssl_.*\n", "", text, flags=re.MULTILINE)
    return re.sub(r"(listen \$\{HTTPS_LISTEN\}) ssl( http2)?", r"\1", text)


def main_file(folder: Path) -> str:
    """deploy/nginx/nginx.conf with this run's paths."""
    text = (ROOT / "deploy/nginx/nginx.conf").read_text()
    temporary = "".join(
        f"{kind}_temp_path {folder / 'temp' / kind}; " for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    for old, new in (
        ("user nginx;", "user root;" if os.geteuid() == 0 else ""),
        ("/var/run/nginx.pid", str(folder / "nginx.pid")),
        ("/var/log/nginx/error.log", str(folder / "error.log")),
        ("include /etc/nginx/conf.d/*.conf;", f"{temporary}include {folder}/conf.d/*.conf;"),
    ):
        if old not in text:
            raise StackError(f"deploy/nginx/nginx.conf no longer has '{old}', which bench/nginx.py replaces")
        text = text.replace(old, new)
    return text
