"""The shades of an accent color that pages need so that all text has enough contrast."""

from collections.abc import Callable, Iterable

from accounts.platform.contrast import ENOUGH, contrast_ratio

BLACK, WHITE = "#000000", "#ffffff"
# Of the backgrounds in static/css/tokens.css, those on which colored text is hardest to read.
LIGHT_BACKGROUND = "#efede8"
DARK_BACKGROUND = "#25272b"
DARK_SURFACE = "#17181b"
# On dark backgrounds, links need extra contrast, because thin text looks thinner there.
ENOUGH_IN_THE_DARK = 7


def tokens(accent: str) -> dict[str, tuple[str, str]]:
    """Design tokens by name, each with its colors in light mode and in dark mode."""
    button = _lighter_button(accent)
    soft, dark_soft = mixed(WHITE, accent, 0.1), mixed(DARK_SURFACE, accent, 0.25)
    is_readable = _readable_on(LIGHT_BACKGROUND, soft, ratio=ENOUGH)
    is_readable_in_the_dark = _readable_on(DARK_BACKGROUND, dark_soft, ratio=ENOUGH_IN_THE_DARK)
    link = _until(accent, BLACK, is_readable)
    dark_link = _until(accent, WHITE, is_readable_in_the_dark)
    return {
        "accent": (accent, button),
        "accent-hover": (mixed(accent, BLACK, 0.18), mixed(button, BLACK, 0.14)),
        "accent-soft": (soft, dark_soft),
        "link": (link, dark_link),
        "focus": (link, dark_link),
    }


def mixed(color: str, other: str, share: float) -> str:
    """A color with a share of another one, from 0 to 1."""
    channels = zip(_channels(color), _channels(other), strict=True)
    return "#" + "".join(f"{round(one + (two - one) * share):02x}" for one, two in channels)


def _channels(color: str) -> list[int]:
    return [int(color[start : start + 2], 16) for start in (1, 3, 5)]


def _shades(color: str, toward: str) -> Iterable[str]:
    return (mixed(color, toward, percent / 100) for percent in range(0, 101, 2))


def _until(color: str, toward: str, is_enough: Callable[[str], bool]) -> str:
    # Black or white is always enough.
    return next(filter(is_enough, _shades(color, toward)))


def _readable_on(*backgrounds: str, ratio: float) -> Callable[[str], bool]:
    return lambda color: all(contrast_ratio(color, each) >= ratio for each in backgrounds)


def _lighter_button(accent: str) -> str:
    # As light as it can be below white text, so that dark accents are visible on a dark page.
    readable = [shade for shade in _shades(accent, WHITE) if contrast_ratio(shade, WHITE) >= ENOUGH]
    return readable[-1]
