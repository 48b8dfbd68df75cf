# SPDX-License-Identifier: GPL-2.0-or-later
"""`patchvisor guests`: our own guests, what each is for and how it ends."""

import click

import guests


def rows() -> list[guests.Guest]:
    """Every guest's declaration, by name."""
    return [guests.describe(name) for name in guests.names()]


def as_text(found: list[guests.Guest]) -> str:
    """A line a guest: name, exit statuses, description."""
    width = max((len(guest.name) for guest in found), default=0)
    return "".join(f"{guest.name:<{width}}  {_statuses(guest):>7}  {guest.description}\n" for guest in found)


def _statuses(guest: guests.Guest) -> str:
    return ",".join(str(status) for status in guest.exits)


def as_json(found: list[guests.Guest]) -> str:
    """A list of objects with the keys of `patchvisor guests --json`."""
    import json

    documents = [
        {"name": g.name, "description": g.description, "exits": list(g.exits), "memory": g.memory}
        for g in found
    ]
    return json.dumps(documents, indent=2) + "\n"


@click.command("guests", short_help="List our own guests.")
@click.option("--json", "json_form", is_flag=True, help="As JSON: name, description, exits, memory (MiB).")
def command(json_form: bool) -> int:
    """List our own guests: name, the exit statuses that are right, what the guest is for.

    `patchvisor run NAME` starts one.
    """
    found = rows()
    click.echo(as_json(found) if json_form else as_text(found), nl=False)
    return 0
