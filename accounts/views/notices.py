"""A person's notices, also for people without console access."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import person
from accounts.actions.notices import mark_all_notices_read, mark_notice_read
from accounts.forms.notices import NoticeListForm, ReadAllForm
from accounts.sign_in.interruptions import only_post


@require_safe
def notices(request: HttpRequest) -> HttpResponse:
    user = person(request.user)
    form = NoticeListForm(request.GET)
    own = user.notices.all()
    context = {
        "page": form.page(own.unread() if form.value_of("show") else own, whole=own),
        "show": form.value_of("show"),
        "here": form.query(**form.place),
        "now": timezone.now().isoformat(),
    }
    return render(request, "accounts/notices/notices.html", context)


@only_post
def read_notice(request: HttpRequest, notice_id: int) -> HttpResponse:
    user = person(request.user)
    mark_notice_read(get_object_or_404(user.notices, pk=notice_id), actor=user)
    return _back(request)


@only_post
def read_all_notices(request: HttpRequest) -> HttpResponse:
    user = person(request.user)
    form = ReadAllForm(request.POST)
    until = form.cleaned_data["until"] if form.is_valid() else None
    mark_all_notices_read(user, until=until)
    messages.success(request, "You marked all notices as read.")
    return redirect("accounts:notices")


def _back(request: HttpRequest) -> HttpResponse:
    # Back to the page of the list that had the button.
    form = NoticeListForm(request.GET)
    query = form.query(**form.place)
    return redirect(f"{reverse('accounts:notices')}?{query}" if query else "accounts:notices")
