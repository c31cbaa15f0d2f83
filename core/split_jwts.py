"""JWTs that something has split: email programs, source code, diffs.

A text is read in a few ways. Each goes through it once, and joins everything that could belong
together. So a JWT is recognized by the beginning that all of ours have, and by the length of its
signature.
"""

import re
from collections.abc import Iterator
from itertools import islice

# The base64url of `{"alg":"ES256","kid":"`, where the kid follows.
BEGINNING = "eyJhbGciOiJFUzI1NiIsImtpZCI6I"
_CHARACTER = "[A-Za-z0-9_-]"
# The lengths are those that the parts of our JWTs can have. They bound the work for each beginning.
_JWT = re.compile(
    rf"{BEGINNING}{_CHARACTER}{{30,100}}+\.{_CHARACTER}{{20,4000}}+\.{_CHARACTER}{{86}}"
)
# Of one text. A report with more of them is made up.
_MOST = 100

# RFC 2045 §6.7: soft line breaks, and characters by their code.
_QUOTED_PRINTABLE = re.compile(r"=(?:\r?\n|([0-9A-Fa-f]{2}))")
# What programs put before a line: signs of quotations, comments and added lines.
_MARKS = " \t>|#*+/"
# Between literals there is only code: operators, names and brackets.
_LITERAL = re.compile(r""""([^"\n]*)"|'([^'\n]*)'|`([^`\n]*)`""")


def split_jwts(text: str) -> list[str]:
    """Each complete JWT that a reading of the text shows, once."""
    found = (match[0] for reading in _readings(text) for match in _JWT.finditer(reading))
    return list(dict.fromkeys(islice(found, _MOST)))


def _readings(text: str) -> Iterator[str]:
    for source in dict.fromkeys((text, _QUOTED_PRINTABLE.sub(_decoded, text))):
        # Line breaks can be escaped, in JSON or in source code.
        lines = source.replace(r"\r", "").replace(r"\n", "\n").splitlines()
        lines = [line.rstrip(" \t\\").lstrip(_MARKS) for line in lines]
        yield "".join(lines)
        # A dash is the sign of a deleted line, or the first character of what follows.
        yield "".join(line.removeprefix("-").lstrip(_MARKS) for line in lines)
        yield "".join(map("".join, _LITERAL.findall(source)))


def _decoded(match: re.Match[str]) -> str:
    return chr(int(match[1], 16)) if match[1] else ""
