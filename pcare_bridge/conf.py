"""Every number of the bridge that an operator may change; the meaning of each is in docs/pcare.md."""

from django.conf import settings

from pcare_bridge.client import Options


def base_url(service: str = "pcare") -> str:
    """Address of the service without a trailing slash; empty means nothing is sent and everything waits."""
    address = settings.SATUSEHAT_BASE_URL if service == "satusehat" else settings.PCARE_BASE_URL
    return address.rstrip("/")


def oauth_url() -> str:
    """Where SATUSEHAT gives tokens."""
    return settings.SATUSEHAT_OAUTH_URL.rstrip("/")


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


def lease_usable_seconds() -> float:
    """How long after the claim a request may still begin, so that it ends within the lease."""
    slowest = settings.PCARE_CONNECT_TIMEOUT + settings.PCARE_READ_TIMEOUT
    return lease_seconds() - min(slowest, lease_seconds() / 2)


def lease_seconds() -> int:
    """Longer than a job's slowest possible requests, so that only a dead worker's rows come due again."""
    return settings.PCARE_LEASE_SECONDS


# ICD-10 codes of an encounter for immunisation, by vaccine (PROTOCOL 8.1; acceptance is assumed). A code in
# "Kode vaksin PCare" of the admin pages stands before these.
DIAGNOSES = {
    "HB0": "Z24.6", "HEPA": "Z24.6", "OPV": "Z24.0", "IPV": "Z24.0", "PENTA": "Z27.1", "HEXA": "Z27.1",
    "MR": "Z27.4", "DT": "Z23.5", "TD": "Z23.5", "INFLUENZA": "Z25.1",
}  # fmt: skip
DIAGNOSES_BY_CATEGORY = {"covid19": "U11.9"}

# Category and timing of SATUSEHAT's immunization-reason, by our vaccine category (SATUSEHAT.md section 4; our mapping).
REASONS = {
    "covid19": ("IM-Program",),
    "rutin_dasar": ("IM-Dasar", "IM-Ideal"),
    "rutin_endemis": ("IM-Tambahan",),
    "bias": ("IM-SD", "IM-Ideal"),
    "bias_wus": ("IM-WUS", "IM-Ideal"),
    "pilihan": ("IM-Pilihan",),
    "khusus": ("IM-Khusus",),
}
REASON_OTHERWISE = ("IM-Program",)

# A visit for vaccination is a healthy one in promotive care; some sites use "10" (PROTOCOL 8.1).
VISIT_KIND = "50"
AWARENESS, DISCHARGE, NO_REFERRAL = "01", "3", -1
NO_ALLERGY, PROGNOSIS = "00", "01"
# Vital signs of a healthy visit; whether the service accepts zeros is not known (PROTOCOL 9.3).
VITAL_SIGNS = {
    "sistole": 0, "diastole": 0, "beratBadan": 0, "tinggiBadan": 0, "respRate": 0, "lingkarPerut": 0, "heartRate": 0,
}  # fmt: skip

# Route codes of document A, by the words of our vaccine table.
ROUTES = {
    "IM": "inj.intramuscular", "SC": "inj.subcutaneous", "ID": "inj.intradermal", "oral": "oral",
}  # fmt: skip

# An adverse event (KIPI) as Observation. SATUSEHAT's documents name the resource and no code for it, so these are our
# choice: LOINC for the observation, SNOMED CT for the symptoms that have one meaning; the others travel as words.
ADVERSE_CATEGORY = "exam"
ADVERSE_CODE = ("http://loinc.org", "31044-1", "Immunization reaction")
SYMPTOM_SYSTEM = "http://snomed.info/sct"
SYMPTOM_CODES = {
    "demam": "386661006", "mual": "16932000", "lemas": "13791008", "pingsan": "271594007", "gatal": "418363000",
    "sesak": "267036007", "anafilaksis": "39579001", "kejang": "91175000",
}  # fmt: skip
TOKEN_SECONDS = 50 * 60  # when the answer does not say (SATUSEHAT.md section 1)


def diagnosis(vaccine_code: str, category: str) -> str:
    """The ICD-10 code of a visit for this vaccine, or an empty text when none is known."""
    return DIAGNOSES.get(vaccine_code) or DIAGNOSES_BY_CATEGORY.get(category, "")
