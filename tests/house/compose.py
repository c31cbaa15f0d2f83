"""docker-compose.yml as Docker Compose reads it: its parts, with variables filled in."""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from tests.house.sources import ROOT

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
_VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?P<rest>(?:[^{}]|\{[^{}]*\})*)\})")


class MissingError(Exception):
    """A variable that `${NAME:?what it is}` asks for."""


def interpolated(text: str, variables: Mapping[str, str]) -> str:
    """Fills in `$$`, `${X}`, `${X:-otherwise}` and `${X:?refusal}`."""

    def value(match: re.Match[str]) -> str:
        if match["dollar"]:
            return "$"
        name, operator, rest = match["name"], match["rest"][:2], match["rest"][2:]
        assert operator in ("", ":-", ":?"), match[0]
        found = variables.get(name, "")
        if found or not operator:
            return found
        if operator == ":?":
            raise MissingError(f"{name}: {rest}")
        return interpolated(rest, variables)

    assert "$" not in _VARIABLE.sub("", text), f"A dollar sign that is no variable: {text}"
    return _VARIABLE.sub(value, text)


def interpolated_in(part: Any, variables: Mapping[str, str]) -> Any:
    """Fills in every string of a part of the file."""
    if isinstance(part, str):
        return interpolated(part, variables)
    if isinstance(part, list):
        return [interpolated_in(one, variables) for one in part]
    if isinstance(part, dict):
        return {key: interpolated_in(one, variables) for key, one in part.items()}
    return part
