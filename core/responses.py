"""Headers of responses of the hot paths."""

from collections.abc import Mapping

from django.http import HttpResponse


def set_headers(response: HttpResponse, headers: Mapping[str, str]) -> None:
    """Set headers whose values are printable ASCII, without Django's checks of each."""
    for name, value in headers.items():
        response.headers._store[name.lower()] = (name, value)
