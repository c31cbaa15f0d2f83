"""Our settings without middleware, URLs and other apps: what a bare Django view costs."""

from console.settings import *  # noqa: F403

# allauth wants a middleware; only our own rows are read here.
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "accounts"]
MIDDLEWARE = []
ROOT_URLCONF = "benchmarks.bare"
