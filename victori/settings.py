"""Settings, all from the environment; `make run` fills it in for a trial, an operator for production.

A missing secret stops the start with one sentence: nothing runs on a default key outside demo mode.
"""

import base64
import binascii
from datetime import time, timedelta
from pathlib import Path

import environ
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from core import logs

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

DEMO = env.bool("DEMO", default=False)
DEBUG = env.bool("DEBUG", default=False)
STATE_DIR = Path(env("STATE_DIR", default=str(BASE_DIR / ".run")))


def _required(name: str) -> str:
    value = env(name, default="")
    if not value:
        raise ImproperlyConfigured(f"{name} belum diisi: beri nilainya di lingkungan (lihat docs/operations.md).")
    return value


def _key(name: str) -> bytes:
    try:
        key = base64.urlsafe_b64decode(_required(name))
    except (binascii.Error, ValueError) as error:
        raise ImproperlyConfigured(f"{name} bukan base64 (urlsafe).") from error
    if len(key) != 32:
        raise ImproperlyConfigured(f"{name} harus 32 bita dalam base64.")
    return key


SECRET_KEY = _required("SECRET_KEY")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])  # the previous one, for a week after a change
# Version byte → key; the newest encrypts, the older ones still open what they sealed (docs/operations.md: rotation).
FIELD_KEYS = {1: _key("FIELD_KEY")}
if env("FIELD_KEY_2", default=""):
    FIELD_KEYS[2] = _key("FIELD_KEY_2")
FIELD_KEY_VERSION = max(FIELD_KEYS)
INDEX_KEY = _key("INDEX_KEY")

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"] if DEMO else [])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# What messages, papers and codes call this site; paths are put behind it, so it ends without a slash.
PUBLIC_BASE_URL = env("PUBLIC_BASE_URL", default=f"http://127.0.0.1:{env('PORT', default='8000')}").rstrip("/")
# Hosts (with port, where it is not the usual one) that trust lists may be fetched from although they are not on the
# internet: mirrors of the office. Everything else must be https and public (core/outgoing.py).
OUTGOING_INTERNAL_HOSTS = env.list("OUTGOING_INTERNAL_HOSTS", default=[])

LOCAL_APPS = [
    "core",
    "messaging",
    "regions",
    "programmes",
    "accounts",
    "registration",
    "stock",
    "scheduling",
    "admission",
    "vaccination",
    "certificates",
    "pcare_bridge",
    "reporting",
    "portal",
    "victori",
]
INSTALLED_APPS = [
    "accounts.admin_config.StaffAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "axes",
    "csp",
    "django_filters",
    "django_htmx",
    "django_prometheus",
    "django_structlog",
    "pgtrigger",
    "pghistory",
    "rest_framework",
    "drf_spectacular",
    "anymail",
    *LOCAL_APPS,
]

MIDDLEWARE = [
    "core.express.ExpressMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "core.middleware.ContentPolicyMiddleware",
    "core.middleware.PrivatePagesMiddleware",
    "admission.guard.AdmissionMiddleware",
    "core.middleware.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "core.middleware.KnownTokenMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "core.request_log.RequestLogMiddleware",
    "registration.session.CitizenAccountMiddleware",
    "core.lanes.StaffMiddlewareBegins",  # from here on not for the pages on which citizens book
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "axes.middleware.AxesMiddleware",
    "core.lanes.StaffMiddlewareEnds",
]

