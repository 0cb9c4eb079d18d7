"""Celery entry points of the outbox."""

from celery import shared_task

from core import sweeper


@shared_task(ignore_result=True)
def sweep() -> None:
    """Work off what is due and come back while there is more; beat calls it every few seconds, a commit at once."""
    sweeper.begin()
    if any(sweeper.run_all().values()):
        sweeper.wake()
