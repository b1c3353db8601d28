"""Settings, all from the environment (.env.example lists every variable).

`manage.py` fills the variables that are unset from the embedded servers below `.stratum/`. A process started
without them and without DEBUG (gunicorn under a service manager, say) must have every secret: a missing one is
an error, never a default.
"""

import hashlib
import hmac
from pathlib import Path

import environ
import structlog
from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _
from kombu import Queue

from stratum.lib.logs import drop_repeated

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
if (BASE_DIR / ".env").exists():
    env.read_env(BASE_DIR / ".env")

DEBUG = env.bool("DEBUG", default=False)
# Embedded mode: own servers and secrets on this machine, plain HTTP on loopback.
EMBEDDED = env.bool("STRATUM_EMBEDDED", default=False)

SECRET_KEY = env.str("SECRET_KEY")
# Newest first: the first encrypts, all decrypt (`manage.py rotate_pii` rewrites rows with the first).
FERNET_KEYS = env.list("FERNET_KEYS")
# Its own key, so that rotating FERNET_KEYS leaves every look-up hash valid.
EMAIL_HASH_KEY = env.str("EMAIL_HASH_KEY")

PUBLIC_URL = env.str("PUBLIC_URL", default="http://127.0.0.1:8000").rstrip("/")
# Workspaces are reached at PUBLIC_URL, at <slug>.WORKSPACE_DOMAIN where that is set, and at their own domains.
WORKSPACE_DOMAIN = env.str("WORKSPACE_DOMAIN", default="")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    # Ours first: `stratum` overrides Django's migrate command.
    "stratum",
    "tenants",
    "accounts",
    "campaigns",
    "creatives",
    "competitors",
    "whatsapp",
    "mlcache",
    "rules",
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "accounts.apps.StaffAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.forms",
    "django.contrib.humanize",
    "axes",
    "csp",
    "django_htmx",
    "django_structlog",
    "lucide",
    "template_partials",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "stratum.middleware.VaryOnHtmxMiddleware",
    # Opens the request's transaction and binds the tenant; everything below it may touch tenant tables.
    "tenants.middleware.TenantMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.PersonMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "stratum.urls"
WSGI_APPLICATION = "stratum.wsgi.application"
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "stratum.context_processors.frame",
            ],
        },
    },
]

# --- Database -----------------------------------------------------------------------------------------------
# The application works as role stratum_app (owns nothing, cannot bypass row-level security), whoever logs in.
# `migrate` and backups act as the owner: DATABASE_OWNER_URL, or the login of DATABASE_URL itself.
DB_APP_ROLE = "stratum_app"
DB_UNSCOPED_ROLE = "stratum_unscoped"
DATABASE_OWNER = {}
if env.str("DATABASE_OWNER_URL", default=""):
    _owner = env.db_url("DATABASE_OWNER_URL")
    DATABASE_OWNER = {"user": _owner["USER"], "password": _owner["PASSWORD"]}
DATABASES = {
    "default": {
        **env.db_url("DATABASE_URL", engine="tenants.postgresql"),
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
    }
}
DATABASES["default"].setdefault("OPTIONS", {})
DATABASES["default"]["OPTIONS"]["options"] = f"-c role={DB_APP_ROLE}"
if env.bool("DB_POOL", default=True):
    DATABASES["default"]["OPTIONS"]["pool"] = {
        "min_size": 1,
        "max_size": env.int("DB_POOL_MAX", default=8),
        "timeout": 10,
    }
