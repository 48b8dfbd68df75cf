# SPDX-License-Identifier: GPL-2.0-or-later
"""`patchvisor merge`: the reports of shards as one."""

from typing import TYPE_CHECKING

import click

from patcher.errors import PatcherError
from vmm.cli.audit_options import form_name, shows_around
from vmm.cli.output import check_output, write_report

if TYPE_CHECKING:
    from patcher.auditing.model import AuditReport


@click.command("merge", short_help="Put reports of audits together.")
@click.argument("reports", nargs=-1, required=True, metavar="REPORT...")
@click.option(
    "--format", "form", type=form_name, default="json", metavar="FORM", help="As in patchvisor audit.  [json]"
)
@click.option("-o", "--output", metavar="FILE", help="Write the report there, not to stdout.")
@click.option("-v", "--verbose", is_flag=True, help="With --format text: show harmless findings too.")
def command(reports: tuple[str, ...], form: str, output: str | None, verbose: bool) -> int:
    """Put REPORTs, which `patchvisor audit --format json` wrote, together: the same report as one run over everything.

    The status is 0; 2 when a file is no such report, or two of them say different things about one file.
    """
    from patcher.fleet.merge import merge, without_surroundings
    from patcher.report.form import Options

    if output == "-":
        output = None
    if output is not None:
        check_output(output)
    try:
        merged = merge([_read(path) for path in reports])
    except PatcherError as error:
        raise click.UsageError(str(error)) from None
    if not shows_around(form, verbose):
        merged = without_surroundings(merged)
    write_report(merged, form, Options(verbose=verbose), output)
    return 0


def _read(path: str) -> "AuditReport":
    from patcher.report.json_report import read_report_file

    try:
        return read_report_file(path)
    except OSError as error:
        raise PatcherError(f"{path}: {error.strerror}") from None