ROOT_URLCONF = "victori.urls"
WSGI_APPLICATION = "victori.wsgi.application"
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# --- data -----------------------------------------------------------------------------------------------------------
DATABASES = {"default": env.db_url_config(_required("DATABASE_URL"))}
# core.postgres is Django's own engine; it sees a dead connection without asking the server each time.
DATABASES["default"] |= {"ENGINE": "core.postgres", "CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
# A server that is frozen or behind a dead wire is given up after seconds, not after the kernel's two hours.
DATABASES["default"]["OPTIONS"] = {
    "connect_timeout": 5,
    "keepalives_idle": 30,
    "keepalives_interval": 5,
    "keepalives_count": 3,
} | DATABASES["default"].get("OPTIONS", {})
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = env("REDIS_URL", default="redis://127.0.0.1:6379/0")
CACHES = {
    "default": {
        "BACKEND": "core.cache.FailSafeRedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "victori",
        # A frozen Redis costs a second once, then the process's own memory serves (core/cache.py).
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
    },
}

# --- people ---------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/petugas/masuk/"
LOGIN_REDIRECT_URL = "/petugas/"
SESSION_COOKIE_AGE = 12 * 3600  # one shift
SESSION_COOKIE_NAME = "petugas"
ACCOUNT_ADAPTER = "accounts.adapters.StaffAccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = False  # the session ends with the browser, or after one shift
ACCOUNT_LOGOUT_REDIRECT_URL = LOGIN_URL
ACCOUNT_REAUTHENTICATION_TIMEOUT = 900
ACCOUNT_RATE_LIMITS = {"login_failed": "30/m/ip,10/5m/key"}  # passwords: axes below; this one guards the codes
ACCOUNT_FORMS = {
    "login": "accounts.forms_auth.StaffLoginForm",
    "reauthenticate": "accounts.forms_auth.StaffReauthenticateForm",
    "change_password": "accounts.forms_auth.StaffChangePasswordForm",
}
MFA_ADAPTER = "accounts.adapters.StaffMFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_TOLERANCE = 1
MFA_FORMS = {
    "authenticate": "accounts.forms_auth.StaffAuthenticateForm",
    "reauthenticate": "accounts.forms_auth.StaffMFAReauthenticateForm",
    "activate_totp": "accounts.forms_auth.StaffActivateTOTPForm",
}
AXES_FAILURE_LIMIT = env.int("AXES_FAILURE_LIMIT", default=5)
AXES_LOCKOUT_PARAMETERS = ["username"]  # puskesmas staff share one address
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_USERNAME_FORM_FIELD = "username"
AXES_CLIENT_IP_CALLABLE = "core.net.client_address"
AXES_LOCKOUT_CALLABLE = "accounts.views.lockout.locked_out"
AXES_VERBOSE = False
# W006 wants locks by address too: one wrong colleague would then shut out a whole puskesmas (one address for all).
SILENCED_SYSTEM_CHECKS = ["axes.W006"]

# --- words and time -------------------------------------------------------------------------------------------------
LANGUAGE_CODE = "id"
LANGUAGES = [("id", "Bahasa Indonesia"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "Asia/Jakarta"
USE_TZ = True

# --- files ----------------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = Path(env("STATIC_ROOT", default=str(STATE_DIR / "static")))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": env("STATICFILES_BACKEND", default="core.static_files.StaticFiles")},
}

# --- security -------------------------------------------------------------------------------------------------------
HTTPS = env.bool("HTTPS", default=not DEMO)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31536000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
BEHIND_PROXY = env.bool("BEHIND_PROXY", default=False)
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "portal.errors.csrf_failure"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "blob:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

# --- certificates ---------------------------------------------------------------------------------------------------

# WHO vaccination certificates (DVC, still a draft) for vaccines without an EU code; their key: `signing_keys init`.
CERTIFICATES_WHO_DVC = env.bool("CERTIFICATES_WHO_DVC", default=False)

# --- background work ------------------------------------------------------------------------------------------------

SWEEP_SECONDS = env.float("SWEEP_SECONDS", default=2.0 if DEMO else 5.0)
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "core.tasks.sweep", "schedule": SWEEP_SECONDS, "options": {"expires": 30}},
    "check-coverage": {"task": "reporting.tasks.check_coverage", "schedule": 6 * 3600.0},
    "public-copy": {"task": "portal.tasks.write_public_copy", "schedule": 60.0, "options": {"expires": 50}},
}

# --- logs -----------------------------------------------------------------------------------------------------------
LOGGING = logs.configure(json=not DEMO)
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = 10  # a streamed file: only its end is a line

