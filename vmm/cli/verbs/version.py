# SPDX-License-Identifier: GPL-2.0-or-later
"""`patchvisor version`: ours, Python's and the engines'."""

import click


@click.command("version", short_help="Show the versions of all parts.")
@click.option("--json", "json_form", is_flag=True, help="As a JSON object.")
def command(json_form: bool) -> int:
    """Show the versions of patchvisor, Python and the three engines."""
    from vmm.cli.versions import versions

    found = versions()
    if json_form:
        import json

        click.echo(json.dumps(found, indent=2))
    else:
        click.echo("\n".join(f"{name} {number}" for name, number in found.items()))
    return 0
