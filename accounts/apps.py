from django.apps import AppConfig
from django.contrib import admin
from django.contrib.admin import apps as admin_apps
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    default = True
    name = "accounts"
    verbose_name = _("Accounts")
    default_auto_field = "django.db.models.BigAutoField"


class StaffAdminConfig(admin_apps.AdminConfig):
    """Django admin with our own site: our login, our audit trail, the theme."""

    default = False
    default_site = "accounts.staff_site.StaffSite"

    def ready(self):
        super().ready()
        from django.contrib.auth.models import Group

        # Roles and capabilities are a table in code (accounts.roles): groups would grant nothing.
        admin.site.unregister(Group)
