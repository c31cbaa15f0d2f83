"""Reads the logo of a platform."""

from pathlib import Path

from accounts.platform.catalog import Logo

TYPES = {".svg": "image/svg+xml", ".png": "image/png"}
# Every page shows it, so it must be small.
MAX_BYTES = 200_000
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


class UnusableLogo(Exception):
    """The message says what is wrong with the file."""


def read_logo(path: Path) -> Logo:
    """Raises `UnusableLogo`."""
    suffix = path.suffix.lower()
    if suffix not in TYPES:
        raise UnusableLogo("use an SVG or PNG file")
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UnusableLogo(f'there is no file "{path.name}" next to the platform file') from None
    except OSError as error:
        raise UnusableLogo(f"the file can't be read ({error.strerror or error})") from None
    if not _is_what_it_says(suffix, content):
        raise UnusableLogo(f"the file isn't {suffix[1:].upper()}")
    if len(content) > MAX_BYTES:
        raise UnusableLogo(f"the file is larger than {MAX_BYTES // 1000} kB")
    return Logo(f"logo{suffix}", TYPES[suffix], content)


def _is_what_it_says(suffix: str, content: bytes) -> bool:
    return content.startswith(_PNG_SIGNATURE) if suffix == ".png" else b"<svg" in content
