"""Template loaders that leave out the indentation of templates: half the bytes of a long page.

This happens once, when a template is compiled. Whitespace with a line break becomes one line break,
which browsers display the same way, except in `pre` and `textarea`. Templates with these, and the
texts of emails, stay unchanged.
"""

import re

from django.template import Origin
from django.template.loaders import app_directories, filesystem

_AROUND_LINE_BREAK = re.compile(r"\s*\n\s*")
_KEEPS_WHITESPACE = re.compile(r"<(?:pre|textarea)\b")


def trimmed(name: str, source: str) -> str:
    if not name.endswith(".html") or _KEEPS_WHITESPACE.search(source):
        return source
    return _AROUND_LINE_BREAK.sub("\n", source)


class FilesystemLoader(filesystem.Loader):
    def get_contents(self, origin: Origin) -> str:
        return trimmed(origin.name, super().get_contents(origin))


class AppDirectoriesLoader(app_directories.Loader):
    def get_contents(self, origin: Origin) -> str:
        return trimmed(origin.name, super().get_contents(origin))
