"""The portal, with requests to /janji/ kept waiting while a file exists: a crowd that cannot be served yet."""

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from victori.wsgi import application as portal

HELD = Path(os.environ["HOLD_FILE"])


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Wait, then answer as always."""
    while environ["PATH_INFO"].startswith("/janji/") and HELD.exists():
        time.sleep(0.01)
    return portal(environ, start_response)
