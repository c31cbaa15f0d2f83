"""Finds mistakes in the HTML of a page: inline code, duplicate IDs, references to missing IDs."""

from html.parser import HTMLParser


class _Inline(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        where = f"<{tag}> at line {self.getpos()[0]}"
        # A browser never executes a data block (JSON).
        if tag == "script" and not values.get("src") and "json" not in (values.get("type") or ""):
            self.found.append(f"{where}: inline script")
        if tag == "style":
            self.found.append(f"{where}: inline style sheet")
        for name, value in attributes:
            if name == "style" or (name.startswith("on") and name.isalpha()):
                self.found.append(f"{where}: {name}=")
            if (value or "").strip().lower().startswith("javascript:"):
                self.found.append(f"{where}: javascript: in {name}=")
            if name in {"hx-on", "hx-vals", "hx-vars"} or name.startswith("hx-on:"):
                self.found.append(f"{where}: {name}= is evaluated")


def inline_code(html: str) -> list[str]:
    """List inline scripts, styles and handlers, each with its line."""
    parser = _Inline()
    parser.feed(html)
    return parser.found


# Attributes that name other elements by their IDs.
_REFERENCES = ("for", "aria-labelledby", "aria-describedby", "aria-controls")


class _Ids(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.named: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name == "id":
                self.ids.append(value or "")
            elif name in _REFERENCES:
                self.named += (value or "").split()


def ids_at_fault(html: str) -> list[str]:
    """List duplicate IDs, and IDs that a label or a description names but no element has."""
    parser = _Ids()
    parser.feed(html)
    twice = {each for each in parser.ids if parser.ids.count(each) > 1}
    return sorted(twice | (set(parser.named) - set(parser.ids)))
