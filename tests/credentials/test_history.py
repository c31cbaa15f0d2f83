"""Disabling or removing anything never takes its history along."""

import pytest
from django.db.models import Model
from django.db.models.deletion import ProtectedError

from accounts.models import AuditEvent
from credentials.actions.clients import suspend_client
from credentials.actions.revocations import revoke_jwt_credential
from credentials.models import ExchangeUsage
from tests import api, cast
from tests.conftest import Rebels


def test_rows_with_a_history_cannot_be_deleted(rebels: Rebels) -> None:
    app = api.app(rebels.luke)
    credential = cast.credential(rebels.luke, clients=[app.client])
    api.access_token(app, credential)
    rows: list[Model] = [
        rebels.organization,
        rebels.luke.user,
        credential.extension,
        credential.extension.account,
        credential.signing_key,
        credential,
        app.client,
        app.application,
    ]
    for row in rows:
        with pytest.raises(ProtectedError):
            row.delete()


def test_revoking_and_retiring_keep_events_and_usage(rebels: Rebels) -> None:
    app = api.app(rebels.luke)
    credential = cast.credential(rebels.luke)
    api.access_token(app, credential)
    before = set(AuditEvent.objects.values_list("pk", flat=True))
    suspend_client(app.client, actor=rebels.luke.user, origin=cast.ORIGIN)
    revoke_jwt_credential(credential, reason="done", actor=rebels.luke.user, origin=cast.ORIGIN)
    rebels.luke.user.is_active = False
    rebels.luke.user.save()
    assert before < set(AuditEvent.objects.values_list("pk", flat=True))
    assert ExchangeUsage.objects.get(credential=credential).exchanges == 1
    kinds = [event.kind for event in AuditEvent.objects.about("jwtcredential", credential.pk)]
    assert kinds == ["jwt_credential.revoked", "jwt_credential.created"]
