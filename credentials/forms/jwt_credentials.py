from typing import Any

from django.http import QueryDict
from django.utils import timezone

from accounts.environments import Environment
from accounts.forms.lists import HiddenEnvironmentField, ListForm
from credentials.forms.permitted_apps import PermittedAppsForm
from credentials.forms.policy_limits import limit_fields
from credentials.models import JwtCredential
from credentials.policy_rules import Stage
from credentials.reports.credential_list import DEFAULT_CREDENTIAL_ORDER, OWN_CREDENTIAL_ORDERS


class JwtCredentialListForm(ListForm):
    """The query string of one person's credentials."""

    orders, default_order = OWN_CREDENTIAL_ORDERS, DEFAULT_CREDENTIAL_ORDER

    environment = HiddenEnvironmentField()


class UpdateJwtCredentialForm(PermittedAppsForm):
    def __init__(
        self, data: QueryDict | None = None, *, credential: JwtCredential, **kwargs: Any
    ) -> None:
        super().__init__(
            data,
            owner=credential.owner,
            listed=credential.permitted_clients.select_related(
                "application__organization"
            ).order_by("pk"),
            initial=self.values_of(credential),
            ceiling=credential.ceiling,
            **kwargs,
        )
        self.credential = credential
        policies = {credential.environment: credential.policy}
        limit_fields(self, policies, Stage.EDIT, timezone.now())

    @property
    def chosen_environment(self) -> Environment:
        return self.credential.environment
