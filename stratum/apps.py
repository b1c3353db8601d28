from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class StratumConfig(AppConfig):
    name = "stratum"
    verbose_name = _("Stratum")
    default_auto_field = "django.db.models.BigAutoField"
