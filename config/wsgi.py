"""WSGI entry for granian or any other server."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

django = get_wsgi_application()

from config.middleware import headers_of_every_page  # noqa: E402 (settings come first)
from portal.views.visits import VisitsFirst  # noqa: E402

application = VisitsFirst(django, headers_of_every_page)
