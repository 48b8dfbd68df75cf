# SPDX-License-Identifier: GPL-2.0-or-later
"""`patchvisor patch`: lay an image's patches down ahead of time, in a file beside it."""

from collections import Counter
from typing import TYPE_CHECKING

import click

from vmm.cli.image import image_contents, unreadable_is_no_image
from vmm.cli.output import check_output, whole_file
from vmm.cli.values import keep_apart

if TYPE_CHECKING:
    from patcher.patch_map import PatchMap


@click.command("patch", short_help="Lay patches down ahead of time.")
@click.argument("image")
@click.option("-o", "output", required=True, metavar="OUT", help="Where the patch map goes.")
@click.option(
    "--cpl", type=click.Choice(("0", "3", "auto")), default="auto", help="The ring that the code runs in."
)
def command(image: str, output: str, cpl: str) -> int:
    """Scan the code of IMAGE and write what closes it to a patch map; IMAGE itself stays as it is.

    `patchvisor run IMAGE --patches OUT` then scans only what the map does not know: code that is made, relocated or
    rewritten while it runs. `patchvisor diff` compares two maps.
    """
    from patcher.auditing.options import AuditOptions
    from patcher.laying import map_of

    keep_apart(output, (image,))
    check_output(output)
    options = AuditOptions(cpl=None if cpl == "auto" else int(cpl), purposes=False)
    with unreadable_is_no_image():
        found = map_of(image_contents(image), image, options)
    with whole_file(output) as stream:
        stream.write(found.encode())
    click.echo(_summary(found, image, output))
    return 0


def _summary(found: "PatchMap", image: str, output: str) -> str:
    from patcher.report.words import many

    tactics = Counter(site.tactic for site in found.sites)
    idle = tactics.pop("none", 0)
    shown = ", ".join(f"{count} by {tactic}" for tactic, count in sorted(tactics.items())) or "none"
    to_close = many(sum(tactics.values()), "site")
    left = f"{idle} that {'needs' if idle == 1 else 'need'} no patch"
    pages = many(len(found.pages), "page record")
    return f"{image}: {to_close} to close ({shown}), {left}; {pages} in {output}"
