# SPDX-License-Identifier: GPL-2.0-or-later
"""Frozen records to JSON values and back, by their types: what is written is what can be read, and nothing else.

A record is an object with a key a field; an enum is its value, a tuple a list, bytes hexadecimal digits. Fields named in
`ADDRESSES` are written as "0x…", because many readers of JSON round numbers above 2^53.
"""

import types
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

from patcher.errors import PatcherError

ADDRESSES: Final = frozenset({"address", "file_offset", "function_offset", "start", "end"})

Record = TypeVar("Record")
Json = Any
"""Whatever `json.loads` gives."""


def to_json(value: object, name: str = "") -> Json:
    """A record, or a value inside one, as what `json.dumps` takes. `name` is the field that holds it."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name), field.name) for field in fields(value)}
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bytes):
        return value.hex()
    if name in ADDRESSES and value is not None:
        return f"{value:#x}"
    return value


def from_json(kind: type[Record], value: Json, where: str = "the document") -> Record:
    """A record of `kind` from what `to_json` made of it. Raises `PatcherError` that names the place of what is wrong."""
    found: Record = _reader(kind)(value, where)
    return found


@cache
def _reader(kind: Any) -> Callable[[Json, str], Any]:
    if is_dataclass(kind):
        return _record_reader(kind)
    if get_origin(kind) is tuple:
        item = _reader(get_args(kind)[0])
        return lambda value, where: tuple(
            item(one, f"{where}[{index}]") for index, one in enumerate(_typed(value, list, where))
        )
    if get_origin(kind) in (Union, types.UnionType):
        inner = _reader(next(arm for arm in get_args(kind) if arm is not type(None)))
        return lambda value, where: None if value is None else inner(value, where)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return lambda value, where: _member(kind, value, where)
    if kind is bytes:
        return _digits
    return lambda value, where: _typed(value, kind, where)


def _record_reader(kind: Any) -> Callable[[Json, str], Any]:
    hints = get_type_hints(kind)
    readers = {
        field.name: _address if field.name in ADDRESSES else _reader(hints[field.name])
        for field in fields(kind)
    }

    def read(value: Json, where: str) -> Any:
        found = _typed(value, dict, where)
        if found.keys() != readers.keys():
            wrong = sorted(found.keys() ^ readers.keys())
            raise PatcherError(f"In {where} the key {wrong[0]!r} is missing or unknown.")
        return kind(**{name: reader(found[name], f"{where}.{name}") for name, reader in readers.items()})

    return read


def _typed(value: Json, kind: type, where: str) -> Any:
    if type(value) is not kind:
        raise PatcherError(f"{where} should be of type {kind.__name__}, not {type(value).__name__}.")
    return value


def _member(kind: type[Enum], value: Json, where: str) -> Enum:
    try:
        return kind(value)
    except ValueError:
        raise PatcherError(f"{where} has no value {value!r}.") from None


def _digits(value: Json, where: str) -> bytes:
    try:
        return bytes.fromhex(_typed(value, str, where))
    except ValueError:
        raise PatcherError(f"{where} should be hexadecimal digits, not {value!r}.") from None


def _address(value: Json, where: str) -> int | None:
    if value is None and where.endswith(".file_offset"):
        return None
    try:
        return int(_typed(value, str, where), 16)
    except ValueError:
        raise PatcherError(f"{where} should be an address like 0x1000, not {value!r}.") from None
