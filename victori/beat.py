"""The clock: sends the tasks of CELERY_BEAT_SCHEDULE by name, without loading the portal."""

from celery import Celery

from victori.celery import configure

app = configure(Celery("victori", fixups=[]))
