import pytest

from accounts.platform.paths import AmbiguousPath, HostilePath, InvalidTemplate, PathTree


def tree_of(*templates: str) -> PathTree[str]:
    tree: PathTree[str] = PathTree()
    for template in templates:
        tree.add("GET", template, template)
    return tree


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/orders", "/orders"),
        ("/orders/17", "/orders/{id}"),
        ("/orders/latest", "/orders/latest"),
        ("/orders/17.pdf", "/orders/{id}.pdf"),
        ("/orders/17/lines/3", "/orders/{id}/lines/{line}"),
        ("/orders/latest/lines/3", "/orders/{id}/lines/{line}"),
        ("/orders/na%C3%AFve", "/orders/{id}"),
        ("/orders/17%3Av2", "/orders/{id}"),
        ("/files/", "/files/"),
        ("/orders/17/lines", None),
        ("/", None),
    ],
)
def test_a_path_belongs_to_its_most_specific_template(path: str, template: str | None) -> None:
    tree = tree_of(
        "/orders", "/orders/{id}", "/orders/latest", "/orders/{id}.pdf", "/files/",
        "/orders/{id}/lines/{line}",
    )  # fmt: skip
    assert tree.find("GET", path) == template


def test_every_parameter_of_a_segment_has_a_text() -> None:
    template = "/{a}-{b}-{c}.json"
    tree = tree_of(template, "/x")
    assert tree.find("GET", "/a-b-c.json") == template
    assert tree.find("GET", "/x") == "/x"
    for path in ("/a-b.json", "/-b-c.json", "/a--c.json", "/a-b-.json", "/a-b-c", "/a-b-c.jsonx"):
        assert tree.find("GET", path) is None


def test_another_method_finds_nothing() -> None:
    assert tree_of("/orders").find("POST", "/orders") is None


@pytest.mark.parametrize(
    "path",
    [
        "orders",
        "",
        "//orders",
        "/orders//17",
        "/./orders",
        "/orders/../admin",
        "/orders/..",
        "/orders/%2e%2e/admin",
        "/orders/%2E",
        "/orders%2F17",
        "/orders%2f17",
        "/orders%5C17",
        "/orders\\17",
        "/orders;v=1",
        "/orders%3Bv=1",
        "/orders/%00",
        "/orders/%0a",
        "/orders/%252e",
        "/orders/%zz",
        "/orders/%",
        "/orders/a b",
        "/orders/%20",
        "/orders/ï",
        "/orders?x=1",
        "/orders#x",
        "/orders%3Fx",
        # Overlong, and not UTF-8.
        "/orders/%C0%AF",
        "/orders/%E9",
        # A server that decodes, ignores case or drops a final slash would find another operation.
        "/orders/%65xport",
        "/orders/EXPORT",
        "/orders/export/",
        "/orders/17/",
        "/ORDERS",
        "/orders%2Dlist",
        "/files",
        "/jobs/17%3Acancel",
        "/jobs/17:CANCEL",
    ],
)
def test_a_path_that_two_servers_could_read_differently_is_refused(path: str) -> None:
    tree = tree_of(
        "/orders", "/orders/{id}", "/orders/export", "/orders-list", "/admin", "/files/",
        "/jobs/{id}", "/jobs/{id}:cancel",
    )  # fmt: skip
    with pytest.raises(HostilePath):
        tree.find("GET", path)


def test_a_path_of_two_templates_without_a_more_specific_one_is_refused() -> None:
    tree = tree_of("/issues/{number}/comments", "/issues/comments/{id}")
    assert tree.find("GET", "/issues/17/comments") == "/issues/{number}/comments"
    assert tree.find("GET", "/issues/comments/17") == "/issues/comments/{id}"
    with pytest.raises(HostilePath):
        tree.find("GET", "/issues/comments/comments")


def test_a_long_segment_takes_no_longer_for_many_parameters() -> None:
    tree = tree_of("/{a}-{b}-{c}-{d}-{e}.json")
    assert tree.find("GET", f"/{'-' * 100_000}") is None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("/orders/{id}", "/orders/{number}"),
        ("/orders/{a}-{b}", "/orders/{c}.{d}"),
        ("/orders/v{a}", "/orders/{a}x"),
        ("/orders", "/orders/"),
        ("/orders", "/Orders"),
        ("/orders/a{id}", "/orders/A{number}"),
    ],
)
def test_templates_that_match_the_same_path_equally_well_are_refused(
    first: str, second: str
) -> None:
    with pytest.raises(AmbiguousPath):
        tree_of(first, second)


@pytest.mark.parametrize(
    ("first", "second"),
    [("/orders/{id}.pdf", "/orders/{id}.csv"), ("/orders/a{id}", "/orders/b{id}")],
)
def test_templates_with_different_ends_or_beginnings_are_told_apart(
    first: str, second: str
) -> None:
    tree_of(first, second)


@pytest.mark.parametrize(
    "template",
    [
        "orders", "/orders/{id", "/orders/id}", "/orders/{}", "/orders//{id}", "/orders/../{id}",
        "/orders?page={page}", "/orders/na\u00efve",
    ],
)  # fmt: skip
def test_a_template_of_another_form_is_refused(template: str) -> None:
    with pytest.raises(InvalidTemplate):
        tree_of(template)


def test_the_message_of_an_ambiguous_template_names_both_shapes() -> None:
    message = r"the segment a\{\} can match the same text as \{\}b$"
    with pytest.raises(AmbiguousPath, match=message):
        tree_of("/{x}b", "/a{y}")
