"""Finds the path template that a request's path belongs to, and refuses ambiguous paths.

A gateway and the service behind it may decode a path differently. A path that two parsers could
read differently is refused, so that no operation is reached under another operation's rule.
"""

import re
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

_PARAMETER = re.compile(r"\{[^{}/]+\}")
# RFC 3986 §3.3: the characters of a path segment, percent-encoded octets included. No semicolon:
# some servers end the segment there.
_SEGMENT = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,=:@-]|%[0-9A-Fa-f]{2})+")
# Octets that mean something else once decoded: controls, space, / \ . ; % ? # and DEL.
_UNSAFE_OCTET = re.compile(r"%(?:[01][0-9A-F]|20|2[EF]|5C|3B|25|3F|23|7F)", re.IGNORECASE)


class AmbiguousPath(Exception):
    """Two templates match the same path equally well."""


class InvalidTemplate(Exception):
    """A template that isn't a path of literal segments and `{parameters}`."""


class HostilePath(Exception):
    """A path that two parsers could read differently."""


def segments_of(path: str) -> tuple[str, ...]:
    """The segments of a request's path as it was sent. Raises `HostilePath`."""
    if not path.startswith("/"):
        raise HostilePath("The path doesn't begin with a slash.")
    segments = tuple(path[1:].split("/"))
    # A final slash is one empty segment at the end, which a template may have too.
    for segment in segments[:-1] if segments[-1] == "" else segments:
        _check_segment(segment)
    return segments


def _check_segment(segment: str) -> None:
    if not segment:
        raise HostilePath("The path has an empty segment.")
    if segment in (".", ".."):
        raise HostilePath("The path has a dot segment.")
    if not _SEGMENT.fullmatch(segment):
        raise HostilePath("The path has a character that must be percent-encoded.")
    if _UNSAFE_OCTET.search(segment):
        raise HostilePath("The path has an encoded character that servers decode differently.")


@dataclass
class _Node(Generic[T]):
    """One segment of templates: literals win over mixed segments, and those over parameters."""

    literals: "dict[str, _Node[T]]" = field(default_factory=dict)
    mixed: "dict[str, tuple[re.Pattern[str], _Node[T]]]" = field(default_factory=dict)
    parameter: "_Node[T] | None" = None
    found: T | None = None
    template: str = ""


class PathTree(Generic[T]):
    """Path templates by method; a look-up takes as many steps as the path has segments."""

    def __init__(self) -> None:
        self._roots: dict[str, _Node[T]] = {}

    def add(self, method: str, template: str, value: T) -> None:
        """Raises `AmbiguousPath` or `InvalidTemplate`."""
        if not template.startswith("/"):
            raise InvalidTemplate("a path begins with a slash")
        node = self._roots.setdefault(method, _Node())
        for segment in template[1:].split("/"):
            node = _child(node, segment)
        if node.found is not None:
            raise AmbiguousPath(f"matches the same paths as {node.template}")
        node.found, node.template = value, template

    def find(self, method: str, path: str) -> T | None:
        """What a request belongs to; None if no template matches. Raises `HostilePath`."""
        segments = segments_of(path)
        root = self._roots.get(method)
        return None if root is None else _find(root, segments, 0)


def _child(node: _Node[T], segment: str) -> _Node[T]:
    """The node of one segment, whatever its parameters are called."""
    names = _PARAMETER.findall(segment)
    if "{" in _PARAMETER.sub("", segment) or "}" in _PARAMETER.sub("", segment):
        raise InvalidTemplate("braces enclose the name of one parameter")
    if not names:
        return node.literals.setdefault(segment, _Node())
    shape = _PARAMETER.sub("{}", segment)
    if shape == "{}":
        if node.parameter is None:
            node.parameter = _Node()
        return node.parameter
    if shape in node.mixed:
        return node.mixed[shape][1]
    for other in node.mixed:
        if _may_overlap(shape, other):
            raise AmbiguousPath(f"the segment {segment} can match the same text as {other}")
    pattern = re.compile(".+?".join(map(re.escape, shape.split("{}"))))
    node.mixed[shape] = (pattern, _Node())
    return node.mixed[shape][1]


def _may_overlap(shape: str, other: str) -> bool:
    """Whether one text could match both: unless their beginnings or their ends differ."""
    first, last = shape.split("{}")[0], shape.split("{}")[-1]
    other_first, other_last = other.split("{}")[0], other.split("{}")[-1]
    begin_alike = first.startswith(other_first) or other_first.startswith(first)
    end_alike = last.endswith(other_last) or other_last.endswith(last)
    return begin_alike and end_alike


def _find(node: _Node[T], segments: tuple[str, ...], index: int) -> T | None:
    if index == len(segments):
        return node.found
    segment = segments[index]
    for child in _candidates(node, segment):
        found = _find(child, segments, index + 1)
        if found is not None:
            return found
    return None


def _candidates(node: _Node[T], segment: str) -> "list[_Node[T]]":
    """The children that match, the most specific first."""
    found = [node.literals[segment]] if segment in node.literals else []
    found += [child for pattern, child in node.mixed.values() if pattern.fullmatch(segment)]
    if node.parameter is not None and segment:
        found.append(node.parameter)
    return found
