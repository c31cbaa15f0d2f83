"""The credential pages as a person meets them: their addresses, their forms, what they say."""

import html
import re
import uuid
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

from django.apps import apps
from django.urls import reverse

from accounts.models import AuditEvent, AuditKind, Membership
from credentials.models import JwtCredential

# Anything in the form of one of our tokens.
JWT = re.compile(r"eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
OF_OWNER = ("list", "create", "new_apps")
OF_CREDENTIAL = ("detail", "apps", "created", "revoke", "show", "test")
ONLY_POST = ("new_apps", "apps", "test")


def url(
    name: str, credential: JwtCredential | None = None, through: Membership | None = None
) -> str:
    """An address of one's own pages, or of the same page `through` a person of Organization."""
    kwargs: dict[str, object] = {}
    if credential is not None:
        kwargs["credential_id"] = credential.pk
    if through is None:
        return reverse(f"my_credentials:{name}", kwargs=kwargs)
    return reverse(f"developer_credentials:{name}", kwargs=kwargs | {"user_id": through.user_id})


def every_url(credential: JwtCredential, through: Membership | None) -> dict[str, str]:
    of_owner = {name: url(name, through=through) for name in OF_OWNER}
    return of_owner | {name: url(name, credential, through) for name in OF_CREDENTIAL}


def submission(**changed: Any) -> dict[str, Any]:
    """The Create JWT form, filled in for all apps in the organization."""
    return {
        "label": "Contractor Key",
        "environment": "sandbox",
        "app_access": "organization",
        "client_id": "",
        "expires_on": "",
        "submission_key": str(uuid.uuid4()),
        **changed,
    }


def text_of(response: Any) -> str:
    return str(response.content.decode())


def words_of(response: Any) -> str:
    """What one reads on a page: its text without tags, in single spaces."""
    return _words(re.sub(r"<(head|script)\b.*?</\1>", "", text_of(response), flags=re.DOTALL))


def _words(fragment: str) -> str:
    # A line break shows that no tag stood between what a person sees side by side.
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", fragment)).split())


def errors_of(response: Any) -> dict[str, str]:
    """What is said beside each field."""
    found = re.findall(r'id="id_(\w+)_error">(.*?)</ul>', text_of(response), re.DOTALL)
    return {field: _words(message) for field, message in found}


def alerts_of(response: Any) -> list[str]:
    """Errors of a form as a whole."""
    found = re.findall(r'role="alert">(.*?)</div>', text_of(response), re.DOTALL)
    return [_words(message) for message in found]


def fields_of(response: Any, action: str) -> dict[str, Any]:
    """The fields that a browser would send from the unchanged form with this action."""
    parser = _Form(action)
    parser.feed(text_of(response))
    parser.fields.pop("csrfmiddlewaretoken", None)
    return {
        name: values if name == "client_ids" else values[0]
        for name, values in parser.fields.items()
    }


class _Form(HTMLParser):
    def __init__(self, action: str) -> None:
        super().__init__()
        self.action = action
        self.inside = False
        self.fields: dict[str, list[str]] = {}

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.inside = values.get("action") == self.action
        if tag != "input" or not self.inside or "disabled" in values or "name" not in values:
            return
        if values.get("type") not in {"radio", "checkbox"} or "checked" in values:
            self.fields.setdefault(values["name"], []).append(values.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False


def listed_in(response: Any) -> list[list[str]]:
    """The rows of the list of permitted apps: client ID, name and provider, without the scopes."""
    page = re.sub(r"<small.*?</small>", "", text_of(response), flags=re.DOTALL)
    rows = re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)
    cells = (re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for row in rows)
    return [[_words(cell) for cell in row[:3]] for row in cells if len(row) == 4]


def the_event(kind: AuditKind) -> AuditEvent:
    return AuditEvent.objects.get(kind=kind)


def assert_audited(response: Any, kind: AuditKind, actor: Membership, target_id: object) -> None:
    event = the_event(kind)
    assert (event.actor, event.actor_label) == (actor.user, actor.user.email)
    assert (event.target_type, event.target_id) == ("jwtcredential", str(target_id))
    assert event.organization == actor.organization
    assert (event.ip, event.request_id) == ("127.0.0.1", response["X-Request-Id"])


def everything_stored() -> Iterator[str]:
    """Every value of every row of the database."""
    for model in apps.get_models():
        for row in model._base_manager.values_list():
            yield from (str(value) for value in row)
