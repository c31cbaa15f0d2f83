"""Replaces addresses, ports and paths in a file that a test runs."""


def replaced(text: str, *pairs: tuple[str, str]) -> str:
    """Replace each of these strings, all of which must be in the text."""
    for there, here in pairs:
        assert there in text, f"{there!r} is not in {text!r}"
        text = text.replace(there, here)
    return text
