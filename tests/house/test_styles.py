"""Every color has its name in one file, and every style sheet is loaded."""

import re
from pathlib import Path

import pytest

from tests.house.sources import ROOT

SHEETS = sorted((ROOT / "static" / "css").glob("*.css"))
# Pictures in a `url()` are masks: their color doesn't show.
_NO_STYLE = re.compile(r"/\*.*?\*/|url\([^)]*\)", re.DOTALL)
_COLOR = re.compile(
    r"#[0-9a-f]{3,8}\b|\b(?:rgb|hsl|hwb|lab|lch|oklab|oklch|color)a?\("
    r"|(?<![\w-])(?:white|black|gr[ae]y|silver|red|green|blue|yellow|orange|purple)(?![\w-])",
    re.IGNORECASE,
)


def colors(css: str) -> list[str]:
    declarations = re.findall(r"[\w-]+\s*:[^;{}]+(?=[;}])", _NO_STYLE.sub(" ", css))
    return [color for declaration in declarations for color in _COLOR.findall(declaration)]


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_colors_are_named_in_tokens(sheet: Path) -> None:
    assert bool(colors(sheet.read_text())) is (sheet.name == "tokens.css")


@pytest.mark.parametrize("value", ["#fff", "rgb(0 0 0 / 20%)", "1px solid black", "hsl(1, 2%, 3%)"])
def test_a_color_is_found(value: str) -> None:
    assert colors(f"a {{ border: {value}; }}")


@pytest.mark.parametrize("value", ["var(--ink)", "transparent", "currentColor", "nowrap"])
def test_a_token_is_no_color(value: str) -> None:
    assert not colors(f"#face {{ border: {value}; }} /* red: #fff; */")


def test_every_style_sheet_is_loaded() -> None:
    links = (ROOT / "templates" / "components" / "stylesheets.html").read_text()
    assert set(re.findall(r"css/(\w+\.css)", links)) == {sheet.name for sheet in SHEETS}
