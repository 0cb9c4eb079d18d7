"""`python -m bench [NAME ...] [--quick] [--json FILE]`; `report FILE` prints a table again, `profile` the confirm path.

Names are the modules of bench.measures; without names all of them run. Exit code 1 when a figure is below what was
asked, 2 when something did not start.
"""

import argparse
import importlib
import json
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from bench import machine, report
from bench.load import LoadFailed
from bench.result import BAD, Figure, Scale, say, table
from bench.stack import Stack, StackError
from victori.embedded import ServerError
from victori.installation import ROOT

# In this order: what grows the tables comes last.
MEASURES = (
    *("confirm", "journey", "pages", "poll", "crowd", "waiting", "rush", "growth"),
    *("certificates", "bulk", "pcare_outage", "pcare"),
)
DEFAULT_JSON = ROOT / "build" / "bench.json"


class Stop(BaseException):
    """Ctrl-C, SIGTERM or a closed terminal: everything is taken down in order."""


def _on_signal(number: int, _frame: FrameType | None) -> None:
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, signal.SIG_IGN)
    raise Stop(number)


def arguments() -> argparse.Namespace:
    """What was asked on the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(MEASURES)}; profile; or: report FILE")
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes; the figures mean nothing")
    parser.add_argument("--json", type=Path, default=DEFAULT_JSON, metavar="FILE", help=f"default {DEFAULT_JSON}")
    given = parser.parse_args()
    unknown = set(given.names) - {*MEASURES, "profile"}
    if unknown and given.names[0] != "report":
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(MEASURES)}, profile, report FILE")
    return given


def measure(names: list[str], scale: Scale) -> dict[str, Any]:
    """Run the named measurements on one set of servers; returns the document of the JSON file."""
    figures: list[Figure] = []
    notes: dict[str, Any] = {}
    begun = time.monotonic()
    say("Starting PostgreSQL, Redis; migrations, reference data, static files …")
    with Stack() as stack:
        importlib.import_module("bench.people").stock_up()  # imports Django, which has its settings only now
        say(f"  {time.monotonic() - begun:.0f} s")
        for name in names:
            say(f"{name} …")
            at, neighbours = time.monotonic(), machine.Neighbours(stack)
            module = importlib.import_module("bench.profile" if name == "profile" else f"bench.measures.{name}")
            found = module.run(stack, scale)
            others = neighbours.share()
            notes[name] = {"seconds": round(time.monotonic() - at, 1), "others_used_of_cpu": others}
            if name == "profile":
                notes[name]["lines"] = found
                continue
            figures += found
            busy = f"; other programs used {others:.0%} of the machine" if others > 0.1 else ""
            say(f"{table(found)}\n  {time.monotonic() - at:.0f} s{busy}")
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": scale.quick,
        "seconds": round(time.monotonic() - begun, 1),
        "machine": machine.describe(),
        "measures": notes,
        "figures": [one.as_json() for one in figures],
    }


def main() -> int:
    """Returns the exit code."""
    given = arguments()
    if given.names[:1] == ["report"]:
        print(report.of(json.loads(Path(given.names[1]).read_text())))
        return 0
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, _on_signal)
    try:
        document = measure(given.names or list(MEASURES), Scale(quick=given.quick))
    except Stop:
        say("Stopped; every process has ended.")
        return 130
    except (StackError, ServerError, LoadFailed) as error:
        say(str(error))
        return 2
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(json.dumps(document, indent=1, default=str) + "\n")
    print(report.of(document))
    say(f"{given.json} ({document['seconds']:.0f} s)")
    return 0 if given.quick or all(one["verdict"] != BAD for one in document["figures"]) else 1


if __name__ == "__main__":
    sys.exit(main())
