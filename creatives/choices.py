from django.db import models
from django.utils.translation import gettext_lazy as _


class AssetType(models.TextChoices):
    IMAGE = "image", _("Image")
    VIDEO = "video", _("Video")
    CAROUSEL = "carousel", _("Carousel")
    STORY = "story", _("Story")
    HTML5 = "html5", "HTML5"
