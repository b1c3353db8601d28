from django.db import models
from django.utils.translation import gettext_lazy as _


class Forecast(models.TextChoices):
    """What is forecast of one campaign (ml_predictions.model_type), over the days that follow the prediction.

    Money is in minor units of the campaign's currency; ROAS is a multiple.
    """

    SPEND_7D = "spend_7d", _("Spend, next 7 days")
    REVENUE_7D = "revenue_7d", _("Revenue, next 7 days")
    CONVERSIONS_7D = "conversions_7d", _("Conversions, next 7 days")
    ROAS_7D = "roas_7d", _("ROAS, next 7 days")
    SPEND_30D = "spend_30d", _("Spend, next 30 days")
    REVENUE_30D = "revenue_30d", _("Revenue, next 30 days")
    CONVERSIONS_30D = "conversions_30d", _("Conversions, next 30 days")
    ROAS_30D = "roas_30d", _("ROAS, next 30 days")
