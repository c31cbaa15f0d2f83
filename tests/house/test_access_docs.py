"""docs/reference/access.md has the permissions of each console role."""

import re

from accounts.roles import (
    ACCOUNT_ADMIN_PERMISSIONS,
    ROLE_PERMISSIONS,
    ConsolePermission,
    ConsoleRole,
)
from tests.house.test_docs import sections, text_of

COLUMNS = (
    ROLE_PERMISSIONS[ConsoleRole.AUDITOR],
    ROLE_PERMISSIONS[ConsoleRole.DEVELOPER],
    ROLE_PERMISSIONS[ConsoleRole.DEVELOPER_ADMIN],
    ACCOUNT_ADMIN_PERMISSIONS,
)


def test_the_page_about_access_has_the_permissions_of_each_role() -> None:
    section = sections(text_of("docs/reference/access.md"), 2)["What each console role can do"]
    rows = re.findall(r"^\| `([\w:]+)` \|(.*)\|$", section, re.MULTILINE)
    documented = {name: [cell.strip() == "yes" for cell in row.split("|")] for name, row in rows}
    assert documented == {
        permission.value: [permission in column for column in COLUMNS]
        for permission in ConsolePermission
    }
    assert ROLE_PERMISSIONS[ConsoleRole.NO_ACCESS] == frozenset()
