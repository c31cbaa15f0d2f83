"""What happens to a form or button that is sent without a session, or before step-up.

We never carry it out afterwards. People return to the page that has the form or the button. It says
that nothing was done, and shows their entries again, if we could keep them: only for the same
person, only on pages that ask for it (`keeps_entries`), and never a secret.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Concatenate, ParamSpec

from django.contrib import messages
from django.contrib.auth.models import AnonymousUser
from django.contrib.messages.storage.base import BaseStorage
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve, reverse
from django.views.decorators.http import require_POST

from accounts.models import User
from core import leaks

Arguments = ParamSpec("Arguments")
View = Callable[Concatenate[HttpRequest, Arguments], HttpResponseBase]

SESSION_KEY = "interrupted_form"
# Marks the messages that pages on the way back show, and leave for the page people return to.
TAG = "interrupted"
SESSION_ENDED = "Your session had ended"
STEP_UP = "We asked you to confirm it’s you first"
_ON_THE_WAY = {
    "account_login",
    "account_reauthenticate",
    "mfa_authenticate",
    "mfa_reauthenticate",
    "mfa_reauthenticate_webauthn",
}
# Far more than any form that a person fills in.
MAX_LENGTH = 20_000


def only_post(view: View[Arguments]) -> Callable[..., HttpResponseBase]:
    """`require_POST` for a button. The page that has it is at the nearest address above."""
    posted = require_POST(view)
    posted.answers_only_post = True  # type: ignore[attr-defined]
    return posted


def keeps_entries(
    view: Callable[Concatenate[HttpRequest, Arguments], HttpResponse],
) -> Callable[..., HttpResponse]:
    """For pages with a form that has no field for a secret, and that call `entries_for`."""

    @functools.wraps(view)
    def wrapped(
        request: HttpRequest, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> HttpResponse:
        return view(request, *args, **kwargs)

    wrapped.keeps_entries = True  # type: ignore[attr-defined]
    return wrapped


def interrupt(request: HttpRequest, person: User | AnonymousUser | None, *, because: str) -> str:
    """Note that nothing was done. Returns the address of the page to return to."""
    page = page_of(request)
    if page != request.get_full_path():
        outcome = "so nothing was done. Try again."
    elif _keep(request, person):
        outcome = (
            "so nothing was saved. Your entries are back in the form: check them, then send it "
            "again."
        )
    else:
        outcome = "so nothing was saved. If you filled in a form, fill it in again."
    messages.warning(request, f"{because}, {outcome}", extra_tags=TAG)
    return page


def page_of(request: HttpRequest) -> str:
    """The address itself if it has a page; else the nearest one above that has."""
    if _has_page(request.path):
        return request.get_full_path()
    address = next(filter(_has_page, _addresses_above(request.path)), "")
    if not address:
        return reverse("dashboard")
    # The filters of a list, for example, whose rows a button exports.
    query = request.META.get("QUERY_STRING", "")
    return f"{address}?{query}" if query else address


def _addresses_above(path: str) -> Iterator[str]:
    path = path.rstrip("/")
    while path := path.rpartition("/")[0]:
        yield from (path, f"{path}/")


def _has_page(address: str) -> bool:
    try:
        view = resolve(address).func
    except Resolver404:
        return False
    return not getattr(view, "answers_only_post", False)


def _keep(request: HttpRequest, person: User | AnonymousUser | None) -> bool:
    match = request.resolver_match
    wanted = match is not None and getattr(match.func, "keeps_entries", False)
    if not wanted or not isinstance(person, User):
        return False
    entries = QueryDict(mutable=True)
    for name, values in request.POST.lists():
        if name != "csrfmiddlewaretoken":
            entries.setlist(name, [leaks.without_secrets(value) for value in values])
    encoded = entries.urlencode()
    if len(encoded) > MAX_LENGTH:
        return False
    request.session[SESSION_KEY] = {
        "person": str(person.pk),
        "page": request.path,
        "entries": encoded,
    }
    return True


def entries_for(request: HttpRequest) -> QueryDict | None:
    """The entries of this person that this page was sent before the interruption, once."""
    if request.method != "GET":
        return None
    kept = request.session.get(SESSION_KEY)
    if kept is None or kept["page"] != request.path:
        return None
    del request.session[SESSION_KEY]
    return QueryDict(kept["entries"]) if kept["person"] == str(request.user.pk) else None


def keep_telling(request: HttpRequest) -> None:
    """After a page on the way back showed the messages, leave them for the next page, too."""
    storage, match = messages.get_messages(request), request.resolver_match
    is_on_the_way = match is not None and match.url_name in _ON_THE_WAY
    if is_on_the_way and isinstance(storage, BaseStorage) and storage.used:
        for message in list(storage):
            if TAG in (message.extra_tags or "").split():
                messages.add_message(
                    request, message.level, message.message, extra_tags=message.extra_tags
                )
