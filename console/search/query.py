"""What someone typed into the search field."""

import re
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

LONGEST = 100
WORDS_USED = 8
# The first block of an ID. Fewer digits could be the beginning of a word.
_BEGINNING_OF_AN_ID = re.compile(r"[0-9a-f]{8}(?:-?[0-9a-f]{1,4}){0,4}[0-9a-f]{0,8}")


@dataclass(frozen=True)
class SearchQuery:
    text: str

    @classmethod
    def of(cls, typed: str) -> "SearchQuery":
        # No row holds a NUL, and PostgreSQL refuses to look for one.
        return cls(typed.replace("\x00", " ").strip()[:LONGEST])

    @cached_property
    def words(self) -> list[str]:
        return self.text.lower().split()[:WORDS_USED]

    def is_in(self, text: str) -> bool:
        return all(word in text.lower() for word in self.words)

    @cached_property
    def id_range(self) -> tuple[UUID, UUID] | None:
        """The first and the last ID that begin with the text, if it can be one."""
        if not _BEGINNING_OF_AN_ID.fullmatch(self.text.lower()):
            return None
        digits = self.text.lower().replace("-", "")[:32]
        return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))

    @property
    def request_id(self) -> str:
        """Empty if the text isn't a whole ID."""
        first, last = self.id_range or (None, "")
        return str(first) if first == last else ""
