# SPDX-License-Identifier: GPL-2.0-or-later
"""`patchvisor diff`: the sensitive instructions that one image has and another has not."""

from typing import TYPE_CHECKING

import click

from vmm.cli.image import image_contents, unreadable_is_no_image

if TYPE_CHECKING:
    from patcher.map_diff import MapDiff
    from patcher.patch_map import Listed

SAME, DIFFERS = 0, 1


@click.command("diff", short_help="Compare two images' sites.")
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.option(
    "--json", "as_json", is_flag=True, help="As JSON: added, removed, moved, closed_otherwise, same."
)
def command(before: str, after: str, as_json: bool) -> int:
    """Compare the sensitive instructions of A and B: images, or patch maps that `patchvisor patch` wrote.

    A site is told by function, rule and bytes, so that another address alone is no difference. The status is 0 when
    both have the same sites, closed the same way, and 1 when not.
    """
    from patcher.map_diff import compare

    with unreadable_is_no_image():
        found = compare(_sites(before), _sites(after))
    click.echo(_json(found) if as_json else _text(found), nl=False)
    return DIFFERS if found.differs else SAME


def _sites(path: str) -> "tuple[Listed, ...]":
    from patcher.patch_map import MAGIC, decode_map

    data = image_contents(path)
    if data.startswith(MAGIC):
        return decode_map(data, path).sites
    from patcher.auditing.options import AuditOptions
    from patcher.laying import sites_of

    return sites_of(data, path, AuditOptions(purposes=False))


def _json(found: "MapDiff") -> str:
    import json

    from patcher.report.records import to_json

    return json.dumps(to_json(found), indent=2) + "\n"


def _text(found: "MapDiff") -> str:
    lines = [f"+ {_name(site)}" for site in found.added]
    lines += [f"- {_name(site)}" for site in found.removed]
    lines += [
        f"~ {_name(pair.after)}: {pair.before.tactic} before, now {pair.after.tactic}"
        for pair in found.closed_otherwise
    ]
    counts = f"{len(found.added)} added, {len(found.removed)} removed"
    other = f"{len(found.closed_otherwise)} closed otherwise, {len(found.moved)} moved, {found.same} the same"
    return "\n".join([*lines, f"{counts}, {other}"]) + "\n"


def _name(site: "Listed") -> str:
    from patcher.report.words import printable

    place = f"{site.function or site.section}+{site.function_offset:#x}"
    program = f"{site.program}: " if site.program else ""
    return printable(f"{program}{place} {site.rule} [{site.raw.hex(' ')}] at {site.address:#x}")
