"""What a person sees: asked of a row in Python, and of the database for lists and counts."""

from credentials.access import sees_client, sees_credential
from credentials.models import Application, Client, JwtCredential
from credentials.models.jwt_credential_queries import is_visible_to
from tests import cast
from tests.api import PRODUCTION
from tests.conftest import Partners, Rebels

SEEN_BY = {
    "leia@rebels.example": {"leia", "luke", "lando"},
    "han@rebels.example": {"leia", "luke", "lando"},
    "c3po@rebels.example": {"leia", "luke", "lando"},
    "luke@rebels.example": {"luke"},
    "lando@rebels.example": {"lando"},
    "wedge@rebels.example": set(),
    "lobot@cloudcity.example": {"lobot"},
}


def test_python_and_the_database_see_the_same(rebels: Rebels, partners: Partners) -> None:
    for owner in (rebels.leia, rebels.luke, rebels.lando, partners.lobot):
        name = owner.user.email.partition("@")[0]
        cast.client(cast.application(owner, name))
        cast.credential(owner, environment=PRODUCTION, label=name)
    people = (*rebels.organization.memberships.all(), partners.lobot)
    clients = Client.objects.select_related("application")
    credentials = JwtCredential.objects.select_related("extension")
    for viewer in people:
        visible = JwtCredential.objects.annotate(seen=is_visible_to(viewer)).filter(seen=True)
        seen = [
            {app.name for app in Application.objects.visible_to(viewer)},
            {each.application.name for each in clients if sees_client(viewer, each)},
            {each.label for each in visible},
            {each.label for each in credentials if sees_credential(viewer, each)},
        ]
        assert seen == [SEEN_BY[viewer.user.email]] * 4
    assert len(people) == len(SEEN_BY)


def test_no_one_sees_an_object_that_does_not_exist(rebels: Rebels) -> None:
    assert not sees_client(rebels.leia, None)
    assert not sees_credential(rebels.leia, None)
