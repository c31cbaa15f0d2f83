"""What surrounds each call: its JSON, and conditions on changes (RFC 9110 §13)."""

import functools
import json
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse

from accounts.platform import built_in
from console.api.errors import ApiError
from credentials.oauth.bearer import BearerError

View = Callable[..., dict[str, Any]]


def answered(view: View) -> Callable[..., HttpResponse]:
    # Tests show that the bodies match their schemas, so no request spends time on it.
    @functools.wraps(view)
    def sent(*args: Any, **kwargs: Any) -> HttpResponse:
        try:
            body = json.dumps(view(*args, **kwargs))
        except BearerError as error:
            operation = built_in.operation_id(view.__name__)
            raise error.about(operation=operation)  # noqa: B904 - the same
        return HttpResponse(body, content_type="application/json; charset=utf-8")

    return sent


def changing(view: View) -> View:
    """Makes a change only if the request's conditions hold, whose order §13.2.2 gives.

    A request that would be refused anyway gets that refusal (§13.2.1), so the conditions come
    last, and a change that they don't allow is rolled back.
    """

    @functools.wraps(view)
    def changed(request: HttpRequest, **parameters: Any) -> dict[str, Any]:
        if not _has_conditions(request):
            return view(request, **parameters)
        with transaction.atomic():
            body = view(request, **parameters)
            _require_conditions(request)
        return body

    return changed


def _has_conditions(request: HttpRequest) -> bool:
    return "HTTP_IF_MATCH" in request.META or "HTTP_IF_NONE_MATCH" in request.META


def _require_conditions(request: HttpRequest) -> None:
    # No resource of this API has an entity tag. The star means any representation, and
    # everything that can be changed has one.
    if request.headers.get("If-Match", "*").strip() != "*":
        raise _failed("If-Match", "no resource of this API has an ETag")
    if request.headers.get("If-None-Match", "").strip() == "*":
        raise _failed("If-None-Match", "the resource exists")


def _failed(header: str, reason: str) -> ApiError:
    message = f"The condition in {header} is false, because {reason}. Send the request without it."
    return ApiError(412, "CMN-101", message)
