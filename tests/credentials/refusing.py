"""Refused requests as programs make them, and what the explainer says of them."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from core.background import BackgroundWriter
from credentials.actions.refusals import note_often_refused
from credentials.models import JwtCredential, Refusal
from credentials.models.refusals import RefusedWhat

WHY = reverse("refusals:why")


def recorded(response: Any) -> Refusal:
    """The row of a refused request, after the writer had its turn."""
    BackgroundWriter.flush_all()
    return Refusal.objects.get(request_id=response["X-Request-Id"])


def asked(browser: Browser, response: Any) -> Any:
    """The page that a person gets for the request id of a response."""
    BackgroundWriter.flush_all()
    return browser.get(WHY, {"request_id": response["X-Request-Id"]})


def marks(page: Any) -> list[tuple[str, str]]:
    """The checks of a page as `(result, title)`, in their order."""
    shown = page.context.get("explanation") or page.context.get("dry_run")
    return [(row.result, row.title) for row in shown.checks]


def failed(page: Any) -> str:
    """The title of the check that failed; those before it passed, those after were not reached."""
    results = [result for result, _ in marks(page)]
    index = results.index("fail")
    assert results == ["pass"] * index + ["fail"] + ["skip"] * (len(results) - index - 1)
    return marks(page)[index][1]


def refused(credential: JwtCredential, *, times: int, days_ago: float = 1) -> None:
    """As many exchanges refused, the latest at that time."""
    at = timezone.now() - timedelta(days=days_ago)
    Refusal.objects.bulk_create(
        Refusal(
            at=at - timedelta(seconds=times - 1 - number),
            request_id=str(uuid4()),
            environment=credential.environment,
            what=RefusedWhat.EXCHANGE,
            method="POST",
            path="/restapi/oauth/token",
            status=400,
            code="JWT-105",
            message="This app is not allowed to use this credential. Ask the credential's owner "
            "to add the app's client ID to it.",
            credential=credential,
        )
        for number in range(times)
    )
    note_often_refused([credential.pk])
