"""The portal's nginx files, filled in for one run; only paths, ports and user are replaced.

The benchmark takes TLS off: it costs the same on both sides of a ratio, so it would only hide what is compared; and a
generator in Python would spend its time on it. The tests in tests/deploy keep it.
"""

import os
import re
import shutil
from pathlib import Path

from bench.production import StackError
from victori.installation import ROOT

# As docs/operations.md gives them for two cores.
GATE = {"GATE_IN_FLIGHT": "100", "GATE_STAFF": "60", "GATE_POLLS": "60", "GATE_PAGES": "60"}


def program() -> str:
    """The nginx of this system. Raises StackError."""
    found = os.environ.get("NGINX") or shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/sbin")
    if not found:
        raise StackError("nginx is not installed (Debian: apt-get install nginx-light)")
    return found


def prepare(
    folder: Path, *, port: int, web_port: int, gate_port: int, files: Path, tls: Path | None = None, **values: str
) -> list[str]:
    """Write the configuration into `folder` and return the command; `files` is served below /static/.

    `tls` is a folder with fullchain.pem and privkey.pem; without it nginx speaks plain HTTP. `values` are variables of
    the template that are to be different. Raises StackError.
    """
    folder.chmod(0o755)
    for name in ("conf.d", "temp", "copy"):
        (folder / name).mkdir()
    given = GATE | {
        "WEB_ADDRESS": f"127.0.0.1:{web_port}",
        "HTTP_LISTEN": f"unix:{folder}/http.sock",  # the address that only sends people to HTTPS
        "HTTPS_LISTEN": f"127.0.0.1:{port}",
        "GATE_LISTEN": f"127.0.0.1:{gate_port}",
        "STATIC_ROOT": str(files),
        "COPY_FOLDER": str(folder / "copy"),
        "CACHE_FOLDER": str(folder / "cache"),
        "TLS_FOLDER": str(tls),
        "PAGES_FOLDER": str(ROOT / "deploy/nginx/pages"),
        "ACCESS_LOG": str(folder / "access.log"),
    }
    text = (ROOT / "deploy/nginx/portal.conf.template").read_text()
    text = text if tls else without_tls(text)
    for name, value in (given | values).items():
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
