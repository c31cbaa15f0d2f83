from types import MappingProxyType
from typing import Any


def frozen(value: Any) -> Any:
    """A JSON value that can't be changed: lists become tuples, objects read-only mappings."""
    if isinstance(value, dict):
        return MappingProxyType({name: frozen(inner) for name, inner in value.items()})
    if isinstance(value, list):
        return tuple(frozen(inner) for inner in value)
    return value
