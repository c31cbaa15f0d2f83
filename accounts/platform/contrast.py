"""How well two colors contrast (WCAG 2.2, 1.4.3)."""

import re

HEX_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
# For text of ordinary size.
ENOUGH = 4.5


def contrast_ratio(color: str, other: str) -> float:
    """From 1 to 21, for two colors like `#0a6e4f`."""
    lighter, darker = sorted((_luminance(color), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: str) -> float:
    red, green, blue = (_linear(int(color[start : start + 2], 16) / 255) for start in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
