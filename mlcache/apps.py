from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MLCacheConfig(AppConfig):
    name = "mlcache"
    verbose_name = _("Forecasts")
    default_auto_field = "django.db.models.BigAutoField"
