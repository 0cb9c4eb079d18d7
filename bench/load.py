"""Crowds in processes of their own, so that the generator is never the bottleneck by being one thread."""

import multiprocessing
import os
import resource
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from multiprocessing.connection import Connection
from typing import Any

from bench.client import Address, Answer, Crowd, Scenario, Tally

# Scenarios of process number `n` of `count`.
Maker = Callable[[int, int], Iterable[Scenario]]


class LoadFailed(RuntimeError):
    """A process of the load generator died."""


def raise_file_limit(wanted: int) -> int:
    """Allow this process and its children so many open files; returns what was granted."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return soft
    for top in (max(hard, wanted), hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, top), top))
            break
        except (ValueError, OSError):
            continue
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def run(
    address: Address,
    make: Maker,
    *,
    seconds: float,
    processes: int = 1,
    timeout: float = 30.0,
    drain: float | None = None,
    ramp: float = 0.0,
    settle: float = 0.0,
    sources: Callable[[int], str] | None = None,
    label: Callable[[Answer], str] | None = None,
    stamps: bool = False,
) -> Tally:
    """Run scenarios in `processes` processes for `seconds`; returns what all of them saw. Raises LoadFailed.

    What the named options do is said at Crowd.run.
    """
    start_at = time.monotonic() + (0.15 if processes > 1 else 0.0)
    context = multiprocessing.get_context("fork")
    children = []

    def body(number: int, pipe: Connection) -> None:
        try:
            crowd = Crowd(address, timeout=timeout, label=label, stamps=stamps)
            scenarios = list(make(number, processes))
            time.sleep(max(0.0, start_at - time.monotonic()))
            tally = crowd.run(scenarios, seconds=seconds, drain=drain, ramp=ramp, settle=settle, sources=sources)
            for scenario_notes in NOTES:
                tally.notes.append(scenario_notes)
            tally.counts.update(COUNTS)
            pipe.send(tally)
        except BaseException:
            pipe.send(traceback.format_exc())
        finally:
            pipe.close()
            os._exit(0)  # nothing inherited is closed twice: not the database connections, not the exit handlers

    for number in range(processes):
        mine, theirs = context.Pipe(duplex=False)
        process = context.Process(target=body, args=(number, theirs), daemon=True)
        process.start()
        theirs.close()
        children.append((process, mine))
    return _collect(children)


def _collect(children: Sequence[tuple[Any, Connection]]) -> Tally:
    whole, problem = Tally(), ""
    for process, pipe in children:
        try:
            part = pipe.recv()
        except EOFError:
            part = "the process ended without a word"
        if isinstance(part, Tally):
            whole.add(part)
        else:
            problem = part
        process.join()
    if problem:
        raise LoadFailed(problem)
    return whole


# What scenarios want to tell; each process has its own, they travel home with its tally.
NOTES: list[Any] = []
COUNTS: dict[str, int] = {}


def count(name: str, number: int = 1) -> None:
    """Called by a scenario: add to a named count of the run."""
    COUNTS[name] = COUNTS.get(name, 0) + number


def repeat(request: bytes, connections: int) -> Maker:
    """A maker: `connections` connections in all, each sending the same request again and again."""

    def one() -> Scenario:
        while True:
            yield request

    def make(number: int, processes: int) -> Iterable[Scenario]:
        return [one() for n in range(connections) if n % processes == number]

    return make


def each_once(requests: Sequence[bytes], connections: int) -> Maker:
    """A maker: every request is sent exactly once, by whichever connection is free."""

    def one(queue: list[bytes]) -> Scenario:
        while queue:
            yield queue.pop()

    def make(number: int, processes: int) -> Iterable[Scenario]:
        queue = list(requests[number::processes])
        return [one(queue) for n in range(connections) if n % processes == number]

    return make


def get(path: str, host: str, **headers: str) -> bytes:
    """A GET request as bytes; underscores in header names become hyphens."""
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "X-Forwarded-Proto: https", "User-Agent: bench"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def post(path: str, host: str, body: bytes, **headers: str) -> bytes:
    """A form POST as bytes."""
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", "X-Forwarded-Proto: https", f"Origin: https://{host}"]
    lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}", "User-Agent: bench"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body
