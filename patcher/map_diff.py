# SPDX-License-Identifier: GPL-2.0-or-later
"""Two images' sites compared: what is new, what is gone, what only moved. A regression test for kernel builds.

A site is the same in both when program, section, function, rule and bytes are, but for the addresses in them, which a
linker chooses anew. In a function with several such sites equal offsets are paired first, then what is left in order:
those moved.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from patcher.auditing.fingerprint import function_name, without_addresses
from patcher.patch_map import Listed

Name = tuple[str, str, str, str, bytes]


@dataclass(frozen=True, slots=True)
class Moved:
    """A site at another offset of its function."""

    before: Listed
    after: Listed


@dataclass(frozen=True, slots=True)
class MapDiff:
    """What changed from one image to another. `same` counts sites at the same offset of the same function."""

    added: tuple[Listed, ...]
    removed: tuple[Listed, ...]
    moved: tuple[Moved, ...]
    closed_otherwise: tuple[Moved, ...]
    same: int

    @property
    def differs(self) -> bool:
        """Does one image have a site that the other has not, or is one closed otherwise?"""
        return bool(self.added or self.removed or self.closed_otherwise)


def compare(before: Iterable[Listed], after: Iterable[Listed]) -> MapDiff:
    """Compare the sites of two images."""
    old, new = _by_name(before), _by_name(after)
    pairs: list[Moved] = []
    added: list[Listed] = []
    removed: list[Listed] = []
    for name in sorted(old.keys() | new.keys()):
        found, gone, come = _paired(old.get(name, []), new.get(name, []))
        pairs += found
        removed += gone
        added += come
    moved = tuple(pair for pair in pairs if pair.before.function_offset != pair.after.function_offset)
    other = tuple(pair for pair in pairs if pair.before.tactic != pair.after.tactic)
    return MapDiff(tuple(added), tuple(removed), moved, other, len(pairs) - len(moved))


def _by_name(sites: Iterable[Listed]) -> dict[Name, list[Listed]]:
    names: dict[Name, list[Listed]] = {}
    for site in sites:
        function = function_name(site.function, site.address - site.function_offset)
        name = site.program, site.section, function, site.rule, without_addresses(site.raw, site.mode)
        names.setdefault(name, []).append(site)
    return names


def _paired(old: list[Listed], new: list[Listed]) -> tuple[list[Moved], list[Listed], list[Listed]]:
    """Pairs of one name, and what is left of both sides."""
    places: dict[int, list[Listed]] = {}
    for site in new:
        places.setdefault(site.function_offset, []).append(site)
    pairs: list[Moved] = []
    gone: list[Listed] = []
    for site in old:
        there = places.get(site.function_offset)
        if there:
            pairs.append(Moved(site, there.pop(0)))
        else:
            gone.append(site)
    come = [site for there in places.values() for site in there]
    pairs += [Moved(*both) for both in zip(gone, come, strict=False)]
    both = min(len(gone), len(come))
    return pairs, gone[both:], come[both:]