# --- portal ---------------------------------------------------------------------------------------------------------
FAMILY_LIMIT = env.int("FAMILY_LIMIT", default=10)
HOLD_MINUTES = env.int("HOLD_MINUTES", default=5)
# The list of a draw is public this long before its seed is used and shown.
DRAW_PAUSE_MINUTES = env.int("DRAW_PAUSE_MINUTES", default=5)
# Where the worker leaves the copy of schedule and stock that nginx shows while the application is away.
PUBLIC_COPY_DIR = Path(env("PUBLIC_COPY_DIR", default=str(STATE_DIR / "public")))
# A delivery counts for places from this many days after the day it is expected or was sent.
DELIVERY_LEAD_DAYS = env.int("DELIVERY_LEAD_DAYS", default=1)
# A transfer between facilities that nobody has signed for after this many days no longer counts for places.
TRANSFER_DAYS = env.int("TRANSFER_DAYS", default=3)
# For how many days after a closed or shrunk schedule another place is sought for its people.
REOFFER_DAYS = env.int("REOFFER_DAYS", default=21)
# An offered place waits this long for an answer; in quiet hours (local) nobody is woken and the time starts afterwards.
OFFER_MINUTES = env.int("OFFER_MINUTES", default=30)
OFFER_LEAST_MINUTES = env.int("OFFER_LEAST_MINUTES", default=10)  # shorter than this is no offer
# Of people without a phone, whom a kader or the desk put on the list and has to tell; never past 24 hours before.
OFFER_BY_HAND_HOURS = env.int("OFFER_BY_HAND_HOURS", default=24)
# Places that come free are gathered so long, once a day, for a family that is first in line and needs several side by
# side; not for sessions that begin sooner than these hours, whose places must not stay empty.
GATHER_MINUTES = env.int("GATHER_MINUTES", default=120)
GATHER_BEFORE_HOURS = env.int("GATHER_BEFORE_HOURS", default=24)
QUIET_FROM = time.fromisoformat(env("QUIET_FROM", default="21:00"))
QUIET_UNTIL = time.fromisoformat(env("QUIET_UNTIL", default="06:00"))
MISSED_OFFERS_LIMIT = env.int(
    "MISSED_OFFERS_LIMIT", default=3
)  # silent this often, the wait ends and the person is told
NEXT_DOSE_OFFER_HOURS = env.int("NEXT_DOSE_OFFER_HOURS", default=48)  # never past 24 hours before the session
NEXT_DOSE_WINDOW_DAYS = env.int("NEXT_DOSE_WINDOW_DAYS", default=14)  # from the first day the rules allow
QUEUE_LIMIT = env.int("QUEUE_LIMIT", default=100)  # requests waiting in one web process; more hear "sedang ramai"

