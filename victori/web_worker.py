"""gunicorn's threaded worker with a thread pool that knows how many requests wait for a thread.

`get_thread_pool` is the place that gunicorn offers for a pool of one's own (its docstring says so). Whether it still
asks there is tested with a real gunicorn: tests/victori/test_web_worker.py.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from core import express


class CountingPool(ThreadPoolExecutor):
    """A thread pool that counts what was submitted and has not begun."""

    def __init__(self, threads: int) -> None:
        super().__init__(max_workers=threads)
        self.waiting = 0
        self._counting = threading.Lock()

    def submit(self, call: Callable[..., Any], /, *arguments: Any, **named: Any) -> "Future[Any]":
        """As the executor's own."""
        self._count(1)
        return super().submit(self._begin, call, *arguments, **named)

    def _begin(self, call: Callable[..., Any], /, *arguments: Any, **named: Any) -> Any:
        self._count(-1)
        return call(*arguments, **named)

    def _count(self, change: int) -> None:
        with self._counting:
            self.waiting += change


class Worker(ThreadWorker):
    """Tells the express lane how many requests wait for a thread of this process."""

    def get_thread_pool(self) -> CountingPool:
        """Called by gunicorn once, in the new process."""
        pool = CountingPool(self.cfg.threads)
        express.queue_length = lambda: pool.waiting
        return pool
