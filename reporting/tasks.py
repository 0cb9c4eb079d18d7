"""The recount that proves the roll-up (DESIGN section 5); beat runs it a few times a day, it takes a second or two."""

import logging

from celery import shared_task

from reporting.checks import different_cells

logger = logging.getLogger(__name__)


@shared_task
def check_coverage() -> int:
    """Compare the roll-up with the doses; a difference is an error in the log and in `manage.py audit`, not mended."""
    different = different_cells()
    if different:
        logger.error("coverage roll-up differs from the doses", extra={"cells": different})
    return different
