"""The settings, all from environment variables. docs/reference/settings.md lists them."""

import logging
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from csp.constants import NONE, SELF
from redis.backoff import NoBackoff
from redis.retry import Retry

from console import env as environment
from console.formats import wrong_formats
from console.logs import configured_logs

BASE_DIR = environment.BASE_DIR
env = environment.env
problems = wrong_formats()

DEMO: bool = env.bool("DEMO", default=False)
DEMO_PASSWORD: str = env.str("DEMO_PASSWORD", default="demo-Passw0rd!")
TESTING = "pytest" in sys.modules

SECRET_KEY = environment.secret_key(problems)
SECRET_KEY_FALLBACKS = environment.secret_key_fallbacks(problems)
KEY_ENCRYPTION_KEYS = environment.key_encryption_keys(problems)
ORIGIN = environment.origin(problems, demo=DEMO)
SANDBOX_BASE_URL = environment.base_url("SANDBOX", f"{ORIGIN}/sandbox", problems)
PRODUCTION_BASE_URL = environment.base_url("PRODUCTION", f"{ORIGIN}/production", problems)
SANDBOX_PREVIOUS_BASE_URLS = environment.previous_base_urls("SANDBOX")
PRODUCTION_PREVIOUS_BASE_URLS = environment.previous_base_urls("PRODUCTION")
ALLOWED_HOSTS = environment.allowed_hosts(
    problems, origins=[ORIGIN, SANDBOX_BASE_URL, PRODUCTION_BASE_URL]
)
if SANDBOX_BASE_URL == PRODUCTION_BASE_URL:
    problems.add(
        "SANDBOX_BASE_URL",
        "is the same as PRODUCTION_BASE_URL",
        "Give each environment its own base URL.",
    )
# Requests and seconds for each group. None means no limit.
RATE_LIMITS = {
    "Auth": environment.rate_limit("RATE_LIMIT_AUTH", "60/60", problems),
    "Heavy": environment.rate_limit("RATE_LIMIT_HEAVY", "60/60", problems),
    "Medium": environment.rate_limit("RATE_LIMIT_MEDIUM", "240/60", problems),
    "Light": environment.rate_limit("RATE_LIMIT_LIGHT", "300/60", problems),
}
# The same for one person on pages behind sign-in: accounts/limits.py.
PERSON_LIMITS = {
    "emails": environment.rate_limit("RATE_LIMIT_EMAILS", "10/60", problems),
    "creations": environment.rate_limit("RATE_LIMIT_CREATIONS", "10/60", problems),
}
# How long a session lasts at most, and without requests. console/middleware.py ends it.
SESSION_LIFETIME = timedelta(hours=environment.positive("SESSION_HOURS", 12, problems))
SESSION_IDLE = timedelta(minutes=environment.positive("SESSION_IDLE_MINUTES", 60, problems))
# How long apps can refresh at most after an exchange.
TOKEN_SESSION_LIFETIME = timedelta(days=environment.positive("TOKEN_SESSION_DAYS", 30, problems))
# The networks of the proxies in front of the console, or else the number of these proxies.
TRUSTED_PROXIES = environment.trusted_proxies(problems)
TRUSTED_PROXY_COUNT: int = env.int("TRUSTED_PROXY_COUNT", default=0)
SECURITY_CONTACTS = environment.security_contacts(problems)
# Words that others can guess, in addition to those that accounts/passwords.py knows.
PASSWORD_WORDS: list[str] = env.list("PASSWORD_WORDS", default=[])
# After the other settings, because it exits if the file has mistakes.
PLATFORM = environment.platform(problems)
DEFAULT_FROM_EMAIL = environment.sender(problems, platform_name=PLATFORM.name, origin=ORIGIN)
problems.stop_if_any()

HTTPS = urlsplit(ORIGIN).scheme == "https"

INSTALLED_APPS = [
    # Before Django's own, because its createsuperuser replaces theirs.
    "accounts",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "csp",
    "django_htmx",
    "django_structlog",
    "post_office",
    "credentials",
    "console",
]

MIDDLEWARE = [
    "console.apis.ApiMiddleware",
    "console.middleware.RequestLogMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "console.middleware.PageHeadersMiddleware",
    "csp.middleware.CSPMiddleware",
    "console.middleware.EnvironmentHostMiddleware",
    "console.middleware.SignInMethodsMiddleware",
    "console.brand.BrandMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "console.middleware.LastActiveMiddleware",
    "console.middleware.NoStoreMiddleware",
    "console.middleware.SignInMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "console.middleware.InterruptionMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "console.middleware.SessionActivityMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "console.environment_switch.EnvironmentSwitchMiddleware",
    "console.errors.FormAddressMiddleware",
    "console.second_factor.SecondFactorMiddleware",
]

