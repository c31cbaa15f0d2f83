"""Finds the path template that a request's path belongs to, and refuses ambiguous paths.

A gateway and the service behind it can read a path differently: one decodes it or ignores case and
a final slash, and the other doesn't. A path that two servers could read differently is refused, so
that no one reaches an operation under the rule of another operation.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import unquote

T = TypeVar("T")

_PARAMETER = re.compile(r"\{[^{}/]+\}")
# Takes the place of each parameter, regardless of its name.
_GAP = "\0"
# RFC 3986 §3.3: the characters of a path segment, including percent-encoded octets, but without the
# semicolon, because some servers end the segment there.
_SEGMENT = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,=:@-]|%[0-9A-Fa-f]{2})+")
# Octets that have another meaning when they are decoded: controls, space, / \ . ; % ? # and DEL.
_UNSAFE_OCTET = re.compile(r"%(?:[01][0-9A-F]|20|2[EF]|5C|3B|25|3F|23|7F)", re.IGNORECASE)
# How specifically a segment of a template matches.
_LITERAL, _MIXED, _PARAMETERS = range(3)


class AmbiguousPath(Exception):
    """Two templates match the same path equally well."""


class InvalidTemplate(Exception):
    """The template isn't a path of literal segments and `{parameters}`."""


class HostilePath(Exception):
    """Two servers could read the path differently."""


@dataclass
class _Node(Generic[T]):
    """One segment of templates: a text, a text that contains parameters, or one parameter."""

    literals: "dict[str, _Node[T]]" = field(default_factory=dict)
    mixed: "dict[str, _Node[T]]" = field(default_factory=dict)
    parameter: "_Node[T] | None" = None
    found: T | None = None
    template: str = ""
    shapes: Sequence[str] = ()
    """Those of the segments of the template, in its own spelling."""


class PathTree(Generic[T]):
    """Path templates by method. Finding one takes as many steps as the path has segments."""

    def __init__(self) -> None:
        self._roots: dict[str, _Node[T]] = {}

    def add(self, method: str, template: str, value: T) -> None:
        """Raises `AmbiguousPath` or `InvalidTemplate`."""
        node = self._roots.setdefault(method, _Node())
        try:
            shapes = _shapes(template)
        except HostilePath as error:
            raise InvalidTemplate(str(error)) from error
        for shape in shapes:
            node = _child(node, shape)
        if node.found is not None:
            raise AmbiguousPath(f"matches the same paths as {node.template}")
        node.found, node.template, node.shapes = value, template, shapes

    def find(self, method: str, path: str) -> T | None:
        """The value of the most specific template; None if no template matches.

        Raises `HostilePath`, also for another spelling of a path, and for a path that matches two
        templates, each more specific than the other in some segment.
        """
        segments = segments_of(path)
        root = self._roots.get(method)
        matches = [] if root is None else list(_matches(root, [*map(_read, segments)], ()))
        if not matches:
            return None
        (best, node), *others = matches
        for kinds, _ in others:
            if any(mine > theirs for mine, theirs in zip(best, kinds, strict=True)):
                raise HostilePath(
                    "the path matches two operations, and servers can disagree on which"
                )
        if not _is_spelled_like(path, segments, best, node):
            raise HostilePath(f"the path is another spelling of {node.template}")
        return node.found


def segments_of(path: str) -> list[str]:
    """The segments of a path as it was sent, without the empty one after a final slash.

    Raises `HostilePath`.
    """
    if not path.startswith("/"):
        raise HostilePath("the path doesn't begin with a slash")
    segments = path[1:].removesuffix("/").split("/") if len(path) > 1 else []
    for segment in segments:
        _check_segment(segment)
    return segments


def _shapes(template: str) -> list[str]:
    # A parameter can contain any text, so we check the template with a letter in its place.
    segments_of(_PARAMETER.sub("x", template))
    return [_PARAMETER.sub(_GAP, each) for each in template[1:].split("/") if each]


def _check_segment(segment: str) -> None:
    if not segment:
        raise HostilePath("the path has an empty segment")
    if segment in (".", ".."):
        raise HostilePath("the path has a dot segment")
    if not _SEGMENT.fullmatch(segment):
        raise HostilePath("the path has a character that must be percent-encoded")
    if _UNSAFE_OCTET.search(segment):
        raise HostilePath("the path has an encoded character that servers decode differently")
    try:
        unquote(segment, errors="strict")
    except UnicodeDecodeError as error:
        raise HostilePath("the path has encoded characters that aren't UTF-8") from error


def _read(segment: str) -> str:
    """The segment as servers read it if they decode paths and ignore case."""
    return unquote(segment).casefold()


def _child(node: _Node[T], shape: str) -> _Node[T]:
    if _GAP not in shape:
        return node.literals.setdefault(_read(shape), _Node())
    if shape == _GAP:
        node.parameter = node.parameter or _Node()
        return node.parameter
    for other in node.mixed.keys() - {_read(shape)}:
        if _can_overlap(_read(shape), other):
            mine, theirs = (each.replace(_GAP, "{}") for each in (shape, other))
            raise AmbiguousPath(f"the segment {mine} can match the same text as {theirs}")
    return node.mixed.setdefault(_read(shape), _Node())


def _can_overlap(shape: str, other: str) -> bool:
    """Whether one text could match both shapes: not if their beginnings or ends differ."""
    first, *_, last = shape.split(_GAP)
    other_first, *_, other_last = other.split(_GAP)
    begin_alike = first.startswith(other_first) or other_first.startswith(first)
    end_alike = last.endswith(other_last) or other_last.endswith(last)
    return begin_alike and end_alike


def _matches(
    node: _Node[T], segments: Sequence[str], kinds: tuple[int, ...]
) -> Iterator[tuple[tuple[int, ...], _Node[T]]]:
    """The nodes of the templates that match, the most specific first, with each segment's kind."""
    if len(kinds) == len(segments):
        if node.found is not None:
            yield kinds, node
        return
    segment = segments[len(kinds)]
    if segment in node.literals:
        yield from _matches(node.literals[segment], segments, (*kinds, _LITERAL))
    for shape, child in node.mixed.items():
        if _fits(segment, shape):
            yield from _matches(child, segments, (*kinds, _MIXED))
    if node.parameter is not None:
        yield from _matches(node.parameter, segments, (*kinds, _PARAMETERS))


def _is_spelled_like(
    path: str, segments: Sequence[str], kinds: Sequence[int], node: _Node[T]
) -> bool:
    return path.endswith("/") == node.template.endswith("/") and all(
        kind == _PARAMETERS or _fits(segment, shape)
        for segment, kind, shape in zip(segments, kinds, node.shapes, strict=True)
    )


def _fits(segment: str, shape: str) -> bool:
    """Whether the segment has the texts of the shape, with something in each gap.

    A regular expression would try every way to divide a long segment.
    """
    if _GAP not in shape:
        return segment == shape
    first, *middle, last = shape.split(_GAP)
    if not (segment.startswith(first) and segment.endswith(last)):
        return False
    end = len(first)
    for text in middle:
        begin = segment.find(text, end + 1)
        if begin == -1:
            return False
        end = begin + len(text)
    return end < len(segment) - len(last)
