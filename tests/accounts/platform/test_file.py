from pathlib import Path

import pytest

from accounts.platform.catalog import Logo, Role
from accounts.platform.file import ORIGINAL, InvalidPlatformFile, read_platform
from tests.platforms import SMALL


def written(text: str, tmp_path: Path) -> Path:
    path = tmp_path / "platform.toml"
    path.write_text(text)
    return path


def mistakes(text: str, tmp_path: Path) -> list[str]:
    with pytest.raises(InvalidPlatformFile) as refused:
        read_platform(written(text, tmp_path))
    return [str(mistake) for mistake in refused.value.mistakes]


def test_the_original_platform_is_such_a_file() -> None:
    platform = read_platform(ORIGINAL)
    assert list(platform.scopes) == ["ReadAccounts", "EditExtensions", "EditAccounts", "Accounts"]
    assert platform.default_role == Role(
        "standard_user",
        "Standard User",
        permissions=("ReadCompanyInfo", "ReadExtensions", "EditUserInfo:own"),
    )
    assert platform.effective_scopes(["EditAccounts", "gone"]) == {
        "EditAccounts",
        "ReadAccounts",
        "EditExtensions",
    }
    assert platform.scope_string(["Accounts", "ReadAccounts", "gone"]) == "ReadAccounts Accounts"


def test_a_small_file_is_enough(tmp_path: Path) -> None:
    platform = read_platform(written(SMALL, tmp_path))
    assert (platform.name, platform.built_in_api, platform.apis) == ("Acme", False, {})
    assert platform.words == {
        "extension": ("login", "logins"),
        "account": ("account", "accounts"),
    }
    assert (platform.logo, platform.accent, platform.links.labeled) == (None, "", [])


def test_what_the_platform_calls_itself_and_its_things(tmp_path: Path) -> None:
    (tmp_path / "acme.svg").write_text("<svg/>")
    own = """
    logo = "acme.svg"
    accent = "#0A6E4F"
    [links]
    status = "https://status.acme.example"
    support = "https://acme.example/support"
    [words]
    account = ["workspace", "workspaces"]
    [[scopes]]
    """
    platform = read_platform(written(SMALL.replace("[[scopes]]", own, 1), tmp_path))
    assert platform.logo == Logo("logo.svg", "image/svg+xml", b"<svg/>")
    assert platform.accent == "#0a6e4f"
    assert platform.links.labeled == [
        ("Support", "https://acme.example/support"),
        ("Status", "https://status.acme.example"),
    ]
    assert platform.words["account"] == ("workspace", "workspaces")


