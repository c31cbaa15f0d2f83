"""The dashboard: first steps for newcomers, what needs attention for everyone else."""

from dataclasses import dataclass
from typing import Any

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
from credentials.models.jwt_credentials import EXPIRES_SOON


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


@require_safe
def dashboard(request: HttpRequest) -> HttpResponse:
    viewer = member(request.user, ConsolePermission.CONSOLE_USE)
    context: dict[str, Any] = {
        "environments": [
            {"environment": environment, "urls": environment.urls} for environment in Environment
        ],
    }
    if viewer.is_developer:
        now = timezone.now()
        mine = JwtCredential.objects.of(viewer).with_facts()
        active = mine.standing(now)
        steps = first_steps(viewer)
        context |= {
            "steps": [] if all(step.done for step in steps) else steps,
            "active_count": active.count(),
            "application_count": Application.objects.visible_to(viewer).count(),
            "expiring": list(
                active.filter(expires_at__lte=now + EXPIRES_SOON).order_by("expires_at")[:10]
            ),
            "unused": list(active.filter(usage__isnull=True).order_by("issued_at")[:10]),
        }
    return render(request, "console/dashboard.html", context)


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
            "The created page has lines to copy, and a test you can run in the browser.",
            "See your credentials",
            reverse("my_credentials:list"),
            JwtCredential.objects.of(viewer).filter(usage__isnull=False).exists(),
        ),
    ]
    current = next((index for index, step in enumerate(steps) if not step.done), None)
    return [
        Step(
            step.title,
            step.text,
            step.link,
            step.url,
            step.done,
            "done" if step.done else "current" if index == current else "todo",
        )
        for index, step in enumerate(steps)
    ]