# --- waiting room (docs/operations.md) ------------------------------------------------------------------------------
ADMISSION_MIN_PLACES = env.int("ADMISSION_MIN_PLACES", default=500)  # a release of more places than this has a room
ADMISSION_ANNOUNCE_HOURS = env.int("ADMISSION_ANNOUNCE_HOURS", default=24)  # room and hash of the seed are public
ADMISSION_OPEN_MINUTES = env.int("ADMISSION_OPEN_MINUTES", default=30)  # people may gather
ADMISSION_MINUTES = env.int("ADMISSION_MINUTES", default=15)  # how long a pass lasts
ADMISSION_CLAIM_MINUTES = env.int("ADMISSION_CLAIM_MINUTES", default=3)  # a pass not taken counts as free after this
ADMISSION_RATE = env.int("ADMISSION_RATE", default=300)  # people a minute to begin with
ADMISSION_RATE_LEAST = env.int("ADMISSION_RATE_LEAST", default=30)
ADMISSION_RATE_MOST = env.int("ADMISSION_RATE_MOST", default=6000)
ADMISSION_TARGET_P95_MS = env.float("ADMISSION_TARGET_P95_MS", default=1000)
ADMISSION_TARGET_IN_FLIGHT = env.int("ADMISSION_TARGET_IN_FLIGHT", default=64)
ADMISSION_OVERSHOOT = env.float("ADMISSION_OVERSHOOT", default=1.1)  # people inside per place left
ADMISSION_BY_LOAD = env.bool("ADMISSION_BY_LOAD", default=True)
ADMISSION_ON_P95_MS = env.float("ADMISSION_ON_P95_MS", default=3000)
# With those who wait for a thread; below the room of nginx's gate (GATE_IN_FLIGHT), or it would never be seen.
ADMISSION_ON_IN_FLIGHT = env.int("ADMISSION_ON_IN_FLIGHT", default=80)
ADMISSION_ON_SECONDS = env.int("ADMISSION_ON_SECONDS", default=15)  # shorter crowds are the gate's
ADMISSION_CALM_SECONDS = env.int("ADMISSION_CALM_SECONDS", default=120)
ADMISSION_POLLS_PER_SECOND = env.int("ADMISSION_POLLS_PER_SECOND", default=500)
LIMIT_TURN_PER_ACCOUNT = env("LIMIT_TURN_PER_ACCOUNT", default="20/minute")
LIMIT_BOOKING_PER_ACCOUNT = env("LIMIT_BOOKING_PER_ACCOUNT", default="60/minute;300/hour")
# For each phone and each NIK, whatever the account: moving a person to another account starts no new window.
LIMIT_TURN_PER_PERSON = env("LIMIT_TURN_PER_PERSON", default="20/minute")
LIMIT_BOOKING_PER_PERSON = env("LIMIT_BOOKING_PER_PERSON", default="60/minute;300/hour")
LIMIT_TURN_PER_BLOCK = env("LIMIT_TURN_PER_BLOCK", default="2000/minute")  # over it polls are slower, nobody is refused

# --- sign-in by code, limits (moving windows, "count/period", several joined with ";") --------------------------------
CODE_MINUTES = env.int("CODE_MINUTES", default=10)
CODE_TRIES = env.int("CODE_TRIES", default=5)
CODE_RESEND_SECONDS = env.int("CODE_RESEND_SECONDS", default=60)
LIMIT_CODE_PER_PHONE = env("LIMIT_CODE_PER_PHONE", default="5/15minute;10/day")
LIMIT_CODE_PER_ADDRESS = env("LIMIT_CODE_PER_ADDRESS", default="30/15minute;200/day")
LIMIT_TRY_PER_ADDRESS = env("LIMIT_TRY_PER_ADDRESS", default="60/15minute")
LIMIT_NIK_PER_ACCOUNT = env("LIMIT_NIK_PER_ACCOUNT", default="20/day")

# --- messages -------------------------------------------------------------------------------------------------------
# Channels in the order they are tried for a phone; "console" is the demo page and nothing else.
MESSAGE_CHANNELS = env.list("MESSAGE_CHANNELS", default=["console"] if DEMO else ["whatsapp", "sms"])
WHATSAPP_BASE_URL = env("WHATSAPP_BASE_URL", default="https://graph.facebook.com")
WHATSAPP_API_VERSION = env("WHATSAPP_API_VERSION", default="v23.0")
WHATSAPP_PHONE_NUMBER_ID = env("WHATSAPP_PHONE_NUMBER_ID", default="")
WHATSAPP_TOKEN = env("WHATSAPP_TOKEN", default="")
WHATSAPP_TEMPLATES = env.dict("WHATSAPP_TEMPLATES", default={})  # kind of message → approved template
WHATSAPP_CODE_KINDS = env.list("WHATSAPP_CODE_KINDS", default=["sign_in_code", "certificate_code"])
SMS_URL = env("SMS_URL", default="")
SMS_AUTHORIZATION = env("SMS_AUTHORIZATION", default="")  # whole header value, e.g. "Bearer …"
SMS_AS_JSON = env.bool("SMS_AS_JSON", default=True)
SMS_NUMBER_WITH_PLUS = env.bool("SMS_NUMBER_WITH_PLUS", default=False)
SMS_NUMBER_FIELD = env("SMS_NUMBER_FIELD", default="to")
SMS_TEXT_FIELD = env("SMS_TEXT_FIELD", default="message")
SMS_REFERENCE_FIELD = env("SMS_REFERENCE_FIELD", default="reference")
SMS_ANSWER_FIELD = env("SMS_ANSWER_FIELD", default="id")
SMS_EXTRA_FIELDS = env.dict("SMS_EXTRA_FIELDS", default={})
DEFAULT_FROM_EMAIL = env("DEFAULT_FROM_EMAIL", default="vaksinasi@localhost")
EMAIL_TIMEOUT = 8
vars().update(env.email_url("EMAIL_URL", default="consolemail://"))

