"""Settings from the environment (twelve-factor). docs/operations.md has a paragraph on each.

Production is the default. A setting that it needs and lacks stops the start and is named.
SEALWRIGHT_LOCAL=1 is for one machine that is being tried out or tested on: embedded servers, keys
made on the spot, plain HTTP on loopback.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import environ
import structlog
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from structlog.typing import Processor

from config.logs import drop_values_from_exceptions, name_the_route

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
environ.Env.read_env(env.str("ENV_FILE", str(BASE_DIR / ".env")))

LOCAL = env.bool("SEALWRIGHT_LOCAL", False)
DEMO = env.bool("SEALWRIGHT_DEMO", False)
DEBUG = env.bool("DEBUG", False)
if (DEBUG or DEMO) and not LOCAL:
    raise ImproperlyConfigured(
        "DEBUG and SEALWRIGHT_DEMO show what only a trial may show. Unset them, or set "
        "SEALWRIGHT_LOCAL=1 on a machine that holds no real patients."
    )


def required(name: str, local: str) -> str:
    """A setting that production must give; a local machine has its own value."""
    value: str = env.str(name, local if LOCAL else "")
    if not value:
        raise ImproperlyConfigured(
            f"{name} is not set. docs/operations.md says what belongs there."
        )
    return value


if LOCAL:
    from config.embedded.state import OWNER_ROLE
    from config.embedded.state import load as load_state

    _state = load_state()
    FOLDER = _state.path
    _local_database, _local_owner = _state.database_url(), _state.database_url(OWNER_ROLE)
    _local_redis, _local_secret, _local_master = (
        _state.redis_url,
        _state.secret_key,
        _state.master_key,
    )
else:
    FOLDER = Path(env.str("SEALWRIGHT_FOLDER", "/var/lib/sealwright"))
    _local_database = _local_owner = _local_redis = _local_secret = _local_master = ""

# Keys and addresses -----------------------------------------------------------------------------

SECRET_KEY = required("SECRET_KEY", _local_secret)
MASTER_KEY_FILE = env.str("MASTER_KEY_FILE", "")
MASTER_KEY = "" if MASTER_KEY_FILE else required("MASTER_KEY", _local_master)
_hosts = required("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")
ALLOWED_HOSTS = [host.strip() for host in _hosts if host.strip()]
PORT = env.int("PORT", _state.web_port if LOCAL else 8000)
PUBLIC_ORIGIN = required("PUBLIC_ORIGIN", f"http://localhost:{PORT}").rstrip("/")
CSRF_TRUSTED_ORIGINS = [PUBLIC_ORIGIN]

# Mail -------------------------------------------------------------------------------------------

MAIL_HOSTNAME = required("MAIL_HOSTNAME", "localhost.localdomain")
MAIL_SPF = env.str("MAIL_SPF", f"v=spf1 a:{MAIL_HOSTNAME} -all")
STAFF_MAIL_FROM = required("STAFF_MAIL_FROM", "sealwright@localhost.localdomain")
DEFAULT_FROM_EMAIL = SERVER_EMAIL = STAFF_MAIL_FROM
_staff_mail = env.email_url(
    "STAFF_MAIL_URL",
    "filemail:///" + str(FOLDER / "staff-mail") if LOCAL else "smtp://localhost:25",
)
EMAIL_BACKEND = _staff_mail["EMAIL_BACKEND"]
EMAIL_FILE_PATH = FOLDER / "staff-mail"
EMAIL_HOST, EMAIL_PORT = _staff_mail["EMAIL_HOST"], _staff_mail["EMAIL_PORT"]
EMAIL_HOST_USER = _staff_mail["EMAIL_HOST_USER"]
EMAIL_HOST_PASSWORD = _staff_mail["EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS = _staff_mail.get("EMAIL_USE_TLS", False)  # smtp+tls: STARTTLS
EMAIL_USE_SSL = _staff_mail.get("EMAIL_USE_SSL", False)  # smtp+ssl: TLS from the first byte
EMAIL_TIMEOUT = 20  # seconds; a page waits for it

SMTP_PORT = env.int("SMTP_PORT", 25)
SMTP_CA_FILE = env.str("SMTP_CA_FILE", "")
SMTP_BACK_OFF_MINUTES = env.list("SMTP_BACK_OFF_MINUTES", cast=float, default=[])
SMTP_CONNECTIONS_PER_HOST = env.int("SMTP_CONNECTIONS_PER_HOST", 10)
SMTP_SMARTHOST = env.str("SMTP_SMARTHOST", "")  # smtp://user:password@relay.example.org:587
SENDING_PROCESSES = env.int("SENDING_PROCESSES", 1)
MAIL_RESOLVERS = env.list("MAIL_RESOLVERS", default=[])
MAIL_RESOLVERS_VALIDATE = env.bool("MAIL_RESOLVERS_VALIDATE", False)
MAIL_ALLOWED_NETWORKS = env.list("MAIL_ALLOWED_NETWORKS", default=[])
BOUNCE_LISTEN = env.str("BOUNCE_LISTEN", "")
BOUNCE_MAILBOX_URL = env.str("BOUNCE_MAILBOX_URL", "")
if BOUNCE_MAILBOX_URL and not BOUNCE_MAILBOX_URL.startswith("imaps://"):
    raise ImproperlyConfigured(
        "BOUNCE_MAILBOX_URL is not like imaps://user:password@host/INBOX. Bounces may quote a "
        "patient's mail: without TLS from the first byte they are not fetched."
    )

# Database and queue -----------------------------------------------------------------------------

_database = required("DATABASE_URL", _local_database)
# The embedded owner goes with the embedded database alone: never migrate another one than is used.
_owner = _local_owner if _database == _local_database else _database
DATABASES = {
    "default": env.db_url_config(_database),
    # Owns the tables. Used by `migrate` and by nothing that answers a request.
    "owner": env.db_url_config(env.str("MIGRATION_DATABASE_URL", "") or _owner),
}
DATABASES["default"]["CONN_MAX_AGE"] = 300
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
_owner_options = DATABASES["owner"].setdefault("OPTIONS", {})
_owner_options["options"] = f"{_owner_options.get('options', '')} -c lock_timeout=5s".strip()
DATABASES["owner"]["TEST"] = {"MIRROR": "default"}
DATABASE_ROUTERS = ["tenancy.router.OwnerMigrates"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = required("REDIS_URL", _local_redis)
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
}

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = False  # work is a row with a lease; a lost task is found again
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {
    "campaigns.plan": {"queue": "sending"},
    "campaigns.resume_plans": {"queue": "steady"},
    "delivery.send_batch": {"queue": "sending"},
    "delivery.send_letters": {"queue": "sending"},
    "contacts.run_import": {"queue": "imports"},
    "contacts.write_export": {"queue": "imports"},
    "tenancy.run_walk": {"queue": "imports"},
    "audit.seal": {"queue": "steady"},
    "delivery.pump": {"queue": "steady"},
    "delivery.pump_letters": {"queue": "steady"},
    "delivery.check_domain": {"queue": "imports"},
    "delivery.check_domains": {"queue": "imports"},
    "delivery.probe_domains": {"queue": "imports"},
    "delivery.store_visits": {"queue": "steady"},
    "delivery.check_accounts": {"queue": "steady"},
    "delivery.poll_bounces": {"queue": "imports"},
    "consent.ask_to_renew": {"queue": "steady"},
    "portal.send_code": {"queue": "codes"},
}
CELERY_BEAT_SCHEDULE = {
    "seal the audit log": {
        "task": "audit.seal",
        "schedule": timedelta(seconds=1),
        "options": {"expires": 5},
    },
    "hand out due mail": {
        "task": "delivery.pump",
        "schedule": timedelta(seconds=1),
        "options": {"expires": 5},
    },
    "add up every mailing": {
        "task": "delivery.check_accounts",
        "schedule": timedelta(minutes=30),
    },
    "store opens and clicks": {
        "task": "delivery.store_visits",
        "schedule": timedelta(seconds=1),
        "options": {"expires": 5},
    },
    "take up stranded imports": {
        "task": "contacts.resume_imports",
        "schedule": timedelta(seconds=30),
        "options": {"expires": 30},
    },
    "plan launched campaigns whose task was lost": {
        "task": "campaigns.resume_plans",
        "schedule": timedelta(seconds=30),
        "options": {"expires": 30},
    },
    "take up walks whose time has come": {
        "task": "tenancy.resume_walks",
        "schedule": timedelta(seconds=30),
        "options": {"expires": 30},
    },
    "forget what imports and exports kept": {
        "task": "contacts.forget",
        "schedule": timedelta(hours=1),
    },
    "take up letters that were lost or put off": {
        "task": "delivery.pump_letters",
        "schedule": timedelta(minutes=5),
        "options": {"expires": 300},
    },
    "ask people to renew what ends soon": {
        "task": "consent.ask_to_renew",
        "schedule": timedelta(hours=6),
    },
    "look at every signed authorization": {
        "task": "compliance.check_integrity",
        "schedule": timedelta(hours=24),
    },
    "look at the DNS of senders' domains": {
        "task": "delivery.check_domains",
        "schedule": timedelta(hours=24),
    },
    "make the coming months' partitions": {
        "task": "delivery.check_partitions",
        "schedule": timedelta(hours=12),
    },
}
if BOUNCE_MAILBOX_URL:
    CELERY_BEAT_SCHEDULE["take bounces out of the mailbox"] = {
        "task": "delivery.poll_bounces",
        "schedule": timedelta(minutes=3),
        "options": {"expires": 180},
    }
CELERY_BEAT_SCHEDULE_FILENAME = str(FOLDER / "celerybeat-schedule")

AUDIT_ANCHOR_FOLDER = Path(env.str("AUDIT_ANCHOR_FOLDER", str(FOLDER / "audit-anchors")))

# Web --------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django.forms",
    "allauth",
    "allauth.account",
    "django_otp",
    "csp",
    "tenancy",
    "audit",
    "accounts",
    "contacts",
    "consent",
    "delivery",
    "campaigns",
    "compliance",
    "portal",
    "config",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "config.middleware.PrivateByDefault",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "accounts.middleware.SessionLimits",
    "accounts.middleware.SecondFactorRequired",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.context.navigation",
                "delivery.context.emergency",
                *(["config.demo.context.sign_in_buttons"] if DEMO else []),
            ],
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    [
                        "django.template.loaders.filesystem.Loader",
                        "django.template.loaders.app_directories.Loader",
                    ],
                )
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"  # our fields look like Tabler's
STATIC_URL = "/static/"
STATIC_ROOT = None if LOCAL else FOLDER / "static"  # locally straight out of node_modules
_node = BASE_DIR / "node_modules"
_tabler = _node / "@tabler/core/dist"
STATICFILES_DIRS = [
    BASE_DIR / "static",
    # Not all of Tabler: style sheets in its `libs` name source maps that the package does not have,
    # and a manifest of hashed names stops at the first name that leads nowhere.
    ("tabler/css", _tabler / "css"),
    ("tabler/img", _tabler / "img"),
    ("tabler/js", _tabler / "js"),
    ("icons", _node / "@tabler/icons-webfont/dist"),
    ("htmx", _node / "htmx.org/dist"),
]
WHITENOISE_USE_FINDERS = LOCAL
WHITENOISE_AUTOREFRESH = DEBUG
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if LOCAL
        else "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
    },
}
LANGUAGE_CODE = "en-us"
LANGUAGES = [("en", "English"), ("es", "Español")]
TIME_ZONE = "UTC"
USE_TZ = True
# No upload touches a disk in clear: there is no handler for temporary files. The import page alone
# takes files over this size, once it knows who sends them (contacts/forms/imports.py).
DATA_UPLOAD_MAX_MEMORY_SIZE = FILE_UPLOAD_MAX_MEMORY_SIZE = 5_000_000
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
UNMASKING_ALERT = env.int("UNMASKING_ALERT", 20)
MAX_IMPORT_BYTES = env.int("MAX_IMPORT_BYTES", 2_000_000_000)

# Security ---------------------------------------------------------------------------------------

SECURE_SSL_REDIRECT = not LOCAL
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_PROXY", False) else None
)
# How many proxies of your own add to X-Forwarded-For; sign-in limits count by what they say.
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXIES", 0)
SECURE_HSTS_SECONDS = 0 if LOCAL else 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not LOCAL
# Not "no-referrer": with it browsers send "Origin: null", which the CSRF check must refuse.
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not LOCAL
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_NAME = "sealwright_session"
SESSION_ENGINE = "accounts.sessions"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_IDLE_SECONDS = 15 * 60
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
X_FRAME_OPTIONS = "SAMEORIGIN"  # a mail is shown in a sandboxed frame of the page about it
SILENCED_SYSTEM_CHECKS = ["security.W019"]  # which wants DENY instead
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "frame-src": [SELF],
        "frame-ancestors": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
    }
}

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
LOGIN_REDIRECT_URL = "/"
LOGIN_URL = "account_login"
ACCOUNT_ADAPTER = "accounts.adapter.ClosedSignup"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_LOGOUT_ON_GET = False
OTP_TOTP_ISSUER = "Sealwright"

# Logs: constant event names with ids; never a value that came from a patient -------------------

_shared: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
structlog.configure(
    processors=[*_shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processors": [
                name_the_route,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                drop_values_from_exceptions,
                structlog.processors.JSONRenderer(),
            ],
            "foreign_pre_chain": _shared,
        }
    },
    "handlers": {"out": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["out"], "level": env.str("LOG_LEVEL", "INFO")},
    "loggers": {
        "django.server": {"handlers": ["out"], "propagate": False},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        "cssutils": {"level": "CRITICAL"},
        # They write addresses of patients, and lines of mails that came back.
        "mail.log": {"level": "CRITICAL"},
        "flufl.bounce": {"level": "CRITICAL"},
    },
}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
