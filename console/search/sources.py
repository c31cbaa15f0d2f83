"""Where the search looks, and what each person finds there: only what they can open."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q
from django.urls import reverse

from accounts.environments import Environment
from accounts.models import Membership
from accounts.roles import ConsolePermission as Can
from console.docs.docs_search import found_sections
from console.navigation import Link, navigation
from console.search.query import SearchQuery
from credentials.explain.explanations import explained
from credentials.explain.fixes import owner_pages
from credentials.models import Application, Client, JwtCredential
from credentials.models.jwt_credential_queries import JwtCredentialQuerySet

MOST_OF_A_KIND = 5
# Fewer characters begin too many client IDs.
SHORTEST_CLIENT_ID = 4

# Pages that no navigation links to.
ACTIONS = (
    Link("create_jwt", "Create JWT", "my_credentials:create", Can.JWT_CREDENTIAL_MANAGE_OWN),
    Link("create_app", "Create app", "credentials:create_application", Can.APPLICATION_MANAGE_OWN),
    Link("invite", "Invite people", "accounts:invite", Can.ACCESS_MANAGE),
    Link("second_factor", "Second factor policy", "organization:second_factor", Can.POLICY_MANAGE),
    Link("notices", "Notices", "accounts:notices"),
    Link("error_codes", "Error codes", "refusals:error_codes"),
    Link("report_leaked", "Report a leaked JWT", "report_leaked"),
)


@dataclass(frozen=True)
class SearchResult:
    title: str
    url: str
    note: str = ""
    environment: Environment | None = None
    credential: JwtCredential | None = None


Results = Iterator[SearchResult]


def find_credentials(viewer: Membership, query: SearchQuery) -> Results:
    """By label or by `jti`."""
    visible = _visible_credentials(viewer)
    if visible is None:
        return
    keys = [] if query.request_id else _labeled(visible, query)
    if query.id_range:
        keys += visible.filter(pk__range=query.id_range).values_list("pk", flat=True)[:1]
    found = JwtCredential.objects.filter(pk__in=keys).select_related(
        "extension__account", "extension__user__membership"
    )
    for credential in sorted(found, key=lambda each: (each.label_key, each.pk)):
        url = owner_pages(credential, viewer).url("detail", credential)
        owner = credential.extension.user
        note = "" if owner.pk == viewer.user_id else owner.name
        yield SearchResult(credential.label, url, note, credential.environment, credential)


def _labeled(visible: JwtCredentialQuerySet, query: SearchQuery) -> list[UUID]:
    # The index `jwt_credential_by_label` has every column of this query: PostgreSQL reads no row.
    found = visible.filter(*(Q(label_key__contains=word) for word in query.words))
    return list(found.order_by("label_key", "pk").values_list("pk", flat=True)[:MOST_OF_A_KIND])


def _visible_credentials(viewer: Membership) -> JwtCredentialQuerySet | None:
    if viewer.may(Can.JWT_CREDENTIAL_VIEW_ANY):
        return JwtCredential.objects.filter(organization=viewer.organization)
    if viewer.may(Can.JWT_CREDENTIAL_MANAGE_OWN):
        return JwtCredential.objects.of(viewer)
    return None


def find_apps(viewer: Membership, query: SearchQuery) -> Results:
    """By name or by client ID."""
    if not (viewer.may(Can.APPLICATION_VIEW_ANY) or viewer.may(Can.APPLICATION_VIEW_OWN)):
        return
    visible = Application.objects.visible_to(viewer)
    if len(query.text) >= SHORTEST_CLIENT_ID:
        clients = Client.objects.filter(
            client_id__startswith=query.text, application__in=visible
        ).select_related("application")
        for client in clients[:MOST_OF_A_KIND]:
            yield _app(client.application, client.client_id, Environment(client.environment))
    named = visible.filter(*(Q(name__icontains=word) for word in query.words))
    for application in named.select_related("owner").order_by("name", "pk")[:MOST_OF_A_KIND]:
        is_own = application.owner_id == viewer.user_id
        yield _app(application, "" if is_own else application.owner.name)


def _app(application: Application, note: str, at: Environment | None = None) -> SearchResult:
    url = reverse("credentials:application", args=[application.pk])
    return SearchResult(application.name, url, note, at)


def find_people(viewer: Membership, query: SearchQuery) -> Results:
    """By name or by email address, with a link to the page that the viewer can open."""
    if query.request_id:
        return
    if viewer.may(Can.ORGANIZATION_VIEW):
        page = "organization:developer"
    elif viewer.may(Can.ACCESS_MANAGE):
        page = "organization:change_role"
    else:
        return
    found = viewer.organization.memberships.matching(" ".join(query.words))
    # Without an order in the database, which would read everyone of every organization by email.
    some = found.select_related("user")[:MOST_OF_A_KIND]
    for person in sorted(some, key=lambda each: each.user.email):
        url = reverse(page, args=[person.user_id])
        yield SearchResult(person.user.name, url, person.user.email)


def find_requests(viewer: Membership, query: SearchQuery) -> Results:
    """A refused request by its ID, if *Why did my call fail?* explains it to the viewer."""
    explanation = explained(query.request_id, viewer) if query.request_id else None
    if explanation is not None:
        url = f"{reverse('refusals:why')}?request_id={query.request_id}"
        environment = Environment(explanation.refusal.environment)
        yield SearchResult(query.request_id, url, explanation.headline, environment)


def find_pages(viewer: Membership, query: SearchQuery) -> Results:
    """Pages and settings of the console."""
    links = (link for link in _links(viewer) if query.is_in(str(link.label)))
    found = {reverse(link.url_name): str(link.label) for link in links}
    for url, label in list(found.items())[:MOST_OF_A_KIND]:
        yield SearchResult(label, url)


def _links(viewer: Membership) -> list[Link]:
    can = {str(permission) for permission in viewer.permissions}
    listed = navigation(can, is_operator=viewer.user.is_staff)
    links = [link for section in listed.values() for link in section]
    return links + [each for each in ACTIONS if each.permission is None or each.permission in can]


def find_docs(viewer: Membership, query: SearchQuery) -> Results:
    for hit in found_sections(query.text, most=MOST_OF_A_KIND):
        yield SearchResult(
            hit.section.title, hit.section.url, f"{hit.before}{hit.match}{hit.after}"
        )


@dataclass(frozen=True)
class Source:
    title: str
    icon: str
    find: Callable[[Membership, SearchQuery], Results]


SOURCES = (
    Source("Requests", "circle-question-mark", find_requests),
    Source("Credentials", "key-round", find_credentials),
    Source("Apps", "blocks", find_apps),
    Source("People", "users", find_people),
    Source("Pages", "panels-top-left", find_pages),
    Source("Docs", "library", find_docs),
)


def found_everywhere(
    viewer: Membership, query: SearchQuery
) -> list[tuple[Source, list[SearchResult]]]:
    """What each source has, without the sources that have nothing."""
    if not query.words:
        return []
    found = ((source, list(source.find(viewer, query))) for source in SOURCES)
    return [(source, results) for source, results in found if results]