# --- PCare (seconds; PROTOCOL section 7; short pauses let a trial drain while one watches) ----------------------------
PCARE_BASE_URL = env("PCARE_BASE_URL", default="")
PCARE_RETRY_PAUSES = env.list(
    "PCARE_RETRY_PAUSES", cast=float, default=[2, 5, 10, 15, 30] if DEMO else [60, 120, 300, 900, 1800, 3600]
)
PCARE_GIVE_UP_HOURS = env.float("PCARE_GIVE_UP_HOURS", default=72)
PCARE_BREAKER_SECONDS = env.list("PCARE_BREAKER_SECONDS", cast=float, default=[2, 10] if DEMO else [60, 900])
PCARE_BREAKER_FAILURES = env.int("PCARE_BREAKER_FAILURES", default=5)
PCARE_ACCOUNT_PAUSE_SECONDS = env.float("PCARE_ACCOUNT_PAUSE_SECONDS", default=900)
PCARE_IN_FLIGHT = env.int("PCARE_IN_FLIGHT", default=4)
PCARE_PER_SECOND = env.float("PCARE_PER_SECOND", default=5)  # 0: no throttle
PCARE_LEASE_SECONDS = env.int("PCARE_LEASE_SECONDS", default=60 if DEMO else 180)
PCARE_CONNECT_TIMEOUT = env.float("PCARE_CONNECT_TIMEOUT", default=5)
PCARE_READ_TIMEOUT = env.float("PCARE_READ_TIMEOUT", default=20)
PCARE_POST_CONTENT_TYPE = env("PCARE_POST_CONTENT_TYPE", default="text/plain")
PCARE_PUT_CONTENT_TYPE = env("PCARE_PUT_CONTENT_TYPE", default="application/x-www-form-urlencoded")
PCARE_PROXY = env("PCARE_PROXY", default="")
PCARE_CA_FILE = env("PCARE_CA_FILE", default="")
# Upstream rules, as far as they are known (PROTOCOL 7.6, 8): entry ends at this time (WIB) of the day of the dose.
PCARE_SAME_DAY_UNTIL = env("PCARE_SAME_DAY_UNTIL", default="23.59")
PCARE_DEADLINE_WARNING = env("PCARE_DEADLINE_WARNING", default="20.00")
PCARE_BACKDATING_DAYS = env.int("PCARE_BACKDATING_DAYS", default=30)
# What one account began at PCare no other may finish; a telephone is taken at desk 1 and cannot be added later.
PCARE_SAME_ACCOUNT = env.bool("PCARE_SAME_ACCOUNT", default=True)
PCARE_PHONE_FIXED = env.bool("PCARE_PHONE_FIXED", default=True)
# SATUSEHAT: FHIR and OAuth addresses of the Ministry's exchange; empty: doses for it wait.
SATUSEHAT_BASE_URL = env("SATUSEHAT_BASE_URL", default="")
SATUSEHAT_OAUTH_URL = env("SATUSEHAT_OAUTH_URL", default="")

# --- interfaces -----------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["core.parsing.JSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.AllowAny"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.LimitOffsetPagination",
    "PAGE_SIZE": 100,
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "VICTORI – Vaksinasi Kota Semarang",
    "DESCRIPTION": "Antarmuka data publik dan fasilitas mitra.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "victori.openapi.add_error_answers",
        "victori.openapi.local_times",
    ],
}