ROOT_URLCONF = "console.urls"
WSGI_APPLICATION = "console.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    [
                        "console.templates.FilesystemLoader",
                        "console.templates.AppDirectoriesLoader",
                    ],
                )
            ],
            "libraries": {"badges": "console.badges", "lucide": "console.icons"},
            "builtins": ["accounts.templatetags.platform", "console.brand", "console.docs.links"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "console.context.console",
            ],
        },
    },
    {
        # Emails, notices and code are plain text, so nothing in them is escaped.
        "NAME": "text",
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "autoescape": False,
            "builtins": ["accounts.templatetags.dates", "accounts.templatetags.platform"],
        },
    },
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# --- Data -----------------------------------------------------------------------------------------

DATABASES: dict[str, dict[str, Any]] = {
    "default": env.db_url_config(
        environment.with_password(
            env.str("DATABASE_URL", default=f"sqlite:///{BASE_DIR / 'data' / 'console.sqlite3'}"),
            env.str("DATABASE_PASSWORD", default=""),
        )
    )
}
_IS_BEHIND_PGBOUNCER: bool = env.bool("DATABASE_IS_PGBOUNCER", default=False)
_database = DATABASES["default"]
if _database["ENGINE"] == "django.db.backends.sqlite3":
    # Writers wait in line instead of failing: a deferred transaction that starts to write gets
    # SQLITE_BUSY at once, regardless of the timeout.
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=20000;"
        ),
    }
    if _database["NAME"] != ":memory:":
        environment.make_private_database(Path(_database["NAME"]))
else:
    environment.prepare_postgresql(
        _database, is_kept_open=not TESTING, is_behind_pgbouncer=_IS_BEHIND_PGBOUNCER
    )
# In pgbouncer's transaction mode each transaction can have another connection.
PREPARED_STATEMENTS = not _IS_BEHIND_PGBOUNCER
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES: dict[str, dict[str, Any]] = {
    "default": env.cache_url_config(
        environment.with_password(
            env.str("CACHE_URL", default="locmemcache://"), env.str("CACHE_PASSWORD", default="")
        )
    )
}
if "redis" in CACHES["default"]["BACKEND"].lower():
    # Requests don't wait for a cache that is away, and don't fail because of it.
    CACHES["default"]["BACKEND"] = "core.shared_cache.ForgivingRedisCache"
    CACHES["default"]["OPTIONS"] = CACHES["default"].get("OPTIONS", {}) | {
        "socket_connect_timeout": 0.2,
        "socket_timeout": 0.2,
        "retry": Retry(NoBackoff(), 0),
    }
elif "locmem" in CACHES["default"]["BACKEND"]:
    # Sign-in counts attempts there. With the default of 300 entries, anyone could push them out.
    CACHES["default"]["OPTIONS"] = {"MAX_ENTRIES": 100_000} | CACHES["default"].get("OPTIONS", {})

# Servers on other machines that `check --deploy` accepts without TLS: database, cache, email.
PLAINTEXT_CONNECTIONS: list[str] = env.list("PLAINTEXT_CONNECTIONS", default=[])

# --- People and sessions --------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
# A link that sets a password is as powerful as the password.
PASSWORD_RESET_TIMEOUT = int(timedelta(hours=1).total_seconds())
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_LENGTH = 12
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("email", "first_name", "last_name")},
    },
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": PASSWORD_LENGTH},
    },
    {
        "NAME": "accounts.passwords.ContextWordsValidator",
        "OPTIONS": {"min_length": PASSWORD_LENGTH},
    },
    {"NAME": "core.passwords.CommonPartsValidator"},
    {"NAME": "core.passwords.BreachedPasswordValidator"},
    {"NAME": "core.passwords.ShortNumberValidator"},
]
if TESTING:
    # Tests sign in thousands of times, and don't test the strength of the hasher.
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "dashboard"
LOGOUT_REDIRECT_URL = "account_login"

