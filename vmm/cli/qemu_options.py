# SPDX-License-Identifier: GPL-2.0-or-later
"""Options in QEMU's spelling: `-kernel FILE`, with one dash or two, and QEMU's sentences when they are
wrong.

click can declare such options, but it falls back to bundles of short ones (`-machine` would be read as
`-m achine`). So the words are looked at first: an option must be one of the declared spellings, whole.
"""

from collections.abc import Iterator

import click


class QemuCommand(click.Command):
    """A command whose options are matched whole, in the spelling with one dash or with two."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Check and normalise the words, then let click do the rest."""
        return super().parse_args(ctx, list(normalise(args, self.spellings(ctx), ctx)))

    def spellings(self, ctx: click.Context) -> dict[str, bool]:
        """Every declared spelling -> whether a value follows."""
        options = (param for param in self.get_params(ctx) if isinstance(param, click.Option))
        return {name: not (option.is_flag or option.count) for option in options for name in option.opts}


def normalise(
    words: list[str], spellings: dict[str, bool], ctx: click.Context | None = None
) -> Iterator[str]:
    """The words with every option in its declared spelling; raises UsageError for an unknown one."""
    rest = iter(words)
    for word in rest:
        if word == "--":
            yield word
            yield from rest
        elif len(word) < 2 or word[0] != "-":
            yield word
        else:
            yield from _option(word, rest, spellings, ctx)


def _option(
    word: str, rest: Iterator[str], spellings: dict[str, bool], ctx: click.Context | None
) -> Iterator[str]:
    name, equals, value = word.partition("=")
    spelling = declared(name, spellings)
    if spelling is None or (equals and not spellings[spelling]):
        raise click.UsageError(f"{word}: invalid option{_suggestion(name, spellings)}", ctx)
    yield spelling
    if spellings[spelling]:
        yield value if equals else _value(word, rest, ctx)


def declared(name: str, spellings: dict[str, bool]) -> str | None:
    """The declared spelling of an option written with one dash or two; None when there is none."""
    bare = name.lstrip("-")
    return next((spelling for spelling in (name, f"-{bare}", f"--{bare}") if spelling in spellings), None)


def _value(word: str, rest: Iterator[str], ctx: click.Context | None) -> str:
    value = next(rest, None)
    if value is None:
        raise click.UsageError(f"{word}: requires an argument", ctx)
    return value


def _suggestion(name: str, spellings: dict[str, bool]) -> str:
    from difflib import get_close_matches

    bare = {spelling.lstrip("-"): spelling for spelling in spellings}
    near = get_close_matches(name.lstrip("-"), bare, n=1)
    return f" (did you mean {bare[near[0]]}?)" if near else ""
