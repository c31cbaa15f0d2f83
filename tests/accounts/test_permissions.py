import pytest

from accounts.forms.extensions import permissions_in_words
from accounts.permissions import (
    SCOPE_DESCRIPTIONS,
    USER_ROLE_GRANTS,
    AppScope,
    UserPermission,
    UserRole,
    effective_scopes,
    scope_string,
)


@pytest.mark.parametrize(
    ("scope", "effective"),
    [
        ("ReadAccounts", {"ReadAccounts"}),
        ("EditExtensions", {"EditExtensions"}),
        ("EditAccounts", {"EditAccounts", "ReadAccounts", "EditExtensions"}),
        ("Accounts", {"Accounts", "EditAccounts", "ReadAccounts", "EditExtensions"}),
        ("Everything", set()),
    ],
)
def test_scopes_include_one_another(scope: str, effective: set[str]) -> None:
    assert effective_scopes([scope]) == effective


def test_scopes_add_up() -> None:
    assert effective_scopes([]) == frozenset()
    assert effective_scopes(["ReadAccounts", "EditExtensions"]) == {
        "ReadAccounts",
        "EditExtensions",
    }


def test_scope_string_has_one_order() -> None:
    assert scope_string({"Accounts", "EditAccounts", "ReadAccounts", "nonsense"}) == (
        "ReadAccounts EditAccounts Accounts"
    )
    assert scope_string([]) == ""


def test_tables_are_complete() -> None:
    assert SCOPE_DESCRIPTIONS.keys() == set(AppScope)
    assert USER_ROLE_GRANTS.keys() == set(UserRole)


@pytest.mark.parametrize(
    ("role", "words"),
    [
        (
            UserRole.SUPER_ADMIN,
            "ReadCompanyInfo, EditCompanyInfo, ReadExtensions, EditUserInfo (everyone's)",
        ),
        (UserRole.STANDARD_USER, "ReadCompanyInfo, ReadExtensions, EditUserInfo (own)"),
        (UserRole.READ_ONLY, "ReadCompanyInfo, ReadExtensions"),
    ],
)
def test_user_roles(role: UserRole, words: str) -> None:
    assert permissions_in_words(role) == words


def test_a_role_is_compared_by_its_permissions() -> None:
    order = [UserRole.READ_ONLY, UserRole.STANDARD_USER, UserRole.SUPER_ADMIN]
    for lower_rank, lower in enumerate(order):
        for higher_rank, higher in enumerate(order):
            assert USER_ROLE_GRANTS[lower].no_more_than(USER_ROLE_GRANTS[higher]) == (
                lower_rank <= higher_rank
            )


def test_permission_names_are_the_platforms() -> None:
    assert {permission.value for permission in UserPermission} == {
        "ReadCompanyInfo",
        "EditCompanyInfo",
        "ReadExtensions",
        "EditUserInfo",
    }
