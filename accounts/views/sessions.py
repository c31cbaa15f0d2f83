from typing import Any

from allauth.usersessions.models import UserSession
from allauth.usersessions.views import ListUserSessionsView
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.generic.edit import FormView

from accounts.access import person
from accounts.actions.sessions import end_sessions
from accounts.sign_in.interruptions import only_post
from accounts.sign_in.step_up import step_up_required
from core.origin import Origin


class _Sessions(ListUserSessionsView):  # type: ignore[misc]
    # allauth's own list takes three queries for each session, and ends them without step-up.
    http_method_names = ("get", "head")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return FormView.get_context_data(self, **kwargs)


sessions = _Sessions.as_view()


@only_post
@step_up_required
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    user = person(request.user)
    others = [
        session for session in UserSession.objects.filter(user=user) if not session.is_current()
    ]
    end_sessions(others, actor=user, origin=Origin.of(request))
    messages.info(request, "You ended all other sessions. Those browsers are signed out.")
    return redirect("usersessions_list")


@only_post
@step_up_required
def end_session(request: HttpRequest, session_id: int) -> HttpResponse:
    user = person(request.user)
    session = get_object_or_404(UserSession, pk=session_id, user=user)
    if session.is_current():
        messages.error(request, "This is the browser you’re using. To end its session, log out.")
    else:
        end_sessions([session], actor=user, origin=Origin.of(request))
        messages.success(request, "You ended the session. That browser is signed out.")
    return redirect("usersessions_list")
