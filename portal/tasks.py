"""Celery entry points of the public face."""

from celery import shared_task

from portal import public_copy


@shared_task
def write_public_copy() -> None:
    """Keep the copy for the time without the application at most a minute old; beat calls it every minute."""
    public_copy.write()
