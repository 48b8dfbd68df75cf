# SPDX-License-Identifier: GPL-2.0-or-later
"""From a source to files: truth lies where the assembler and the linker put it, and decoding agrees with it."""

from pathlib import Path

import pytest

from patcher.auditing.rows import audited
from patcher.catalogue import classify
from patcher.x86.decode import decode
from vmm.bench.audit import generate, tools
from vmm.bench.audit.build import Known, Sample, build
from vmm.bench.audit.measure import samples
from vmm.bench.audit.source import CLASSES, Source, assembly, corpus

pytestmark = pytest.mark.skipif(
    bool(tools.missing()), reason=f"not on PATH: {', '.join(tools.missing())} (Debian: gcc, binutils)"
)

TINY = """\
# @build bits=32 forms=exe,exe-stripped,so,pie,o,o-stripped
# @build bits=32 forms=raw base=0x7c00 mode=32
	.text
	.globl	_start
_start:	pushf; pop %eax
	jmp	1f
	.ascii	"\\234\\372"
	.balign	8, 0x90
1:	rep; outsb
	cli	# and a comment
	call	_start
	.section .text.unlikely, "ax"
	sti
"""


def built(source: Source, folder: Path) -> list[Sample]:
    return list(build(source, folder))


def test_truth_is_where_the_linker_put_it(tmp_path: Path) -> None:
    for sample in built(assembly("tiny", "a", TINY), tmp_path):
        first = sample.data.index(bytes.fromhex("9c58eb049cfa"))
        known = {offset - first: known for offset, known in sample.truth.starts.items()}
        assert known.pop(next(offset for offset in known if known[offset].text == "sti")) == Known(
            32, 1, "sti", True
        )
        assert known == {
            0: Known(32, 1, "pushf", True),
            1: Known(32, 1, "pop %eax", False),
            2: Known(32, 2, "jmp 1f", False),
            8: Known(32, 2, "rep outsb", True),
            10: Known(32, 1, "cli", True),
            11: Known(32, 5, "call _start", False),
        }, sample.name
        assert sorted(offset - first for offset in sample.truth.padding) == [6, 7]
        assert sample.truth.covers(first)
        assert not sample.truth.covers(len(sample.data))
        assert len(sample.truth.sites) == 4


def test_the_forms_are_what_their_names_say(tmp_path: Path) -> None:
    kinds = {sample.form: sample for sample in built(assembly("tiny", "a", TINY), tmp_path)}
    assert {form: sample.data[16] for form, sample in kinds.items() if form != "raw"} == {
        "exe": 2, "exe stripped": 2, "so": 3, "pie": 3, "o": 1, "o stripped": 1,
    }  # fmt: skip
    assert kinds["raw"].base == 0x7C00
    assert kinds["raw"].regions[0].address == 0x7C00
    assert len(kinds["exe stripped"].data) < len(kinds["exe"].data)


def test_constants_move_between_the_functions(tmp_path: Path) -> None:
    pooled = next(source for source in corpus() if source.name == "b/pooled-floating")
    sample = next(build(pooled, tmp_path))
    assert any(b"text" in sample.data[r.offset : r.offset + r.size] for r in sample.regions)


def one_of_each_way() -> list[Source]:
    """A source of each class and kind, which together have every note, trick and mode."""
    names = {"a/redpills", "a/kernel", "b/pooled-bytecode"}
    written = [s for s in corpus() if not s.is_c or s.name in names]
    return written + [s for s in generate.sources() if s.name.endswith("-1")]


@pytest.mark.parametrize("source", one_of_each_way(), ids=lambda source: source.name)
def test_bytes_decode_to_what_the_source_says(source: Source) -> None:
    """The assembler's labels and the project's own decoder know nothing of each other."""
    for sample in samples([source]):
        assert sample.truth.starts
        for offset, known in sample.truth.starts.items():
            insn = decode(sample.data, offset, known.mode)
            assert insn is not None, f"{sample.name}: {known.text} at {offset:#x}"
            row = classify(insn)
            found = (insn.length, row is not None and audited(row))
            assert found == (known.length, known.sensitive), f"{sample.name}: {known.text} at {offset:#x}"


def test_every_class_has_sources() -> None:
    groups = {source.group for source in (*corpus(), *generate.sources())}
    assert groups == set(CLASSES)


def test_seeds_repeat_and_the_held_out_ones_differ() -> None:
    generate_again = {source.name: source.text for source in generate.sources()}
    assert {source.name: source.text for source in generate.sources()} == generate_again
    assert not generate_again.keys() & {source.name for source in generate.sources(held_out=True)}


def test_a_tool_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(tools.ToolError) as error:
        tools.require()
    assert str(error.value) == (
        "Not on PATH: gcc, as, ld, strip; the corpora are assembled here (Debian: gcc and binutils)."
    )
