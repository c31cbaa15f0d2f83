"""The WSGI callable that granian serves."""

import os
from collections.abc import Callable, Iterable

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

application: Callable[..., Iterable[bytes]] = get_wsgi_application()
if settings.METRICS_PORT:
    # Here, because the library decides when it is imported how processes count.
    from console.metrics import with_metrics

    application = with_metrics(application)
