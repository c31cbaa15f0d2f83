"""Templates lose only their indentation, and icons are those of the package."""

import re
from typing import Any

import lucide
import pytest
from django.template import Context, Template, engines
from django.template.loader import get_template

from console.templates import trimmed


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<ul>\n  <li>a</li>\n\n  <li>b</li>\n</ul>\n", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"),
        ("<p>two  words  \n   and more</p>", "<p>two  words\nand more</p>"),
        ("<pre>\n  kept\n</pre>", "<pre>\n  kept\n</pre>"),
        ('<textarea name="x">\n  kept</textarea>', '<textarea name="x">\n  kept</textarea>'),
    ],
)
def test_indentation_is_left_out(source: str, expected: str) -> None:
    assert trimmed("page.html", source) == expected


def test_emails_keep_their_whitespace() -> None:
    text = "One paragraph.\n\n  An indented line.\n"
    assert trimmed("emails/welcome/body.txt", text) == text


def test_templates_of_libraries_are_trimmed_too() -> None:
    template = get_template("django/forms/widgets/select.html")
    assert not re.search(r"\n\s", str(template.template.source))  # type: ignore[attr-defined]


def test_the_engine_compiles_each_template_once() -> None:
    assert [engine.name for engine in engines.all()] == ["django", "text"]
    for engine, name in (("django", "base.html"), ("text", "emails/invitation/body.txt")):
        templates: list[Any] = [get_template(name, using=engine) for _ in range(2)]
        assert templates[0].template is templates[1].template


def icon(tag: str) -> str:
    return Template("{% load lucide %}" + tag).render(Context({"label": '"><script>'}))


def shapes(svg: str) -> list[str]:
    return re.findall(r"<(?:path|circle|rect|line|polyline|ellipse|polygon) [^>]*?(?= ?/>)", svg)


@pytest.mark.parametrize("name", ["key-round", "circle-check", "building-2"])
def test_an_icon_is_drawn_as_the_package_draws_it(name: str) -> None:
    ours = icon(f'{{% lucide "{name}" size=14 aria_hidden="true" %}}')
    assert shapes(ours) == shapes(lucide._render_icon(name, 14))
    for attribute in ('class="icon"', 'width="14"', 'height="14"', 'aria-hidden="true"'):
        assert attribute in ours
    assert "stroke" not in ours


def test_an_icon_with_a_class_and_a_label() -> None:
    ours = icon('{% lucide "box" class="big" aria_label=label %}')
    assert 'class="icon big"' in ours
    assert "<script>" not in ours
    assert "&lt;script&gt;" in ours