# Test runs that share a server get their own database each.
DATABASES["default"]["TEST"] = {"NAME": f"test_stratum{env.str('TEST_DB_SUFFIX', default='')}"}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Redis: one database for the queue, one for the cache ------------------------------------------------------
REDIS_URL = env.str("REDIS_URL").rstrip("/")
_redis_base = REDIS_URL.rsplit("/", 1)[0] if REDIS_URL.count("/") > 2 else REDIS_URL
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": f"{_redis_base}/{env.int('REDIS_CACHE_DATABASE', default=1)}",
    }
}
CELERY_BROKER_URL = f"{_redis_base}/{env.int('REDIS_QUEUE_DATABASE', default=0)}"
# Jobs that wait for platforms have a queue of their own, so that rules and imports never wait behind them. A worker
# that is told of no queue serves both.
CELERY_TASK_QUEUES = (Queue("celery"), Queue("platforms"))
CELERY_TASK_DEFAULT_QUEUE = "celery"
CELERY_TASK_ROUTES = {
    f"campaigns.{job}": {"queue": "platforms"}
    for job in (
        "sync_account",
        "apply_changes",
        "finish_connection",
        "list_connection_accounts",
        "refresh_tenant_tokens",
    )
} | {
    job: {"queue": "platforms"}
    for job in (
        "rules.send_slack",
        "rules.install_slack",
        "rules.refresh_tenant_slack",
        "accounts.send_email",
        "whatsapp.send",
        "whatsapp.list_numbers",
        "whatsapp.check_tenant_numbers",
        "whatsapp.sync_tenant_templates",
    )
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_SOFT_TIME_LIMIT = 600
CELERY_TASK_TIME_LIMIT = 660
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"

# A worker that holds a sync run shows life four times in this many seconds; after that another one may take it up.
SYNC_LEASE_SECONDS = env.int("SYNC_LEASE_SECONDS", default=60)

# --- People ---------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "accounts.backends.WorkspaceBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.BCryptSHA256PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("full_name",)},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "accounts:login"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"

# The key of a lock is (hash of the address, IP): nobody can lock a colleague out from elsewhere, and no plain
# address reaches a table.
AXES_FAILURE_LIMIT = env.int("LOGIN_FAILURE_LIMIT", default=8)
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_USERNAME_CALLABLE = "accounts.backends.axes_username"
AXES_LOCKOUT_CALLABLE = "accounts.views.locked_out"
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
# Never kept beside a failed log-in: what was typed, and the page it came from (a search may hold an address).
AXES_SENSITIVE_PARAMETERS = ["email", "password", "next"]
AXES_ENABLE_ACCESS_FAILURE_LOG = False
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False  # accounts.admin has its own page of locked log-ins
# Not the library's own reading of X-Forwarded-For: with one proxy it believes what the browser wrote there.
AXES_CLIENT_IP_CALLABLE = "stratum.lib.client_address.client_ip"
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)

# --- Language, zone --------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [
    ("en", _("English")),
    ("ar", _("Arabic")),
    ("de", _("German")),
    ("es", _("Spanish")),
    ("fr", _("French")),
    ("pt", _("Portuguese")),
]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# --- Files -----------------------------------------------------------------------------------------------------
STRATUM_HOME = Path(env.str("STRATUM_HOME", default=str(BASE_DIR / ".stratum")))
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = STRATUM_HOME / "staticfiles"
# Uploaded reports and assets: never below STATIC_URL, only served through views that check the tenant.
MEDIA_ROOT = Path(env.str("FILES_ROOT", default=str(STRATUM_HOME / "files")))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
IMPORT_MAX_BYTES = env.int("IMPORT_MAX_BYTES", default=200 * 1024 * 1024)

# The last 90 days rather than the newest alone: a run that failed is made good by the next.
ECB_RATES_URL = env.str("ECB_RATES_URL", default="https://www.ecb.europa.eu/stats/eurofxref/eurofxref-hist-90d.xml")

# --- Ad platforms: addresses, versions, and this installation's app registrations -------------------------------
# Without a registration a platform cannot be connected; imports work all the same. The sandbox overrides addresses.


def _address(name: str, default: str) -> str:
    return env.str(name, default=default).rstrip("/")


# The sandbox, where there is one: platforms whose address it is are simulated, and labelled so.
SANDBOX_URL = _address("SANDBOX_URL", "")

META_API_BASE = _address("META_API_BASE", "https://graph.facebook.com")
META_API_VERSION = env.str("META_API_VERSION", default="v26.0")
META_DIALOG_BASE = _address("META_DIALOG_BASE", "https://www.facebook.com")
META_CLIENT_ID = env.str("META_CLIENT_ID", default="")
META_CLIENT_SECRET = env.str("META_CLIENT_SECRET", default="")