@pytest.mark.parametrize(
    ("name", "content", "mistake"),
    [
        ("none.svg", None, 'there is no file "none.svg" next to the platform file'),
        (".svg", None, "use an SVG or PNG file"),
        ("page.svg", b"<html>", "the file isn't SVG"),
        ("picture.png", b"GIF89a", "the file isn't PNG"),
        ("large.svg", b"<svg>" + bytes(200_000), "the file is larger than 200 kB"),
    ],
)
def test_a_logo_that_pages_cannot_show(
    name: str, content: bytes | None, mistake: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert mistakes(f'logo = "{name}"\n{SMALL}', tmp_path) == [f"platform.toml: logo: {mistake}"]


@pytest.mark.parametrize(
    ("name", "mistake"), [(" ", "is blank"), ("A\\nB", "enter this on one line.")]
)
def test_a_name_is_one_visible_line(name: str, mistake: str, tmp_path: Path) -> None:
    text = SMALL.replace('"Acme"', f'"{name}"')
    assert mistakes(text, tmp_path) == [f"platform.toml: name: {mistake}"]


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "orders.json").write_text(
        '{"openapi": "3.1.0", "paths": {"/orders": {"get": {"x-user-permission": "Gone"}}}}'
    )
    text = """
nam = "Acme"
accent = "#ffff00"
logo = "acme.gif"
built_in_api = true
[[scopes]]
id = "orders read"
label = "Read orders"
[[scopes]]
id = "a"
label = "A"
includes = ["b", "c"]
[[scopes]]
id = "b"
includes = ["a"]
[[scopes]]
id = "b"
label = "B again"
[[permissions]]
id = "IssueRefunds"
[[roles]]
id = "support"
label = "Support"
permissions = ["IssueRefunds", "IssueRefunds:own"]
[[roles]]
id = "finance"
permissions = ["Nope"]
[[apis]]
id = "orders"
label = "Orders"
audience = "https://api.acme.example/orders"
openapi = "none.yaml"
servers = {}
[[apis]]
id = "refunds"
audience = "https://api.acme.example/orders"
openapi = "orders.json"
servers = { sandbox = "http://api.acme.example", production = "https://api.acme.example?x=1" }
"""
    assert mistakes(text, tmp_path) == [
        "platform.toml: name: is missing",
        "platform.toml: accent: white text on it has a contrast of 1.07:1; choose a darker color "
        "with at least 4.5:1",
        "platform.toml: nam: isn't a valid key in this table",
        "platform.toml: scopes[1].id: use only letters, digits and _ . : -",
        "platform.toml: scopes[3].label: is missing",
        'platform.toml: scopes[4].id: "b" is already the id of scopes[3]',
        "platform.toml: permissions[1].label: is missing",
        "platform.toml: roles[2].label: is missing",
        "platform.toml: apis[1].servers: set sandbox, production, or both",
        "platform.toml: apis[2].label: is missing",
        "platform.toml: apis[2].servers.sandbox: use an https URL",
        "platform.toml: apis[2].servers.production: remove the query and the fragment",
        'platform.toml: scopes[2].includes: there is no scope "c"',
        "platform.toml: scopes[2].includes: the scopes include each other: a → b → a",
        'platform.toml: roles[1].permissions: there is no permission "IssueRefunds:own"',
        'platform.toml: roles[2].permissions: there is no permission "Nope"',
        'platform.toml: built_in_api: the built-in API needs the scope "ReadAccounts"',
        'platform.toml: built_in_api: the built-in API needs the scope "EditExtensions"',
        'platform.toml: built_in_api: the built-in API needs the scope "EditAccounts"',
        'platform.toml: built_in_api: the built-in API needs the permission "ReadCompanyInfo"',
        'platform.toml: built_in_api: the built-in API needs the permission "EditCompanyInfo"',
        'platform.toml: built_in_api: the built-in API needs the permission "ReadExtensions"',
        'platform.toml: built_in_api: the built-in API needs the permission "EditUserInfo"',
        "platform.toml: logo: use an SVG or PNG file",
        'platform.toml: apis[2].audience: "https://api.acme.example/orders" is already the '
        "audience of apis[1]",
        "none.yaml: the document can't be read (No such file or directory)",
        'orders.json: GET /orders: the platform file has no permission "Gone"',
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "platform.toml: the file isn't TOML: "),
        ("scopes = 1\nroles = []\nname = 'x'", "platform.toml: scopes: isn't an array"),
        (SMALL.replace("[[scopes]]", "[scopes]", 1), "platform.toml: the file isn't TOML: "),
        (f"apis = [1]\n{SMALL}", "platform.toml: apis[1]: isn't a table"),
        (SMALL.replace("Acme", ""), "platform.toml: name: "),
    ],
)
def test_a_file_of_another_shape_names_the_place(text: str, message: str, tmp_path: Path) -> None:
    assert mistakes(text, tmp_path)[0].startswith(message)


def test_a_missing_file_is_one_mistake(tmp_path: Path) -> None:
    with pytest.raises(InvalidPlatformFile, match="can't be read"):
        read_platform(tmp_path / "none.toml")


def test_a_file_in_another_encoding_is_one_mistake(tmp_path: Path) -> None:
    path = tmp_path / "platform.toml"
    path.write_bytes('name = "Söhne"'.encode("latin-1"))
    with pytest.raises(InvalidPlatformFile, match="isn't UTF-8"):
        read_platform(path)


def test_a_permission_for_own_things_is_less_than_the_permission() -> None:
    roles = read_platform(ORIGINAL).roles
    standard, admin = roles["standard_user"], roles["super_admin"]
    assert standard.no_more_than(admin)
    assert not admin.no_more_than(standard)
    assert roles["read_only"].no_more_than(standard)
    assert not standard.no_more_than(roles["read_only"])


def with_permissions(count: int) -> str:
    names = [f"area-{number:03}.change" for number in range(count)]
    tables = "".join(f'[[permissions]]\nid = "{name}"\nlabel = "{name}"\n' for name in names)
    return f"{SMALL}permissions = {names}\n{tables}"


def test_a_role_with_more_permissions_than_fit_into_a_token_is_a_mistake(tmp_path: Path) -> None:
    role = read_platform(written(with_permissions(222), tmp_path)).default_role
    assert len(role.permissions) == 222
    assert mistakes(with_permissions(223), tmp_path) == [
        "platform.toml: roles[1].permissions: the list takes 4014 characters in every access "
        "token; the maximum is 4000"
    ]


def test_a_role_has_each_permission_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = SMALL.replace(
        "[[permissions]]", '[[permissions]]\nid = "A"\nlabel = "A"\n[[permissions]]'
    )
    listed = f'{text}permissions = ["IssueRefunds", "A", "IssueRefunds"]\n'
    assert read_platform(written(listed, tmp_path)).default_role.permissions == (
        "A",
        "IssueRefunds",
    )
