# SPDX-License-Identifier: GPL-2.0-or-later
"""Frozen records to JSON values and back, by their types: what is written can be read, and nothing else.

A record is an object with a key a field; an enum is its value, a tuple a list, bytes hexadecimal digits. Fields
named in `ADDRESSES` are written as "0x…", because many readers of JSON round numbers above 2^53.
"""

import types
from collections.abc import Callable, Hashable, KeysView
from dataclasses import is_dataclass
from enum import Enum
from functools import cache
from typing import Final, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from patcher.errors import PatcherError

ADDRESSES: Final = frozenset({"address", "file_offset", "function_offset", "start", "end"})

DERIVED: Final = frozenset({"fingerprint"})
"""Keys that a writer may add beside a record's fields, for readers that cannot compute them."""

T = TypeVar("T")
Write = Callable[[object], object]
"""From a field's value to a JSON value."""
Read = Callable[[object, str], object]
"""From a JSON value and a description of its place to a field's value."""


def to_json(value: object) -> object:
    """A record, or a tuple of them, as what `json.dumps` takes."""
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    return _writer(cast(Hashable, type(value)))(value)


@cache
def _writer(kind: object) -> Write:
    """What makes JSON values of a type's; reports hold hundreds of thousands, so each type is looked at once."""
    if isinstance(kind, type) and is_dataclass(kind):
        return _record_writer(kind)
    if get_origin(kind) is tuple:
        item = _writer(get_args(kind)[0])
        return lambda value: [item(one) for one in cast(tuple[object, ...], value)]
    if get_origin(kind) in (Union, types.UnionType):
        inner = _writer(next(arm for arm in get_args(kind) if arm is not type(None)))
        return lambda value: None if value is None else inner(value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return lambda value: cast(Enum, value).value
    return (lambda value: cast(bytes, value).hex()) if kind is bytes else lambda value: value


def _record_writer(kind: type) -> Write:
    hints = get_type_hints(kind)
    writers = [(name, _digits_of if name in ADDRESSES else _writer(hints[name])) for name in hints]
    return lambda value: {name: write(getattr(value, name)) for name, write in writers}


def _digits_of(value: object) -> object:
    return None if value is None else f"{value:#x}"


def from_json(kind: type[T], value: object, where: str = "the document") -> T:
    """What `to_json` made of a `kind`. Raises `PatcherError` that names the place of what is wrong."""
    return cast(T, _reader(cast(Hashable, kind))(value, where))


@cache
def _reader(kind: object) -> Read:
    if isinstance(kind, type) and is_dataclass(kind):
        return _record_reader(kind)
    if get_origin(kind) is tuple:
        return _tuple_reader(_reader(get_args(kind)[0]))
    if get_origin(kind) in (Union, types.UnionType):
        inner = _reader(next(arm for arm in get_args(kind) if arm is not type(None)))
        return lambda value, where: None if value is None else inner(value, where)
    assert isinstance(kind, type), f"{kind} is no type of a record's field"
    if issubclass(kind, Enum):
        return lambda value, where: _member(kind, value, where)
    return _digits if kind is bytes else lambda value, where: _typed(value, kind, where)


def _tuple_reader(item: Read) -> Read:
    def read(value: object, where: str) -> object:
        return tuple(item(one, f"{where}[{n}]") for n, one in enumerate(_typed(value, list, where)))

    return read


def _record_reader(kind: type) -> Read:
    hints = get_type_hints(kind)
    readers = {name: _address if name in ADDRESSES else _reader(hint) for name, hint in hints.items()}

    def read(value: object, where: str) -> object:
        found = _typed(value, dict, where)
        _whole(found, readers.keys(), where)
        return kind(**{name: reader(found[name], f"{where}.{name}") for name, reader in readers.items()})

    return read


def _whole(found: dict[str, object], names: KeysView[str], where: str) -> None:
    for name in names:
        if name not in found:
            raise PatcherError(f"{where} has no key {name!r}.")
    for name in found:
        if name not in names and name not in DERIVED:
            raise PatcherError(f"{where} has the key {name!r}, which is not known.")


def _typed(value: object, kind: type[T], where: str) -> T:
    if type(value) is not kind:
        raise PatcherError(f"{where} should be of type {kind.__name__}, not {type(value).__name__}.")
    return value


def _member(kind: type[Enum], value: object, where: str) -> Enum:
    try:
        return kind(value)
    except ValueError:
        raise PatcherError(f"{where} is {value!r}, which is not known.") from None


def _digits(value: object, where: str) -> bytes:
    try:
        return bytes.fromhex(_typed(value, str, where))
    except ValueError:
        raise PatcherError(f"{where} should be hexadecimal digits, not {value!r}.") from None


def _address(value: object, where: str) -> int | None:
    if value is None and where.endswith(".file_offset"):
        return None
    try:
        return int(_typed(value, str, where), 16)
    except ValueError:
        raise PatcherError(f"{where} should be an address like 0x1000, not {value!r}.") from None
