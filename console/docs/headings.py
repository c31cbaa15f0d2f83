"""Headings of a page, and their anchors. GitHub generates the same anchors."""

import re
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Anchors:
    """The anchors of one page, in the order of its headings."""

    taken: Counter[str] = field(default_factory=Counter)

    def of(self, heading: str) -> str:
        anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        self.taken[anchor] += 1
        repeated = self.taken[anchor] - 1
        return f"{anchor}-{repeated}" if repeated else anchor


def plain(markdown: str) -> str:
    """The words of Markdown, without what formats them."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", markdown)
    text = re.sub(r"^\s*\|[\s:|-]+\|\s*$|^#+ |^```.*$|^> ", "", text, flags=re.MULTILINE)
    return re.sub(r"[\s|]+", " ", re.sub(r"[`*\\]", "", text)).strip()
