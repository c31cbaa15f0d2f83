from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.step_up import step_up_required
from core.moments import in_words
from core.origin import Origin
from credentials.access import CredentialOwner, jwt_credential_for
from credentials.actions import rotations as actions
from credentials.forms.rotations import ExtendRotationForm, RotateForm, RotationDecisionForm
from credentials.models import JwtCredential, Rotation
from credentials.views.create_jwt_credential import remember_created
from credentials.views.credential_pages import credential_page


@require_http_methods(["GET", "HEAD", "POST"])
@step_up_required
def rotate(request: HttpRequest, credential_id: UUID, user_id: UUID | None = None) -> HttpResponse:
    """Creates a replacement of the same shape; who may see its JWT is as at creation."""
    owner, credential = jwt_credential_for(request.user, user_id, credential_id, manage=True)
    form = RotateForm(request.POST if request.method == "POST" else None, credential=credential)
    if not form.is_bound and (refusal := actions.rotation_refusal(credential)) is not None:
        messages.info(request, refusal)
        return redirect(owner.url("detail", credential))
    if form.is_valid():
        sent_before = Rotation.objects.filter(
            replacement__submission_key=form.cleaned_data["submission_key"]
        ).exists()
        rotation = _rotate(request, owner, form)
        if rotation is not None:
            if not sent_before:
                remember_created(request, rotation.replacement)
            return redirect(owner.url("created", rotation.replacement))
    return _page(request, "rotate", owner, credential=credential, form=form)


def _rotate(request: HttpRequest, owner: CredentialOwner, form: RotateForm) -> Rotation | None:
    try:
        return actions.rotate_jwt_credential(
            form.credential,
            label=form.cleaned_data["label"],
            expires_on=form.cleaned_data["expires_on"],
            drain=form.drain_choice,
            deadline=form.deadline_choice,
            submission_key=form.cleaned_data["submission_key"],
            actor=owner.viewer.user,
            origin=Origin.of(request),
        )
    except ValidationError as error:
        form.refuse(error)
        return None


@require_safe
def rotation(
    request: HttpRequest, credential_id: UUID, user_id: UUID | None = None
) -> HttpResponse:
    """Where a rotation stands, who still uses the old credential, and what can be done."""
    owner, credential = jwt_credential_for(request.user, user_id, credential_id)
    found = Rotation.objects.about(credential)
    if found is None:
        return _not_rotated(request, owner, credential)
    return _rotation_page(request, owner, credential, found, ExtendRotationForm(rotation=found))


def _not_rotated(
    request: HttpRequest, owner: CredentialOwner, credential: JwtCredential
) -> HttpResponseRedirect:
    messages.info(request, f"{credential.label} is not being rotated.")
    return redirect(owner.url("detail", credential))


def _rotation_page(
    request: HttpRequest,
    owner: CredentialOwner,
    credential: JwtCredential,
    found: Rotation,
    form: ExtendRotationForm,
) -> HttpResponse:
    return _page(
        request,
        "rotation",
        owner,
        credential=credential,
        rotation=found,
        is_open=found.is_open(),
        may_decide=owner.may_manage and found.is_open(),
        progress=found.progress,
        form=form,
    )


def _open_rotation(
    request: HttpRequest, credential_id: UUID, user_id: UUID | None
) -> tuple[CredentialOwner, JwtCredential, Rotation | HttpResponseRedirect]:
    """What there is to decide about, or the way to the page that says why there is nothing."""
    owner, credential = jwt_credential_for(request.user, user_id, credential_id, manage=True)
    found = Rotation.objects.about(credential)
    if found is None:
        return owner, credential, _not_rotated(request, owner, credential)
    if not found.is_open():
        messages.info(request, "This rotation is over, so there is nothing left to change.")
        return owner, credential, redirect(owner.url("rotation", credential))
    return owner, credential, found


@require_POST
@step_up_required
def extend_rotation(
    request: HttpRequest, credential_id: UUID, user_id: UUID | None = None
) -> HttpResponse:
    owner, credential, found = _open_rotation(request, credential_id, user_id)
    if not isinstance(found, Rotation):
        return found
    form = ExtendRotationForm(request.POST, rotation=found)
    if form.is_valid():
        try:
            extended = actions.extend_rotation(
                found,
                until=form.cleaned_data["until"],
                actor=owner.viewer.user,
                origin=Origin.of(request),
            )
        except ValidationError as error:
            form.add_error(None, error)
        else:
            until = in_words(extended.closes_at)
            messages.success(request, f"The old credential now works until {until}.")
            return redirect(owner.url("rotation", credential))
    return _rotation_page(request, owner, credential, found, form)


@require_http_methods(["GET", "HEAD", "POST"])
@step_up_required
def undo_rotation(
    request: HttpRequest, credential_id: UUID, user_id: UUID | None = None
) -> HttpResponse:
    """Revokes the replacement after saying which apps use it already."""
    return _confirmed(request, credential_id, user_id, "undo_rotation", actions.undo_rotation)


@require_http_methods(["GET", "HEAD", "POST"])
@step_up_required
def finish_rotation(
    request: HttpRequest, credential_id: UUID, user_id: UUID | None = None
) -> HttpResponse:
    """Ends the replaced credential now, after saying which apps still use it."""
    return _confirmed(request, credential_id, user_id, "finish_rotation", actions.finish_rotation)


def _confirmed(
    request: HttpRequest,
    credential_id: UUID,
    user_id: UUID | None,
    page: str,
    act: Callable[..., Rotation],
) -> HttpResponse:
    """Asks, with what the rotation is now: a form that was sent with less is not kept."""
    owner, credential, found = _open_rotation(request, credential_id, user_id)
    if not isinstance(found, Rotation):
        return found
    form = RotationDecisionForm(request.POST or None, rotation=found)
    if form.is_valid():
        try:
            act(
                found,
                was_used=form.cleaned_data["was_used"],
                actor=owner.viewer.user,
                origin=Origin.of(request),
            )
        except ValidationError as error:
            messages.warning(request, error.message)
            return redirect(owner.url(page, credential))
        return _decided(request, owner, found, undone=act is actions.undo_rotation)
    return _page(
        request,
        page,
        owner,
        credential=credential,
        rotation=found,
        progress=found.progress,
        form=RotationDecisionForm(rotation=found),
    )


def _decided(
    request: HttpRequest, owner: CredentialOwner, found: Rotation, *, undone: bool
) -> HttpResponse:
    """To the credential that goes on."""
    if undone:
        messages.success(request, f"Undone. {found.replaced.label} goes on as before.")
        return redirect(owner.url("detail", found.replaced))
    messages.success(request, f"{found.replaced.label} has ended; its replacement goes on.")
    return redirect(owner.url("detail", found.replacement))


def _page(request: HttpRequest, name: str, owner: CredentialOwner, **context: Any) -> HttpResponse:
    if (found := context.get("rotation")) is not None:
        context["replaced_url"] = owner.url("detail", found.replaced)
        context["replacement_url"] = owner.url("detail", found.replacement)
    return credential_page(request, f"credentials/rotations/{name}.html", owner, **context)
