"""Markdown as HTML, without the HTML in it, and without inline styles that the CSP refuses."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

from django.template.loader import render_to_string
from django.utils.html import escape
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from console.docs.headings import Anchors, plain
from console.docs.library import DocsPage, pages
from console.docs.samples import with_placeholders

# What the first word after ``` means to readers.
LANGUAGES = {
    "caddyfile": "Caddyfile",
    "haproxy": "HAProxy",
    "ini": "INI",
    "json": "JSON",
    "lua": "Lua",
    "nginx": "nginx",
    "python": "Python",
    "sh": "Shell",
    "sql": "SQL",
    "toml": "TOML",
    "yaml": "YAML",
}


@dataclass(frozen=True)
class Heading:
    anchor: str
    text: str


@dataclass(frozen=True)
class RenderedPage:
    html: str
    headings: tuple[Heading, ...]
    """Those of the second level."""


class DocsRenderer(RendererHTML):
    def fence(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        token = tokens[idx]
        env["samples"] += 1
        context = {
            "id": f"sample-{env['samples']}",
            "label": LANGUAGES.get(token.info.partition(" ")[0], "Text"),
            "code": with_placeholders(token.content.rstrip("\n")),
        }
        return render_to_string("components/code_block.html", context)

    def code_inline(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return f"<code>{escape(with_placeholders(tokens[idx].content))}</code>"

    def table_open(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        env["tables"] += 1
        return (
            '<div class="prose__table" role="region" tabindex="0" '
            f'aria-label="Table {env["tables"]}"><table>'
        )

    def table_close(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return "</table></div>"


PARSER = MarkdownIt("js-default", {"html": False, "linkify": False}, renderer_cls=DocsRenderer)


@cache
def rendered(path: str) -> RenderedPage:
    """A page without its title, with placeholders for what depends on the reader."""
    page = pages()[path]
    env: dict[str, int] = {"samples": 0, "tables": 0}
    tokens = PARSER.parse(page.text, env)
    headings = tuple(_anchored(tokens))
    for token in tokens:
        _align(token)
        _link(token, page)
    # The template shows the title.
    html = str(PARSER.renderer.render(tokens[3:], PARSER.options, env))
    return RenderedPage(html, headings)


def _anchored(tokens: Sequence[Token]) -> list[Heading]:
    anchors = Anchors()
    found = []
    for opening, content in pairwise(tokens):
        if opening.type != "heading_open":
            continue
        anchor = anchors.of(content.content)
        opening.attrSet("id", anchor)
        if opening.tag == "h2":
            found.append(Heading(anchor, plain(content.content)))
    return found


def _align(token: Token) -> None:
    """Columns are aligned by a class, because the CSP refuses the style that the parser sets."""
    if token.attrs.pop("style", "") == "text-align:right":
        token.attrSet("class", "num")


def _link(token: Token, page: DocsPage) -> None:
    for child in token.children or ():
        if child.type == "link_open":
            child.attrSet("href", page.target(str(child.attrGet("href"))))
        elif child.type == "image":
            child.attrSet("src", page.target(str(child.attrGet("src"))))
            child.attrSet("loading", "lazy")
