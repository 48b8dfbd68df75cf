# SPDX-License-Identifier: GPL-2.0-or-later
"""`patchvisor explain`: what the catalogue knows of a rule that `patchvisor audit` names."""

import click


@click.command("explain", short_help="Explain a rule of the audit.")
@click.argument("rule", required=False)
def command(rule: str | None) -> int:
    """Show the catalogue's entry of a rule, or of one row as JSON reports name it: encodings, who may run it, what
    goes wrong in which ring, where the manual says so, how it is closed, and an example. Without RULE: list them.
    """
    from patcher.auditing.explain import explanation, find_rule, summary
    from patcher.errors import PatcherError

    try:
        lines = summary() if rule is None else explanation(find_rule(rule))
    except PatcherError as error:
        raise click.UsageError(f"{error} 'patchvisor explain' lists all.") from None
    for line in lines:
        click.echo(line)
    return 0
