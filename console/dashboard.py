"""The dashboard: first steps for newcomers, what needs attention for everyone else."""

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import member
from accounts.environments import Environment, wanted_environment
from accounts.models import Membership
from accounts.platform.words import word
from accounts.roles import ConsolePermission
from credentials.models import Application, JwtCredential
from credentials.models.expiration import EXPIRES_SOON
from credentials.models.refusals import OFTEN, OFTEN_WITHIN
from credentials.reports.attention import (
    IN_ORGANIZATION,
    MANY,
    UNUSED,
    AttentionReason,
    organization_attention,
    own_attention,
)


@dataclass(frozen=True)
class FirstStep:
    title: str
    text: str
    link: str
    url: str
    done: bool
    state: str = "todo"

    @property
    def next_url(self) -> str:
        return "" if self.done else self.url


@dataclass(frozen=True)
class AttentionItem:
    icon: str
    text: str
    hint: str
    url: str


@require_safe
def dashboard(request: HttpRequest) -> HttpResponse:
    viewer = member(request.user, ConsolePermission.CONSOLE_USE)
    wanted = wanted_environment(request.GET)
    context: dict[str, Any] = {"environments": [wanted] if wanted else list(Environment)}
    if viewer.is_developer:
        steps = first_steps(viewer)
        active = JwtCredential.objects.of(viewer).active(timezone.now())
        context |= {
            "steps": [] if all(step.done for step in steps) else steps,
            "active_count": active.in_environment(wanted).count(),
            "application_count": (
                Application.objects.visible_to(viewer).with_client_in(wanted).count()
            ),
            "attention": own_attention(viewer, environment=wanted),
            "often": OFTEN,
            "often_days": OFTEN_WITHIN.days,
        }
    sees_organization = viewer.may(ConsolePermission.JWT_CREDENTIAL_VIEW_ANY)
    if sees_organization or viewer.may(ConsolePermission.ACCESS_MANAGE):
        context["matters"] = organization_matters(viewer, wanted)
    return render(request, "console/dashboard.html", context)


# For each reason: the icon, the text about one and about several credentials, and what to do.
_OF_CREDENTIALS = {
    AttentionReason.REFUSED: (
        "octagon-alert",
        f"credential was refused {OFTEN} or more times in the last {OFTEN_WITHIN.days} days",
        f"credentials were refused {OFTEN} or more times in the last {OFTEN_WITHIN.days} days",
        "Each credential’s page shows why and how to fix it.",
    ),
    AttentionReason.EXPIRING: (
        "clock",
        f"credential expires within {EXPIRES_SOON.days} days",
        f"credentials expire within {EXPIRES_SOON.days} days",
        "Owners get reminders. Rotate a credential to replace it without an outage.",
    ),
    AttentionReason.NEVER_EXPIRES: (
        "infinity",
        "production credential never expires",
        "production credentials never expire",
        "To set an expiration date, rotate a credential. A policy can require expiration dates.",
    ),
    AttentionReason.UNUSED: (
        "circle-dashed",
        f"credential hasn’t been used in the last {UNUSED.days} days",
        f"credentials haven’t been used in the last {UNUSED.days} days",
        "Revoke credentials you no longer need so they can’t leak.",
    ),
}
_ACCESS_REQUESTS = "access_requests"


def organization_matters(
    viewer: Membership, environment: Environment | None
) -> list[AttentionItem]:
    beside: dict[str, QuerySet[Any]] = {}
    if viewer.may(ConsolePermission.ACCESS_MANAGE):
        beside[_ACCESS_REQUESTS] = viewer.organization.access_requests.pending()
    counts = organization_attention(
        viewer.organization,
        credentials=viewer.may(ConsolePermission.JWT_CREDENTIAL_VIEW_ANY),
        beside=beside,
        environment=environment,
    )
    matters = []
    if waiting := counts.get(_ACCESS_REQUESTS):
        people = "person is" if waiting == 1 else "people are"
        text = f"{_number(waiting)} {people} waiting for access"
        hint = "Approve a request and assign a role, or decline it and give a reason."
        matters.append(AttentionItem("user-plus", text, hint, reverse("accounts:access")))
    for reason, (icon, one, several, hint) in _OF_CREDENTIALS.items():
        if count := counts.get(reason):
            text = f"{_number(count)} {one if count == 1 else several}"
            matters.append(AttentionItem(icon, text, hint, _inventory_url(reason)))
    return matters


def _number(count: int) -> str:
    return f"More than {MANY}" if count > MANY else str(count)


def _inventory_url(reason: AttentionReason) -> str:
    filters = IN_ORGANIZATION[reason].facts
    return f"{reverse('organization:credentials')}?{urlencode(filters)}"


def first_steps(viewer: Membership) -> list[FirstStep]:
    user = viewer.user
    steps = [
        FirstStep(
            f"Create your sandbox {word('account')}",
            f"Your own {word('login')} in the sandbox, where you can test safely.",
            f"Create sandbox {word('account')}",
            reverse("accounts:sandbox_account"),
            user.extensions.in_environment(Environment.SANDBOX).exists(),
        ),
        FirstStep(
            "Register an app",
            "Your app gets a client ID and a client secret for each environment.",
            "Create app",
            reverse("credentials:create_application"),
            Application.objects.visible_to(viewer).exists(),
        ),
        FirstStep(
            "Create a JWT credential",
            "With this key, an app can call the API as you.",
            "Create JWT",
            reverse("my_credentials:create"),
            JwtCredential.objects.of(viewer).exists(),
        ),
        FirstStep(
            "Exchange it and call the API",
            "The credential’s page has commands to copy and a test to run in your browser.",
            "View your credentials",
            reverse("my_credentials:list"),
            JwtCredential.objects.of(viewer).filter(usage__isnull=False).exists(),
        ),
    ]
    current = next((index for index, step in enumerate(steps) if not step.done), None)
    return [
        replace(step, state="done" if step.done else "current" if index == current else "todo")
        for index, step in enumerate(steps)
    ]
