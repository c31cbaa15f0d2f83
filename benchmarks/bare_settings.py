"""Our settings without middleware, URLs and other apps, for the cost of a bare Django view."""

from console.settings import *  # noqa: F403

# allauth requires a middleware, and the views read only our own rows.
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "accounts"]
MIDDLEWARE = []
ROOT_URLCONF = "benchmarks.bare"
