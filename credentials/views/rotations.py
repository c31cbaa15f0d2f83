from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_safe

from accounts import limits
from accounts.forms.submissions import errors_on, posted, refill
from accounts.sign_in.interruptions import entries_for, keeps_entries, only_post
from accounts.sign_in.step_up import step_up_required
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
@keeps_entries
def rotate(request: HttpRequest, credential_id: UUID, user_id: UUID | None = None) -> HttpResponse:
    owner, credential = jwt_credential_for(request.user, user_id, credential_id, manage=True)
    form = RotateForm(posted(request), credential=credential)
    refill(form, entries_for(request))
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
    return credential_page(
        request, "credentials/rotations/rotate.html", owner, credential=credential, form=form
    )


def _rotate(request: HttpRequest, owner: CredentialOwner, form: RotateForm) -> Rotation | None:
    try:
        limits.CREATIONS.count(request)
        return actions.rotate_jwt_credential(
            form.credential,
            label=form.cleaned_data["label"],
            expires_on=form.cleaned_data["expires_on"],
            grace_period=form.grace_period_choice,
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
    owner, credential = jwt_credential_for(request.user, user_id, credential_id)
    found = Rotation.objects.about(credential)
    if found is None:
        return _not_rotated(request, owner, credential)
    form = ExtendRotationForm(rotation=found)
    return _rotation_page(request, "rotation", owner, credential, found, form)


def _not_rotated(
    request: HttpRequest, owner: CredentialOwner, credential: JwtCredential
) -> HttpResponseRedirect:
    messages.info(request, f"{credential.label} isn’t being rotated.")
    return redirect(owner.url("detail", credential))


def _rotation_page(
    request: HttpRequest,
    name: str,
    owner: CredentialOwner,
    credential: JwtCredential,
    found: Rotation,
    form: ExtendRotationForm | RotationDecisionForm,
) -> HttpResponse:
    return credential_page(
        request,
        f"credentials/rotations/{name}.html",
        owner,
        credential=credential,
        rotation=found,
        replaced_url=owner.url("detail", found.replaced),
        replacement_url=owner.url("detail", found.replacement),
        is_open=found.is_open(),
        may_decide=owner.may_manage and found.is_open(),
        progress=found.progress,
        form=form,
    )


def _open_rotation(
    request: HttpRequest, credential_id: UUID, user_id: UUID | None
) -> tuple[CredentialOwner, JwtCredential, Rotation | HttpResponseRedirect]:
    """The open rotation, or a redirect to a page that says why there is none."""
    owner, credential = jwt_credential_for(request.user, user_id, credential_id, manage=True)
    found = Rotation.objects.about(credential)
    if found is None:
        return owner, credential, _not_rotated(request, owner, credential)
    if not found.is_open():
        messages.info(request, "This rotation has ended, so you can’t change it anymore.")
        return owner, credential, redirect(owner.url("rotation", credential))
    return owner, credential, found


@only_post
@step_up_required
def extend_rotation(
    request: HttpRequest, credential_id: UUID, user_id: UUID | None = None
) -> HttpResponse:
    owner, credential, found = _open_rotation(request, credential_id, user_id)
    if not isinstance(found, Rotation):
        return found
    form = ExtendRotationForm(request.POST, rotation=found)
    if form.is_valid():
        with errors_on(form):
            extended = actions.extend_rotation(
                found,
                until=form.cleaned_data["until"],
                actor=owner.viewer.user,
                origin=Origin.of(request),
            )
            until = in_words(extended.closes_at)
            messages.success(request, f"The old credential now works until {until}.")
            return redirect(owner.url("rotation", credential))
    return _rotation_page(request, "rotation", owner, credential, found, form)


@require_http_methods(["GET", "HEAD", "POST"])
@step_up_required
def undo_rotation(
    request: HttpRequest, credential_id: UUID, user_id: UUID | None = None
) -> HttpResponse:
    return _confirmed(request, credential_id, user_id, "undo_rotation", actions.undo_rotation)


@require_http_methods(["GET", "HEAD", "POST"])
@step_up_required
def finish_rotation(
    request: HttpRequest, credential_id: UUID, user_id: UUID | None = None
) -> HttpResponse:
    return _confirmed(request, credential_id, user_id, "finish_rotation", actions.finish_rotation)


def _confirmed(
    request: HttpRequest,
    credential_id: UUID,
    user_id: UUID | None,
    page: str,
    act: Callable[..., Rotation],
) -> HttpResponse:
    owner, credential, found = _open_rotation(request, credential_id, user_id)
    if not isinstance(found, Rotation):
        return found
    form = RotationDecisionForm(request.POST or None, rotation=found)
    if form.is_valid():
        was_used, origin = form.cleaned_data["was_used"], Origin.of(request)
        try:
            act(found, was_used=was_used, actor=owner.viewer.user, origin=origin)
        except ValidationError as error:
            messages.warning(request, error.message)
            return redirect(owner.url(page, credential))
        return _decided(request, owner, found, undone=act is actions.undo_rotation)
    # An incomplete form is discarded: the page asks again with what the rotation is now.
    form = RotationDecisionForm(rotation=found)
    return _rotation_page(request, page, owner, credential, found, form)


def _decided(
    request: HttpRequest, owner: CredentialOwner, found: Rotation, *, undone: bool
) -> HttpResponse:
    if undone:
        messages.success(request, f"Rotation undone. {found.replaced.label} keeps working.")
        return redirect(owner.url("detail", found.replaced))
    messages.success(request, f"Rotation finished. {found.replaced.label} no longer works.")
    return redirect(owner.url("detail", found.replacement))
