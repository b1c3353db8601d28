"""WSGI entry point (gunicorn stratum.wsgi:application)."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stratum.settings")

application = get_wsgi_application()
