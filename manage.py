#!/usr/bin/env python
"""Django's command line, with the servers of STATE_DIR at hand (victori/installation.py)."""

import os
import signal
import sys


def main() -> None:
    """Run one command; Ctrl-C and SIGTERM end it and whatever it started."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "victori.settings")
    try:
        from django.core.management import execute_from_command_line
    except ImportError:
        sys.exit("Django tidak ada di Python ini: jalankan `make run` sekali, lalu pakai .venv/bin/python manage.py …")
    from victori.embedded import ServerError
    from victori.installation import for_command

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        with for_command(sys.argv):
            execute_from_command_line(sys.argv)
    except ServerError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


if __name__ == "__main__":
    main()
