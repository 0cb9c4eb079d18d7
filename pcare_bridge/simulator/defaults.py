"""Accounts the simulator knows when nothing else is said. Invented, and worthless anywhere else."""

BASE_PATH = "/pcare-rest-dev"
CONS_ID = "90210"
SIGNING_KEY = "simulasi-kunci-01"
USER_KEY = "0123456789abcdef0123456789abcdef"
APPLICATION_CODE = "095"
PROVIDERS = 400


def provider_code(number: int) -> str:
    """The kdProvider of the n-th simulated facility, 8 characters."""
    return f"1184U{number:03d}"


def account(kd_provider: str) -> tuple[str, str]:
    """User name and password of one facility; the colon in the password is there on purpose."""
    return f"uji.{kd_provider.lower()}", f"Sandi:{kd_provider}#1"
