# SPDX-License-Identifier: GPL-2.0-or-later
"""Two images' sites compared: what is new, what is gone, what only moved. A regression test for kernel builds.

A site is the same in both when program, section, function, rule and bytes are. In a function with several such sites
equal offsets are paired first, then what is left in order: those moved.
"""

from collections.abc import Iterable
from dataclasses import dataclass

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
        name = site.program, site.section, site.function, site.rule, site.raw
        names.setdefault(name, []).append(site)
    return names


def _paired(old: list[Listed], new: list[Listed]) -> tuple[list[Moved], list[Listed], list[Listed]]:
    """Pairs of one name, and what is left of both sides."""
    places = {site.function_offset: site for site in new}
    pairs = [Moved(site, places.pop(site.function_offset)) for site in old if site.function_offset in places]
    taken = {id(pair.before) for pair in pairs}
    gone = [site for site in old if id(site) not in taken]
    come = list(places.values())
    pairs += [Moved(*both) for both in zip(gone, come, strict=False)]
    both = min(len(gone), len(come))
    return pairs, gone[both:], come[both:]
