"""Every number of the bridge that an operator may change; the meaning of each is in docs/pcare.md."""

from django.conf import settings

from pcare_bridge.client import Options


def base_url() -> str:
    """Address of the service without a trailing slash; empty means nothing is sent and everything waits."""
    return settings.PCARE_BASE_URL.rstrip("/")


def pause_seconds(attempts: int) -> float:
    """Pause after the n-th failed attempt; the last value repeats."""
    pauses = settings.PCARE_RETRY_PAUSES
    return pauses[min(max(attempts, 1), len(pauses)) - 1]


def breaker_pauses() -> tuple[float, float]:
    """First pause before a probe, and the longest one."""
    first, longest = settings.PCARE_BREAKER_SECONDS
    return first, longest


def options() -> Options:
    """Timeouts and declared body types for the client."""
    return Options(
        connect_timeout=settings.PCARE_CONNECT_TIMEOUT,
        read_timeout=settings.PCARE_READ_TIMEOUT,
        post_content_type=settings.PCARE_POST_CONTENT_TYPE,
        put_content_type=settings.PCARE_PUT_CONTENT_TYPE,
        proxy=settings.PCARE_PROXY or None,
        ca_file=settings.PCARE_CA_FILE or None,
    )


def lease_seconds() -> int:
    """Longer than a job's slowest possible requests, so that only a dead worker's rows come due again."""
    return settings.PCARE_LEASE_SECONDS