GOOGLE_ADS_API_BASE = _address("GOOGLE_ADS_API_BASE", "https://googleads.googleapis.com")
GOOGLE_ADS_API_VERSION = env.str("GOOGLE_ADS_API_VERSION", default="v26")
GOOGLE_OAUTH_BASE = _address("GOOGLE_OAUTH_BASE", "https://oauth2.googleapis.com")
GOOGLE_CONSENT_BASE = _address("GOOGLE_CONSENT_BASE", "https://accounts.google.com")
GOOGLE_CLIENT_ID = env.str("GOOGLE_CLIENT_ID", default="")
GOOGLE_CLIENT_SECRET = env.str("GOOGLE_CLIENT_SECRET", default="")
# Optional since September 2026: access hangs on the Cloud project. A coming version will refuse the header.
GOOGLE_ADS_DEVELOPER_TOKEN = env.str("GOOGLE_ADS_DEVELOPER_TOKEN", default="")
# The project's daily allowance (basic access: 15000), spread over the day; 0 leaves the counting to Google.
GOOGLE_ADS_DAILY_OPERATIONS = env.int("GOOGLE_ADS_DAILY_OPERATIONS", default=0)

TIKTOK_API_BASE = _address("TIKTOK_API_BASE", "https://business-api.tiktok.com")
TIKTOK_API_VERSION = env.str("TIKTOK_API_VERSION", default="v1.3")
TIKTOK_CONSENT_BASE = _address("TIKTOK_CONSENT_BASE", "https://business-api.tiktok.com")
TIKTOK_CLIENT_ID = env.str("TIKTOK_CLIENT_ID", default="")
TIKTOK_CLIENT_SECRET = env.str("TIKTOK_CLIENT_SECRET", default="")

SNAPCHAT_API_BASE = _address("SNAPCHAT_API_BASE", "https://adsapi.snapchat.com")
SNAPCHAT_API_VERSION = env.str("SNAPCHAT_API_VERSION", default="v1")
SNAPCHAT_OAUTH_BASE = _address("SNAPCHAT_OAUTH_BASE", "https://accounts.snapchat.com")
SNAPCHAT_CLIENT_ID = env.str("SNAPCHAT_CLIENT_ID", default="")
SNAPCHAT_CLIENT_SECRET = env.str("SNAPCHAT_CLIENT_SECRET", default="")

LINKEDIN_API_BASE = _address("LINKEDIN_API_BASE", "https://api.linkedin.com")
LINKEDIN_API_VERSION = env.str("LINKEDIN_API_VERSION", default="202607")
LINKEDIN_OAUTH_BASE = _address("LINKEDIN_OAUTH_BASE", "https://www.linkedin.com")
LINKEDIN_CLIENT_ID = env.str("LINKEDIN_CLIENT_ID", default="")
LINKEDIN_CLIENT_SECRET = env.str("LINKEDIN_CLIENT_SECRET", default="")

# --- Slack -------------------------------------------------------------------------------------------------------
SLACK_API_BASE = _address("SLACK_API_BASE", "https://slack.com")
# Of "Add to Slack": consent and tokens. Without a registration channels are added by hand.
SLACK_OAUTH_BASE = _address("SLACK_OAUTH_BASE", "https://slack.com")
SLACK_CLIENT_ID = env.str("SLACK_CLIENT_ID", default="")
SLACK_CLIENT_SECRET = env.str("SLACK_CLIENT_SECRET", default="")
# The hosts of incoming webhooks. No other address is ever called, whatever somebody pastes.
SLACK_WEBHOOK_HOSTS = env.list("SLACK_WEBHOOK_HOSTS", default=["hooks.slack.com", "hooks.slack-gov.com"])

# --- WhatsApp (Meta's Cloud API) -----------------------------------------------------------------------------------
WHATSAPP_API_BASE = _address("WHATSAPP_API_BASE", "https://graph.facebook.com")
WHATSAPP_API_VERSION = env.str("WHATSAPP_API_VERSION", default="v23.0")
# Of the Meta app that webhooks come from, one for all workspaces. Without the secret no webhook call is believed.
WHATSAPP_APP_SECRET = env.str("WHATSAPP_APP_SECRET", default="")
# Asked for when an address is set up by hand at Meta; without a word of one's own it follows from SECRET_KEY.
WHATSAPP_VERIFY_TOKEN = (
    env.str("WHATSAPP_VERIFY_TOKEN", default="")
    or hmac.new(SECRET_KEY.encode(), b"whatsapp verify token", hashlib.sha256).hexdigest()
)
# What one number may send in a second (Meta raises busy numbers to 1000), and one person may get: one message each so
# many seconds, so many at once.
WHATSAPP_MESSAGES_PER_SECOND = env.int("WHATSAPP_MESSAGES_PER_SECOND", default=80)
WHATSAPP_PAIR_SECONDS = env.int("WHATSAPP_PAIR_SECONDS", default=6)
WHATSAPP_PAIR_BURST = env.int("WHATSAPP_PAIR_BURST", default=45)

