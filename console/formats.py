"""Whether numbers, URLs, and levels in the settings have the right format.

A wrong value is reported with all other problems, and replaced by the default meanwhile. Otherwise,
reading it would end the start with a traceback.
"""

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from console.env import Problems, env

NUMBERS = ("GRANIAN_WORKERS", "METRICS_PORT", "PORT", "TRUSTED_PROXY_COUNT")
_NUMBER = re.compile(r"\s*[0-9]{1,5}\s*")
# What parses each URL, and the key of the result that a URL without a scheme lacks.
_PARSERS: Mapping[str, tuple[Callable[[str], dict[str, Any]], str]] = {
    "DATABASE_URL": (env.db_url_config, "ENGINE"),
    "CACHE_URL": (env.cache_url_config, "BACKEND"),
    "EMAIL_URL": (env.email_url_config, "EMAIL_BACKEND"),
}
_ORIGINS = ("ORIGIN", "SANDBOX_BASE_URL", "PRODUCTION_BASE_URL")


def wrong_formats() -> Problems:
    """The first problems, to which reading the settings adds others."""
    problems = Problems()
    for name in NUMBERS:
        if not _NUMBER.fullmatch(env.ENVIRON.get(name, "0")):
            _refuse(name, "isn't a whole number", "Use digits only.", problems)
    for name in _PARSERS:
        if not _is_parsed(name):
            _refuse(name, "isn't a URL that we know", "See the examples.", problems)
    for name in _ORIGINS:
        if not _is_url(env.ENVIRON.get(name, "")):
            _refuse(name, "isn't a URL", "Use one such as https://example.com.", problems)
    level = env.ENVIRON.get("LOG_LEVEL", "INFO")
    if level not in logging.getLevelNamesMapping():
        _refuse("LOG_LEVEL", "isn't a level", "Use one such as INFO or WARNING.", problems)
    return problems


def _refuse(name: str, problem: str, remedy: str, problems: Problems) -> None:
    problems.add(name, problem, remedy)
    del env.ENVIRON[name]


def _is_parsed(name: str) -> bool:
    if name not in env.ENVIRON:
        return True
    parse, key = _PARSERS[name]
    try:
        return bool(parse(env.ENVIRON[name]).get(key))
    except (ImproperlyConfigured, ValueError, KeyError):
        return False


def _is_url(text: str) -> bool:
    try:
        urlsplit(text)
    except ValueError:
        return False
    return True
