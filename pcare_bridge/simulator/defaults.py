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


def satusehat(number: int) -> dict[str, str]:
    """Organisation, place and client pair of the n-th simulated facility at SATUSEHAT."""
    return {
        "organization_id": f"1000{number:05d}",
        "location_id": f"00000000-0000-4000-8000-{number:012d}",
        "client_id": f"uji-client-{number:03d}",
        "client_secret": f"uji-rahasia-{number:03d}",
        "practitioner_nik": "9974010101809001",
    }


def satusehat_clients() -> dict[str, tuple[str, str]]:
    """Secret and organisation by client id."""
    rows = map(satusehat, range(1, PROVIDERS + 1))
    return {row["client_id"]: (row["client_secret"], row["organization_id"]) for row in rows}
