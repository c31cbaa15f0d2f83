import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.platform.catalog import Api, Operation, Permission, Platform, Role, Scope
from accounts.platform.file import ORIGINAL, read_platform
from accounts.platform.wording import role_in_words

PLATFORM = read_platform(ORIGINAL)
scope_names = st.sets(st.sampled_from([*PLATFORM.scopes, "gone", "read"]))


@given(scopes=scope_names, more=scope_names)
def test_inclusion_is_a_closure(scopes: set[str], more: set[str]) -> None:
    closed = PLATFORM.effective_scopes(scopes)
    assert scopes & PLATFORM.scopes.keys() <= closed <= PLATFORM.scopes.keys()
    assert PLATFORM.effective_scopes(closed) == closed
    assert closed <= PLATFORM.effective_scopes(scopes | more)
    assert PLATFORM.effective_scopes(scopes | more) == closed | PLATFORM.effective_scopes(more)
    assert PLATFORM.effective_scopes(PLATFORM.scope_string(closed).split()) == closed


def test_the_inclusions_are_those_of_the_contract() -> None:
    closures = PLATFORM.included_scopes.items()
    assert {scope: PLATFORM.scope_string(included) for scope, included in closures} == {
        "ReadAccounts": "ReadAccounts",
        "EditExtensions": "EditExtensions",
        "EditAccounts": "ReadAccounts EditExtensions EditAccounts",
        "Accounts": "ReadAccounts EditExtensions EditAccounts Accounts",
    }


@pytest.mark.parametrize(
    ("role", "words"),
    [
        (
            "super_admin",
            "ReadCompanyInfo, EditCompanyInfo, ReadExtensions, EditUserInfo (everyone’s)",
        ),
        ("standard_user", "ReadCompanyInfo, ReadExtensions, EditUserInfo (own)"),
        ("read_only", "ReadCompanyInfo, ReadExtensions"),
        ("gone", "No longer offered, so it grants nothing."),
    ],
)
def test_a_role_says_what_it_lets_people_do(role: str, words: str) -> None:
    assert role_in_words(PLATFORM.role(role)) == words


def test_a_role_is_compared_by_its_permissions() -> None:
    order = [PLATFORM.role(role) for role in ("gone", "read_only", "standard_user", "super_admin")]
    for lower_rank, lower in enumerate(order):
        for higher_rank, higher in enumerate(order):
            assert lower.no_more_than(higher) == (lower_rank <= higher_rank)


def test_a_part_of_a_permission_covers_only_own_things() -> None:
    standard = PLATFORM.roles["standard_user"]
    assert not standard.covers("EditUserInfo")
    assert standard.covers_own("EditUserInfo")
    # Other permissions have no such part, even if a platform declares one with such a name.
    role = Role("support", "Support", permissions=("ViewOrders:own",))
    assert not role.covers_own("ViewOrders")


def offering(*scopes: Scope, apis: tuple[Api, ...] = (), built_in_api: bool = False) -> Platform:
    return Platform(
        name="Acme",
        scopes={scope.id: scope for scope in scopes},
        permissions={"ViewOrders": Permission("ViewOrders", "View orders")},
        roles={"support": Role("support", "Support", permissions=("ViewOrders",))},
        apis={api.id: api for api in apis},
        built_in_api=built_in_api,
    )


def api(identifier: str, *scopes: str) -> Api:
    needed = tuple(frozenset({scope}) for scope in scopes)
    operations = (Operation("list", "GET", "/", scopes=needed),)
    label, audience = f"{identifier} API", f"https://api.acme.example/{identifier}"
    return Api(identifier, label, audience, {}, "refuse", operations=operations)


def test_the_scopes_of_the_original_platform_are_those_of_its_api() -> None:
    groups = PLATFORM.scopes_by_api
    assert {label: [scope.id for scope in scopes] for label, scopes in groups.items()} == {
        "REST API": ["ReadAccounts", "EditExtensions", "EditAccounts", "Accounts"]
    }


def test_scopes_are_grouped_by_the_apis_that_use_them() -> None:
    scopes = [Scope(name, name) for name in ("spare", "read", "refund")]
    everything = Scope("all", "Everything", includes=("refund",))
    platform = offering(
        *scopes, everything, apis=(api("orders", "read", "refund"), api("billing", "refund"))
    )
    groups = platform.scopes_by_api
    assert [(label, [scope.id for scope in found]) for label, found in groups.items()] == [
        ("orders API", ["read"]),
        ("orders API and billing API", ["refund", "all"]),
        ("Other scopes", ["spare"]),
    ]


def test_only_the_built_in_api_has_a_role_for_account_administrators() -> None:
    assert PLATFORM.administrator_role == PLATFORM.roles["super_admin"]
    platform = offering(Scope("read", "Read"))
    assert platform.administrator_role == platform.default_role == platform.roles["support"]
    weak = offering(Scope("read", "Read"), built_in_api=True)
    assert weak.administrator_role == weak.default_role
