# SPDX-License-Identifier: GPL-2.0-or-later
"""`patchvisor doctor`: checks the installation in a second, with a cure for whatever is not right."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from vmm.cli.checks import Finding

#: The installation is not complete (EX_CONFIG of sysexits.h).
INCOMPLETE = 78


@click.command("doctor", short_help="Check the installation.")
@click.option("--json", "json_form", is_flag=True, help="As JSON: name, state, saw, cure.")
def command(json_form: bool) -> int:
    """Check the installation: Python, the three engines at work, memory, cache, terminal.

    The status is 0 when guests can run, 78 when something is missing. A note is no failure.
    """
    from vmm.cli.checks import CHECKS, State

    findings = {check.name: check.run() for check in CHECKS}
    click.echo(_as_json(findings) if json_form else _as_text(findings), nl=False)
    return INCOMPLETE if any(finding.state is State.FAILED for finding in findings.values()) else 0


def _as_text(findings: "dict[str, Finding]") -> str:
    """A line a check, and its cure in the next one."""
    return "".join(
        f"{finding.state.value:<5} {name:<13} {finding.saw}\n"
        + (f"{'':5} {'':13} {finding.cure}\n" if finding.cure else "")
        for name, finding in findings.items()
    )


def _as_json(findings: "dict[str, Finding]") -> str:
    import json

    rows = [{"name": n, "state": f.state.value, "saw": f.saw, "cure": f.cure} for n, f in findings.items()]
    return json.dumps(rows, indent=2) + "\n"
