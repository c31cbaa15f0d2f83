"""What a test may change in a file that it runs: addresses, ports and paths, and nothing unseen."""


def replaced(text: str, *pairs: tuple[str, str]) -> str:
    """The text with each of these strings replaced, all of which have to be there."""
    for there, here in pairs:
        assert there in text, f"{there!r} is not in {text!r}"
        text = text.replace(there, here)
    return text
