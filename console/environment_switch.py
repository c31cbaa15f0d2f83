"""The environment switch in the header: it is part of the address, and links keep it.

`?environment=sandbox` narrows lists, usage, errors and the dashboard. Pages get their links from
templates, views, forms and explanations, and none of them has to know about the switch: this
module adds the environment to the links of the finished page.
"""

import re

from django.http import HttpRequest, HttpResponse, QueryDict

from accounts.environments import Environment, wanted_environment
from console.middleware import Middleware

# Pages of the console, and the docs, whose samples depend on the environment.
_PAGES = ("/console", "/docs")
# Links without an address of their own, such as `?sort=name`, lead to the same page.
_LINK = re.compile(r'(\s(?:href|action|hx-get)=")((?:/(?:console|docs)\b|\?)[^"]*)"')
_FORM = re.compile(r"(<form\b[^>]*>)(.*?</form>)", re.DOTALL)
_NAMES_ONE = re.compile(r"[?&;]environment=")
# Where a list begins says nothing about the list of another environment.
_PLACES = ("environment", "after", "before")


class EnvironmentSwitchMiddleware(Middleware):
    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        environment = wanted_environment(request.GET)
        if environment is None or not request.path.startswith(_PAGES):
            return response
        if location := response.headers.get("Location"):
            if location.startswith(_PAGES):
                response["Location"] = _with(environment, location, "&")
        elif response.headers.get("Content-Type", "").startswith("text/html"):
            response.content = kept(environment, response.content.decode()).encode()
        return response


def kept(environment: Environment, html: str) -> str:
    """The page with links and forms that keep the environment."""
    linked = _LINK.sub(
        lambda link: f'{link[1]}{_with(environment, link[2], "&amp;")}"', html
    )  # fmt: skip
    return _FORM.sub(lambda form: f"{form[1]}{_field(environment, form)}{form[2]}", linked)


def _with(environment: Environment, address: str, separator: str) -> str:
    if _NAMES_ONE.search(address):
        return address
    page, hash_, anchor = address.partition("#")
    page += f"{separator if '?' in page else '?'}environment={environment}"
    return f"{page}{hash_}{anchor}"


def _field(environment: Environment, form: re.Match[str]) -> str:
    # The address of a form that is sent with POST has the environment already.
    if 'method="post"' in form[1] or 'name="environment"' in form[2]:
        return ""
    return f'<input type="hidden" name="environment" value="{environment}">'


def switch_links(request: HttpRequest) -> list[tuple[str, str, bool]]:
    """The label, the address, and whether it is the current one, for each choice."""
    current = wanted_environment(request.GET)
    choices = [(None, "All"), *((each, each.label) for each in Environment)]
    return [
        (str(label), f"?{_query(request.GET, choice)}", choice is current)
        for choice, label in choices
    ]


def _query(current: QueryDict, choice: Environment | None) -> str:
    kept_parts = current.copy()
    for name in _PLACES:
        kept_parts.pop(name, None)
    # Without an environment as well, or this module would add the current one.
    kept_parts["environment"] = choice.value if choice else ""
    return kept_parts.urlencode()
