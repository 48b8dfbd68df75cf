# SPDX-License-Identifier: GPL-2.0-or-later
"""What a guest says about itself: `guest.toml` read into a frozen `Guest`, whatever is unknown refused."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
POLICIES = ("fast", "trap", "native")


class DeclarationError(Exception):
    """A `guest.toml` that does not follow the format; the sentence names the file and the key."""


@dataclass(frozen=True, slots=True)
class Guest:
    """One guest; README.md explains every key. `exits` are the process exit statuses that are right."""

    name: str
    description: str
    exits: tuple[int, ...]
    memory: int = 32
    serial: str | None = None
    serial_pattern: str | None = None
    screen: str | None = None
    keys: str = ""
    timeout: int = 60  # a busy machine is no reason to fail
    slow: bool = False
    hostile: bool = False
    allowed_unsupported: bool = False
    skip: Mapping[str, str] | None = None
    qemu: str = "same"
    qemu_note: str = ""
    known_bug: str = ""

    @property
    def folder(self) -> Path:
        """Where the guest's files are."""
        return FOLDER / self.name

    def applies_to(self, policy: str) -> str | None:
        """None if the guest runs under `policy`, else the sentence that says why not."""
        return (self.skip or {}).get(policy)

    def accepts(self, serial: str) -> bool:
        """Whether `serial` is the output this guest must give."""
        if self.serial is not None:
            return serial == self.serial
        return self.serial_pattern is None or re.fullmatch(self.serial_pattern, serial, re.DOTALL) is not None


# Key of guest.toml -> (type, whether it must be there).
_KEYS: dict[str, tuple[type | tuple[type, ...], bool]] = {
    "description": (str, True),
    "exit": ((int, str, list), True),
    "memory": (int, False),
    "serial": (str, False),
    "serial_pattern": (str, False),
    "screen": (str, False),
    "keys": (str, False),
    "timeout": (int, False),
    "slow": (bool, False),
    "hostile": (bool, False),
    "allowed_unsupported": (bool, False),
    "skip": (dict, False),
    "qemu": (str, False),
    "qemu_note": (str, False),
    "known_bug": (str, False),
}
_QEMU = ("same", "differs", "never")
DEBUG_EXIT = "debug-exit"
_BY_DEVICE = range(1, 256, 2)
"""What the exit device can end with: value * 2 + 1."""


def names() -> tuple[str, ...]:
    """Names of all guests, in order: the folder's path below `guests/`, as in `hostile/triple-fault`."""
    found = (path.parent.relative_to(FOLDER) for path in FOLDER.glob("**/guest.toml"))
    return tuple(sorted(path.as_posix() for path in found))


def describe(name: str) -> Guest:
    """Read the declaration of the guest `name`; `DeclarationError` if there is none or it is wrong."""
    path = FOLDER / name / "guest.toml"
    if not path.is_file():
        raise DeclarationError(f"there is no guest named {name!r}: {', '.join(names())}")
    return parse(name, path.read_text(encoding="utf-8"))


def parse(name: str, text: str) -> Guest:
    """A `Guest` from the text of its declaration."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DeclarationError(f"guest {name}: not TOML: {error}") from error
    _check_keys(name, table)
    exits = table.pop("exit")
    guest = Guest(name=name, exits=_statuses(name, exits if isinstance(exits, list) else [exits]), **table)
    _check_values(guest)
    return guest


def _statuses(name: str, exits: list[int | str]) -> tuple[int, ...]:
    """The statuses that are right, one by one."""
    found: list[int] = []
    for given in exits:
        if not isinstance(given, str):
            found.append(given)
        elif given == DEBUG_EXIT:
            found.extend(_BY_DEVICE)
        else:
            raise DeclarationError(f"guest {name}: exit: {given!r} is neither a number nor {DEBUG_EXIT!r}")
    return tuple(found)


def _check_keys(name: str, table: dict[str, object]) -> None:
    for key, value in table.items():
        if key not in _KEYS:
            raise DeclarationError(f"guest {name}: unknown key {key!r}, known are {', '.join(_KEYS)}")
        wanted = _KEYS[key][0]
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
            raise DeclarationError(f"guest {name}: key {key!r} has the wrong type: {value!r}")
    for key, (_, needed) in _KEYS.items():
        if needed and key not in table:
            raise DeclarationError(f"guest {name}: key {key!r} is missing")


def _check_values(guest: Guest) -> None:
    problems = {
        "exit: whole numbers from 0 to 255": _are_statuses(guest.exits),
        "memory: 2 to 3072 MiB": 2 <= guest.memory <= 3072,
        "serial and serial_pattern: one of them only": guest.serial is None or guest.serial_pattern is None,
        f"skip: keys from {', '.join(POLICIES)}, values sentences": _is_skip(guest.skip),
        f"qemu: one of {', '.join(_QEMU)}": guest.qemu in _QEMU,
        "qemu_note: needed when qemu is not same": guest.qemu == "same" or bool(guest.qemu_note),
        "hostile: exactly the guests under hostile/": guest.hostile == guest.name.startswith("hostile/"),
    }
    for sentence, fine in problems.items():
        if not fine:
            raise DeclarationError(f"guest {guest.name}: {sentence}")


def _are_statuses(exits: tuple[int, ...]) -> bool:
    return bool(exits) and all(type(status) is int and 0 <= status <= 255 for status in exits)


def _is_skip(skip: Mapping[str, str] | None) -> bool:
    return all(key in POLICIES and type(why) is str and bool(why) for key, why in (skip or {}).items())
