"""Refused requests as programs make them, and what the explainer says of them."""

from typing import Any

from django.test import Client as Browser
from django.urls import reverse

from credentials.background import BackgroundWriter
from credentials.models import Refusal

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
    shown = page.context.get("explanation") or page.context.get("trial")
    return [(step.result, step.title) for step in shown.steps]


def failed(page: Any) -> str:
    """The title of the check that failed; those before it passed, those after were not reached."""
    results = [result for result, _ in marks(page)]
    index = results.index("fail")
    assert results == ["pass"] * index + ["fail"] + ["skip"] * (len(results) - index - 1)
    return marks(page)[index][1]
