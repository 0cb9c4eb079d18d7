"""Celery entry points of the outbox."""

from celery import shared_task

from core import sweeper


@shared_task(ignore_result=True)
def sweep() -> dict[str, int]:
    """Work off everything that is due; beat calls it every few seconds, a commit calls it at once."""
    return sweeper.run_all()
