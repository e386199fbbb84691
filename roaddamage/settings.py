"""Django's settings, from the workspace and the environment; the command line sets both before it starts Django.

ROADDAMAGE_WORKSPACE      the workspace's folder (`--workspace`)
DATABASE_URL              postgresql://user:password@host/name; without it SQLite in the workspace

Everything else stands in the workspace's settings.toml, or in the environment before it (`roaddamage.configuration`).
"""

from __future__ import annotations

import os
from typing import Any

import dj_database_url

from maps.offline import ASSETS
from roaddamage.configuration import read
from roaddamage.language import LOCALE
from roaddamage.logs import settings_of
from roaddamage.workspace import workspace_in_use

WORKSPACE = workspace_in_use()
CONFIGURATION = read(WORKSPACE.folder)
HTTPS = CONFIGURATION.server.https
DAY_S = 86_400

SECRET_KEY = WORKSPACE.secret_key()
DEBUG = False
ALLOWED_HOSTS = CONFIGURATION.server.hosts
CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in ALLOWED_HOSTS] if HTTPS else []
ROOT_URLCONF = "roaddamage.web.urls"
ASGI_APPLICATION = "roaddamage.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "roaddamage.web.apps.AdministrationConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_tasks",
    "django_tasks_db",
    "axes",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "ninja",
    "roaddamage.records",
    "roaddamage.web",
]
MIDDLEWARE = [
    "roaddamage.web.request_log.Requests",
    "roaddamage.web.streaming.Streams",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "roaddamage.api.tokens.ByToken",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "roaddamage.web.middleware.Guard",
    "axes.middleware.AxesMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

DATABASES: dict[str, Any] = {
    "default": dj_database_url.parse(
        os.environ.get("DATABASE_URL", f"sqlite:///{WORKSPACE.records}"),
        conn_max_age=60,
        conn_health_checks=True,
    )
}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        # Writers wait for one another instead of failing; a transaction that will write says so at once.
        "timeout": 30,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-64000;",
    }

TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": ["default", "trainings"]}}

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "APP_DIRS": True,
        "OPTIONS": {"environment": "roaddamage.web.templating.environment"},
    },
    {  # the administrators' pages are Django's own
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    },
]

EXPORT_DAYS = CONFIGURATION.keep.exports_days

LANGUAGE_CODE = "ja"
LANGUAGES = [("ja", "日本語"), ("en", "English")]
LANGUAGE_COOKIE_NAME = "language"
LOCALE_PATHS = [LOCALE]
FORMAT_MODULE_PATH = ["roaddamage.web.formats"]
USE_TZ = True
TIME_ZONE = CONFIGURATION.server.timezone

STATIC_URL = "/static/"
STATICFILES_DIRS = [(name, ASSETS / name) for name in ("leaflet", "pmtiles", "protomaps-leaflet")]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = WHITENOISE_ALLOW_ALL_ORIGINS = False

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    "roaddamage.web.access.Administrators",
    "roaddamage.web.oidc_users.ByProvider",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"

OIDC = CONFIGURATION.oidc
SOCIALACCOUNT_ADAPTER = "roaddamage.web.oidc.Adapter"

AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25
"""Hours that a name stays locked out."""
AXES_LOCKOUT_PARAMETERS = ["username"]
"""By name: in an office network many people share one address."""
SILENCED_SYSTEM_CHECKS = ["axes.W006"]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "web/locked_out.html"
AXES_VERBOSE = False

SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
LANGUAGE_COOKIE_AGE = 365 * DAY_S
CSRF_FAILURE_VIEW = "roaddamage.web.refused.csrf"
if HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 30 * DAY_S
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "SAMEORIGIN"
WEBHOOK_HOSTS = CONFIGURATION.webhooks.hosts
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 2**20
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000

LOGGING = settings_of(CONFIGURATION.logs.format, requests=CONFIGURATION.logs.requests)
