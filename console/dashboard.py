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
from accounts.environments import Environment
from accounts.models import Membership
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
class Step:
    title: str
    text: str
    link: str
    url: str
    done: bool
    state: str = "todo"

    @property
    def next_url(self) -> str:
        """Where to go for it; nowhere when it is done."""
        return "" if self.done else self.url


@dataclass(frozen=True)
class AttentionItem:
    """Something of the organization to look at, and the list that shows it."""

    icon: str
    text: str
    hint: str
    url: str


@require_safe
def dashboard(request: HttpRequest) -> HttpResponse:
    viewer = member(request.user, ConsolePermission.CONSOLE_USE)
    context: dict[str, Any] = {
        "environments": [
            {"environment": environment, "urls": environment.urls} for environment in Environment
        ],
    }
    if viewer.is_developer:
        steps = first_steps(viewer)
        context |= {
            "steps": [] if all(step.done for step in steps) else steps,
            "active_count": JwtCredential.objects.of(viewer).active(timezone.now()).count(),
            "application_count": Application.objects.visible_to(viewer).count(),
            "attention": own_attention(viewer),
            "often": OFTEN,
            "often_days": OFTEN_WITHIN.days,
        }
    sees_organization = viewer.may(ConsolePermission.JWT_CREDENTIAL_VIEW_ANY)
    if sees_organization or viewer.may(ConsolePermission.ACCESS_MANAGE):
        context["matters"] = organization_matters(viewer)
    return render(request, "console/dashboard.html", context)


# Of each reason: icon, what is said of one and of several, and what to do about it.
_OF_CREDENTIALS = {
    AttentionReason.REFUSED: (
        "octagon-alert",
        f"credential was refused {OFTEN} times or more in {OFTEN_WITHIN.days} days",
        f"credentials were refused {OFTEN} times or more in {OFTEN_WITHIN.days} days",
        "The page of each says why, with the fix.",
    ),
    AttentionReason.EXPIRING: (
        "clock",
        f"credential expires within {EXPIRES_SOON.days} days",
        f"credentials expire within {EXPIRES_SOON.days} days",
        "Their owners are reminded; Rotate replaces one without an outage.",
    ),
    AttentionReason.NEVER_EXPIRES: (
        "infinity",
        "production credential never expires",
        "production credentials never expire",
        "Rotate gives the replacement an expiration date; a policy can require one.",
    ),
    AttentionReason.UNUSED: (
        "circle-dashed",
        f"credential was not used for {UNUSED.days} days",
        f"credentials were not used for {UNUSED.days} days",
        "Revoke what nobody needs: a key that is not there can't leak.",
    ),
}
_ACCESS_REQUESTS = "access_requests"


def organization_matters(viewer: Membership) -> list[AttentionItem]:
    """What there is to look at, with the number of each; what there is none of is left out."""
    beside: dict[str, QuerySet[Any]] = {}
    if viewer.may(ConsolePermission.ACCESS_MANAGE):
        beside[_ACCESS_REQUESTS] = viewer.organization.access_requests.pending()
    counts = organization_attention(
        viewer.organization,
        credentials=viewer.may(ConsolePermission.JWT_CREDENTIAL_VIEW_ANY),
        beside=beside,
    )
    matters = []
    if waiting := counts.get(_ACCESS_REQUESTS):
        who = "person waits" if waiting == 1 else "people wait"
        text = f"{_number(waiting)} {who} for access"
        hint = "Approve with a role, or decline with a reason."
        matters.append(AttentionItem("user-plus", text, hint, reverse("accounts:access")))
    for reason, (icon, one, several, hint) in _OF_CREDENTIALS.items():
        if count := counts.get(reason):
            text = f"{_number(count)} {one if count == 1 else several}"
            matters.append(AttentionItem(icon, text, hint, _inventory_url(reason)))
    return matters


def _number(count: int) -> str:
    return f"More than {MANY}" if count > MANY else str(count)


def _inventory_url(reason: AttentionReason) -> str:
    """The organization's credentials, filtered by the reason."""
    filters = IN_ORGANIZATION[reason].facts
    return f"{reverse('organization:credentials')}?{urlencode(filters)}"


def first_steps(viewer: Membership) -> list[Step]:
    """The way from an empty console to the first call; the first step not done is current."""
    user = viewer.user
    steps = [
        Step(
            "Create your sandbox account",
            "Your own login in the sandbox, where nothing you break is real.",
            "Create sandbox account",
            reverse("accounts:sandbox_account"),
            user.extensions.in_environment(Environment.SANDBOX).exists(),
        ),
        Step(
            "Register an app",
            "It gets a client ID and a secret for each environment.",
            "Create app",
            reverse("credentials:create_application"),
            Application.objects.visible_to(viewer).exists(),
        ),
        Step(
            "Create a JWT credential",
            "The key that lets an app call the API as you.",
            "Create JWT",
            reverse("my_credentials:create"),
            JwtCredential.objects.of(viewer).exists(),
        ),
        Step(
            "Exchange it and call the API",
            "Its page has lines to copy, and a test you can run in the browser.",
            "See your credentials",
            reverse("my_credentials:list"),
            JwtCredential.objects.of(viewer).filter(usage__isnull=False).exists(),
        ),
    ]
    current = next((index for index, step in enumerate(steps) if not step.done), None)
    return [
        replace(step, state="done" if step.done else "current" if index == current else "todo")
        for index, step in enumerate(steps)
    ]
