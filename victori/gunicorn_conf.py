"""gunicorn: two processes of four threads on two cores, about eight database connections.

Everything an operator may want to change comes from the environment.
"""

import gc
import os
import resource
from pathlib import Path

_cores = os.cpu_count() or 2
bind = os.environ.get("BIND") or f"127.0.0.1:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WEB_WORKERS") or max(2, min(_cores, 8)))
threads = int(os.environ.get("WEB_THREADS") or 4)
worker_class = "victori.web_worker.Worker"  # gthread that counts who waits for a thread
preload_app = True  # one import instead of one per worker: faster start, shared memory
timeout = 60
graceful_timeout = 5
# Phones reconnect cheaply; behind nginx (which keeps its connections) set more: WEB_KEEPALIVE=75.
keepalive = int(os.environ.get("WEB_KEEPALIVE") or 5)
# A crowd waits in the accept queue and in the worker, where it is told so (core.express), and is never reset.
backlog = 4096
worker_connections = int(os.environ.get("WEB_CONNECTIONS") or 4000)
_files, _most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (_most_files, _most_files))
# Against slow leaks only: workers share the load evenly, so with a small jitter all restarted in the same second
# of a rush, and for ten seconds people who waited their turn were told to come back.
max_requests = 500_000
max_requests_jitter = 500_000
# Heartbeat files on memory: on a slow disk they make the master kill healthy workers.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() and os.access("/dev/shm", os.W_OK) else None
forwarded_allow_ips = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1")
# Only for the web: nobody waits for a page longer than nginx does, and a hung request must not keep its locks.
os.environ.setdefault("PGOPTIONS", "-c statement_timeout=30s -c idle_in_transaction_session_timeout=60s")
accesslog = os.environ.get("ACCESS_LOG") or None  # the request log of structlog says more, and masks identities
errorlog = "-"
loglevel = "info"
control_socket_disable = True


def when_ready(server: object) -> None:
    """What is loaded once stays: no worker's collector walks over it, nor gets pages of its own by doing so."""
    gc.collect()
    gc.freeze()


def pre_fork(server: object, worker: object) -> None:
    """No worker inherits a database connection that loading the portal may have opened."""
    from django.db import connections

    connections.close_all()
