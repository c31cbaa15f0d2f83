"""Counts calls to any API of the platform."""

from django.http import HttpRequest
from django.utils import timezone

from core.origin import client_ip
from credentials.models.usage import Called, note_use
from credentials.oauth.bearer import Bearer, TooManyCalls
from credentials.throttle import LimitGroup, RateLimited, meter_of


def count_call(request: HttpRequest, caller: Bearer, called: Called, group: LimitGroup) -> None:
    """Count a call as a use of its credential, and against its rate limit. Raises `TooManyCalls`.

    The token is valid, so a call counts as a use even if it is refused afterwards.
    """
    note_use(
        caller.credential_id,
        caller.client.pk,
        at=timezone.now(),
        address=client_ip(request),
        called=called,
    )
    try:
        meter_of(request).count(group, caller.client.client_id, str(caller.extension.pk))
    except RateLimited as limited:
        raise caller.refused(TooManyCalls(str(limited))) from limited