# --- E-mail --------------------------------------------------------------------------------------------------------
# Without a mail server each message becomes a file of EMAIL_FOLDER, which an embedded installation has by itself.
EMAIL_HOST = env.str("EMAIL_HOST", default="")
EMAIL_USE_SSL = env.bool("EMAIL_USE_SSL", default=False)
EMAIL_USE_TLS = env.bool("EMAIL_USE_TLS", default=not EMAIL_USE_SSL)
EMAIL_PORT = env.int("EMAIL_PORT", default=465 if EMAIL_USE_SSL else 587 if EMAIL_USE_TLS else 25)
EMAIL_HOST_USER = env.str("EMAIL_HOST_USER", default="")
EMAIL_HOST_PASSWORD = env.str("EMAIL_HOST_PASSWORD", default="")
# Seconds for each step of a delivery.
EMAIL_TIMEOUT = env.int("EMAIL_TIMEOUT", default=20)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Stratum <stratum@localhost>")
EMAIL_FOLDER = env.str("EMAIL_FOLDER", default=str(STRATUM_HOME / "mail") if EMBEDDED else "")

# --- Security --------------------------------------------------------------------------------------------------
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
# The admin theme evaluates Alpine expressions and writes inline styles: its own, looser policy (accounts.middleware).
ADMIN_CONTENT_SECURITY_POLICY = {
    "script-src": [SELF, UNSAFE_EVAL, UNSAFE_INLINE],
    "style-src": [SELF, UNSAFE_INLINE],
}
if not (DEBUG or EMBEDDED):
    SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31536000)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True

# The user model is unique per workspace, and the login backend asks for both: auth.W004 does not apply.
SILENCED_SYSTEM_CHECKS = ["auth.W004"]

# --- Logs: one line per event, with request, tenant and task ids ------------------------------------------------
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
LOG_JSON = env.bool("LOG_JSON", default=not (DEBUG or EMBEDDED))
_shared_processors = [
    structlog.contextvars.merge_contextvars,
    # Machines want a whole moment, people at a terminal the time of day.
    structlog.processors.TimeStamper(fmt="iso", utc=True)
    if LOG_JSON
    else structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
]
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        drop_repeated,
        *_shared_processors,
        structlog.processors.format_exc_info,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"mask": {"()": "stratum.lib.masking.MaskingFilter"}},
    "formatters": {
        "event": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processor": structlog.processors.JSONRenderer()
            if LOG_JSON
            # Plain: the decorated traceback prints local variables (people, tokens) and takes half a second each.
            else structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
            "foreign_pre_chain": _shared_processors,
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "event", "filters": ["mask"]}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django.server": {"level": "WARNING"},
        "axes": {"level": "WARNING"},
        # They name whole addresses at INFO; campaigns.clients.transport and rules.clients log calls without secrets.
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
        # Every table of every font that goes into a PDF.
        "fontTools": {"level": "WARNING"},
        "fpdf": {"level": "ERROR"},
    },
}

# The theme of the staff admin, in the product's own colours (static/css/tokens.css).
UNFOLD = {
    "SITE_TITLE": "Stratum staff",
    "SITE_HEADER": "Stratum staff",
    "SITE_URL": "/",
    "SITE_SYMBOL": "stacks",
    "STYLES": [lambda request: static("css/admin.css")],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "6px",
    "COLORS": {
        "primary": {
            "50": "#eff7f9",
            "100": "#e2eef1",
            "200": "#c0dde5",
            "300": "#8fd6e6",
            "400": "#6cc6da",
            "500": "#2a93aa",
            "600": "#0b5f73",
            "700": "#084b5b",
            "800": "#0a3d4a",
            "900": "#0b323d",
            "950": "#071f27",
        }
    },
    "SIDEBAR": {"show_search": True, "show_all_applications": False},
}

TEST_RUNNER = "django.test.runner.DiscoverRunner"
