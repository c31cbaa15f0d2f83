"""Template loaders that leave out how templates are indented: half the bytes of a long page.

Done once, when a template is compiled. One line break stands for any whitespace with a line break
in it, which browsers take for the same, except in `pre` and `textarea`: templates with these, and
texts of mails, stay as they are.
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
