"""The API and the operation that a refused call was about, if the platform still has them."""

from django.conf import settings
from django.urls import reverse

from accounts.platform import built_in
from accounts.platform.catalog import Operation
from credentials.models import Refusal


def api_label(refusal: Refusal) -> str:
    """Empty for a request at the Auth API or the built-in REST API."""
    api = settings.PLATFORM.apis.get(refusal.api)
    return api.label if api else refusal.api


def operation_of(refusal: Refusal) -> Operation | None:
    api = settings.PLATFORM.apis.get(refusal.api)
    return api.operation(refusal.operation) if api else None


def reference_url(api: str) -> str:
    """The page of an API in the reference; empty if the platform file has no API with this ID."""
    return reverse("reference_api", args=[api]) if api in settings.PLATFORM.apis else ""


def operation_url(refusal: Refusal) -> str:
    """The page of the operation in the reference; empty if the platform no longer has it."""
    if refusal.api:
        is_known, api = operation_of(refusal) is not None, refusal.api
    else:
        is_known = bool(refusal.operation) and settings.PLATFORM.built_in_api
        api = built_in.API_ID
    return reverse("reference_operation", args=[api, refusal.operation]) if is_known else ""
