"""The Celery application: JSON only, late acknowledgement, and a publisher that never waits for a dead Redis.

Redis carries wake-ups; PostgreSQL (outbox, deliveries, messages) is the truth. So a task may be lost or run twice, and
publishing fails at once instead of holding up a citizen or a nurse.
"""

import os

from celery import Celery, signals
from django.conf import settings

from victori import metrics

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "victori.settings")
metrics.prepare()


def broker_url(redis_url: str) -> str:
    """Celery's spelling of REDIS_URL: `unix:///path?db=1` becomes `redis+socket:///path?virtual_host=1`."""
    if redis_url.startswith("unix://"):
        path, _, query = redis_url.removeprefix("unix://").partition("?")
        number = dict(part.partition("=")[::2] for part in query.split("&")).get("db") or "0"
        return f"redis+socket://{path}?virtual_host={number}"
    return redis_url


def configure(app: Celery) -> Celery:
    """Give `app` the one configuration that web, worker and beat share."""
    app.config_from_object("django.conf:settings", namespace="CELERY")
    app.conf.update(
        broker_url=broker_url(settings.REDIS_URL),
        result_backend=None,
        task_ignore_result=True,
        accept_content=["json"],
        task_serializer="json",
        enable_utc=True,
        timezone=settings.TIME_ZONE,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        worker_max_tasks_per_child=1000,
        # Wake-ups are short; one that runs ten minutes hangs. The rows it leased come due again by themselves.
        task_soft_time_limit=540,
        task_time_limit=600,
        # A killed worker's tasks come back after a minute instead of an hour. A slow one may then run twice at the same
        # time, which is harmless: rows are claimed under leases.
        broker_transport_options={
            "visibility_timeout": 60,
            "unacked_restore_interval": 2,
            "unacked_restore_throttle": 1,
            "socket_connect_timeout": 1,
            "socket_timeout": 5,
            # Without these the first publish to a dead Redis retries for ever.
            "max_retries": 0,
            "interval_start": 0,
            "interval_step": 0,
        },
        task_publish_retry=False,
        broker_connection_timeout=1,
        # The worker, unlike a publisher, waits for Redis as long as it takes.
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
    )
    return app


app = configure(Celery("victori"))
app.autodiscover_tasks()


@signals.setup_logging.connect
def keep_our_logging(**_signal: object) -> None:
    """Django's settings say what is logged; Celery's own set-up would silence every line below a warning."""


signals.worker_ready.connect(metrics.serve)
signals.worker_shutdown.connect(metrics.forget)