ACCOUNT_ADAPTER = "accounts.sign_in.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "accounts.forms.factors.LoginForm",
    "change_password": "accounts.forms.factors.ChangePasswordForm",
    "reset_password": "accounts.forms.factors.RequestResetForm",
    "reset_password_from_key": "accounts.forms.factors.PasswordFromLinkForm",
    "set_password": "accounts.forms.factors.FirstPasswordForm",
}
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_CONFIRMATION_EXPIRE_DAYS = 1
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_REAUTHENTICATION_REQUIRED = True
# How long a sign-in or a step-up counts (accounts/sign_in/step_up.py). allauth counts none itself.
STEP_UP_LIFETIME = timedelta(minutes=15)
ACCOUNT_REAUTHENTICATION_TIMEOUT = 0
# Not by a code in an email, because everyone who can read the mailbox could step up.
ACCOUNT_REAUTHENTICATION_METHODS = ["password", "mfa"]
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if HTTPS else "http"
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXY_COUNT
MFA_ADAPTER = "accounts.sign_in.mfa_adapter.MFAAdapter"
# Recovery codes are ours (accounts/recovery_codes.py): allauth could compute them again.
MFA_SUPPORTED_TYPES = ["totp", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not HTTPS
MFA_FORMS = {
    "authenticate": "accounts.forms.factors.AuthenticateByCodeForm",
    "reauthenticate": "accounts.forms.factors.ReauthenticateByCodeForm",
    "add_webauthn": "accounts.forms.factors.AddKeyForm",
    "edit_webauthn": "accounts.forms.factors.RenameKeyForm",
    "login_webauthn": "accounts.forms.factors.LoginByKeyForm",
    "authenticate_webauthn": "accounts.forms.factors.AuthenticateByKeyForm",
    "reauthenticate_webauthn": "accounts.forms.factors.ReauthenticateByKeyForm",
}
MFA_TOTP_ISSUER = PLATFORM.name
USERSESSIONS_ADAPTER = "accounts.sign_in.adapter.UserSessionsAdapter"
USERSESSIONS_TRACK_ACTIVITY = True

SESSION_ENGINE = "core.sessions"
SESSION_COOKIE_AGE = int(SESSION_LIFETIME.total_seconds())
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "session"
SESSION_COOKIE_SECURE = HTTPS
# accounts notices sign-ins from a browser that is new for the person.
DEVICE_COOKIE_NAME = "__Host-device" if HTTPS else "device"
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else "csrftoken"
MESSAGES_COOKIE_NAME = "__Host-messages" if HTTPS else "messages"
# Our script writes it, with the same name.
THEME_COOKIE_NAME = "__Host-theme" if HTTPS else "theme"
MESSAGE_STORAGE = "console.messages.MessageStorage"
CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_HTTPONLY = True
CSRF_TRUSTED_ORIGINS = [ORIGIN]
CSRF_FAILURE_VIEW = "console.errors.csrf_failure"

# --- Transport and browser ------------------------------------------------------------------------

SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz/"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
# Injected scripts can't use browser features that our pages don't need. Our pages use passkeys.
PERMISSIONS_POLICY = (
    "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), serial=(), usb=(), "
    "clipboard-write=(self), publickey-credentials-create=(self), publickey-credentials-get=(self)"
)
if TRUSTED_PROXIES or TRUSTED_PROXY_COUNT:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "object-src": [NONE],
        "report-uri": "/csp-reports",
    }
}
# The largest form that a person sends is a list of client IDs.
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if TESTING
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_ALLOW_ALL_ORIGINS = False
WHITENOISE_USE_FINDERS = TESTING
# Tests create thousands of clients, and the middleware of each would list all files first.
WHITENOISE_AUTOREFRESH = TESTING

# --- Language and time ----------------------------------------------------------------------------

LANGUAGE_CODE = "en"
USE_I18N = False
TIME_ZONE = "UTC"

# --- Email ----------------------------------------------------------------------------------------

_email_url = env.email_url("EMAIL_URL", default="consolemail://" if DEMO else "smtp://localhost:25")
globals().update({name: value for name, value in _email_url.items() if name != "OPTIONS"})
EMAIL_TIMEOUT = 5
SERVER_EMAIL = DEFAULT_FROM_EMAIL
POST_OFFICE = {
    "BACKENDS": {"default": _email_url["EMAIL_BACKEND"]},
    # `manage.py tick` removes emails after thirty days.
    "MAX_RETRIES": 30 * 24 * 12,
    "RETRY_INTERVAL": timedelta(minutes=5),
    "LOG_LEVEL": 1,
}

# --- Tokens ---------------------------------------------------------------------------------------

ACCESS_TOKEN_TTL = timedelta(hours=1)
ACCESS_TOKEN_TTL_MIN = timedelta(minutes=10)
ACCESS_TOKEN_TTL_MAX = timedelta(hours=1)
REFRESH_TOKEN_TTL_MAX = timedelta(days=7)
# Whether a thread of each process writes rows in the background. Tests write them themselves.
BACKGROUND_WRITES = not TESTING

# --- Operation ------------------------------------------------------------------------------------

# While this file exists, /healthz/ready answers 503, because the server is stopping (bin/serve).
DRAIN_FILE: str = env.str("DRAIN_FILE", default="")
# Without a port, nothing is measured.
METRICS_PORT: int = env.int("METRICS_PORT", default=0)
METRICS_HOST: str = env.str("METRICS_HOST", default="127.0.0.1")
METRICS_TOKEN: str = env.str("METRICS_TOKEN", default="")

# --- Logs -----------------------------------------------------------------------------------------

DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG
DJANGO_STRUCTLOG_STATUS_4XX_LOG_LEVEL = logging.INFO
LOGGING = configured_logs(level=env.str("LOG_LEVEL", default="INFO"))
