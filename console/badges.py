"""`{% load badges %}`: a state as a badge with an icon and words, the same on every page.

These are functions, because lists have two badges per row and a template takes ten times longer.
"""

import functools
from typing import NamedTuple

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from accounts.environments import Environment
from console.icons import lucide
from credentials.models import JwtCredential
from credentials.wording import status_in_words

register = template.Library()


class State(NamedTuple):
    tone: str
    icon: str
    text: str


STATES = {
    "active": State("success", "circle-check", "Active"),
    "paused": State("warning", "circle-pause", "Paused"),
    "expiring": State("warning", "clock", "Expires soon"),
    "expired": State("neutral", "hourglass", "Expired"),
    "replacing": State("warning", "refresh-cw", "Being replaced"),
    "replaced": State("neutral", "replace", "Replaced"),
    "revoked": State("danger", "ban", "Revoked"),
    "suspended": State("warning", "circle-pause", "Suspended"),
    "disabled": State("danger", "circle-slash", "Disabled"),
    "allowed": State("success", "circle-check", "Allowed"),
    "blocked": State("neutral", "circle-slash", "Not allowed"),
    "waiting": State("info", "clock", "No one joined yet"),
    "pending": State("info", "clock", "Pending"),
    "unused": State("neutral", "circle-dashed", "Not used yet"),
    "refused": State("danger", "octagon-alert", "Refused often"),
    "unoffered": State("neutral", "circle-slash", "No longer offered"),
    "endless": State("warning", "infinity", "Never expires"),
    "current": State("success", "pen-line", "Current"),
    "next": State("info", "clock", "Next"),
    "retired": State("neutral", "archive", "Retired"),
    "distrusted": State("danger", "shield-off", "Distrusted"),
}
UNSEEN = mark_safe(' class="visually-hidden"')
ENVIRONMENT_ICONS = {Environment.PRODUCTION: "globe", Environment.SANDBOX: "flask-conical"}


@register.simple_tag
def status_badge(status: str, text: str = "", *, compact: bool = False) -> SafeString:
    """One of `STATES`, in its own words or in `text`, which `compact` hides visually."""
    state = STATES[status]
    return format_html(
        '<span class="badge badge--{}{}">{}<span{}>{}</span></span>',
        state.tone,
        " badge--compact" if compact else "",
        lucide(state.icon, size=14, aria_hidden="true"),
        UNSEEN if compact else "",
        text or state.text,
    )


@register.simple_tag
def credential_badge(credential: JwtCredential, *, compact: bool = False) -> SafeString:
    status = credential.status
    if status == "active" and credential.is_paused():
        status = "paused"
    elif credential.is_being_replaced:
        status = "replacing"
    elif credential.expires_soon:
        status = "expiring"
    return status_badge(status, status_in_words(credential), compact=compact)


@register.simple_tag
@functools.cache
def environment_badge(environment: str) -> SafeString:
    known = Environment(environment)
    return format_html(
        '<span class="badge badge--{}">{}{}</span>',
        known.value,
        lucide(ENVIRONMENT_ICONS[known], size=12, aria_hidden="true"),
        known.label,
    )
