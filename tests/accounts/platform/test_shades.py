import re

import pytest
from django.conf import settings

from accounts.platform import shades
from accounts.platform.contrast import ENOUGH, HEX_COLOR, contrast_ratio

TOKENS = (settings.BASE_DIR / "static/css/tokens.css").read_text()


@pytest.mark.parametrize(
    "accent", ["#0a6e4f", "#1f4ecb", "#000000", "#00007f", "#b3261e", "#767676", "#8a6100"]
)
def test_every_text_has_enough_contrast(accent: str) -> None:
    tokens = shades.tokens(accent)
    assert tokens["accent"][0] == accent
    for mode in (0, 1):
        color = {name: pair[mode] for name, pair in tokens.items()}
        assert all(map(HEX_COLOR.fullmatch, color.values()))
        background = (shades.LIGHT_BACKGROUND, shades.DARK_BACKGROUND)[mode]
        pairs = [
            (shades.WHITE, color["accent"]),
            (shades.WHITE, color["accent-hover"]),
            (color["link"], color["accent-soft"]),
            (color["link"], background),
        ]
        assert [pair for pair in pairs if contrast_ratio(*pair) < ENOUGH] == []


def test_a_dark_accent_is_lighter_on_dark_pages() -> None:
    button = shades.tokens("#00007f")["accent"][1]
    assert contrast_ratio(button, shades.DARK_SURFACE) > 3


def test_the_backgrounds_are_those_of_the_pages() -> None:
    for name, light, dark in [
        ("neutral-soft", shades.LIGHT_BACKGROUND, shades.DARK_BACKGROUND),
        ("surface", shades.WHITE, shades.DARK_SURFACE),
    ]:
        assert f"--{name}: light-dark({light}, {dark});" in TOKENS


def test_only_tokens_that_pages_have_are_changed() -> None:
    assert set(shades.tokens("#0a6e4f")) <= set(re.findall(r"--([\w-]+):", TOKENS))
