# SPDX-License-Identifier: GPL-2.0-or-later
"""Audits of Debian's kernels, firmware and libraries, and of this machine's own programs: what they find, and what not.

Where `objdump -d` is at hand, what it disassembles in a straight line is compared: compiled code without data in it
has the same sensitive instructions for both.
"""

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from patcher import audit
from patcher.auditing.model import BinaryReport, FileReport, Kind, Status, Tier

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

LIBRARIES = ("zlib-32.so", "zlib-64.so", "lua-32.so", "lua-64.so", "zlib1-32.dll", "zlib1-64.dll")
TRAPPING = ("cli", "sti", "hlt", "in", "out", "rdmsr", "wrmsr", "wbinvd")
HOLES = ("pushf", "popf", "cpuid", "rdtsc", "sgdt", "sidt", "iret", "lret")
IDENTIFYING = {"cpuid", "xgetbv", "rdtsc"}


@pytest.fixture
def audited(real_kernel: Callable[[str], Path]) -> Callable[[str], FileReport]:
    """The audit of a file of `real_kernels`, which must have nothing unread."""

    def report(name: str) -> FileReport:
        found = audit(real_kernel(name))
        assert not found.unreadable
        (file,) = found.files
        return file

    return report


def rules(program: BinaryReport, *tiers: Tier) -> Counter[str]:
    """How often each rule was found that matters, in some tiers."""
    wanted = tiers or (Tier.CONFIRMED, Tier.LIKELY)
    return Counter(found.rule for found in program.findings if found.matters and found.tier in wanted)


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_library_that_computes_only_has_no_finding(name: str, audited: Callable[[str], FileReport]) -> None:
    (library,) = audited(name).binaries
    assert library.findings == ()
    assert library.verdict.status is Status.AS_IS
    assert library.coverage.followed > 0.85 * library.coverage.code


def test_memtest_has_three_kinds_of_code_and_each_is_looked_at(
    audited: Callable[[str], FileReport],
) -> None:
    programs = {program.name: program for program in audited("memtest86+").binaries}
    assert {"setup", "kernel"} <= programs.keys()
    found = rules(programs["kernel"], Tier.CONFIRMED)
    assert {"cpuid", "rdtsc", "lgdt", "lidt", "mov-cr-r", "in-al-dx", "out-dx-al", "cli"} <= found.keys()
    assert not found.keys() & {"arpl", "into", "bound", "les", "lds"}


@pytest.mark.parametrize(
    "name", ["seabios", "vgabios", "grub-boot.img", "grub-diskboot.img", "memtest86+.iso"]
)
def test_real_mode_code_traps_where_virtual_8086_mode_makes_it(
    name: str, audited: Callable[[str], FileReport]
) -> None:
    sites = [found for program in audited(name).binaries for found in program.findings]
    real = [
        found
        for found in sites
        if found.mode == 16 and found.rule in ("pushf", "popf", "cli", "sti", "int-n")
    ]
    assert any(found.tier is Tier.CONFIRMED for found in sites)
    assert {found.kind for found in real} == {Kind.PRIVILEGED}
    assert {found.tactic for found in real} == {None}


@pytest.mark.parametrize("name", ["seabios", "vgabios", "memtest86+"])
def test_an_image_without_sections_is_understood_as_code_or_data(
    name: str, audited: Callable[[str], FileReport]
) -> None:
    for program in audited(name).binaries:
        cover = program.coverage
        assert cover.swept < 0.01 * cover.code
        assert cover.data > 0.05 * cover.code


def test_a_bios_has_code_of_both_modes(audited: Callable[[str], FileReport]) -> None:
    (image,) = audited("seabios").binaries
    sites = [found for found in image.findings if found.tier in (Tier.CONFIRMED, Tier.LIKELY)]
    ports = Counter(found.mode for found in sites if found.rule.startswith(("in-", "out-")))
    assert ports[16] > 150
    assert ports[32] > 300


def test_a_video_bios_has_no_text_or_tables_for_code(audited: Callable[[str], FileReport]) -> None:
    (image,) = audited("vgabios").binaries
    found = rules(image) + Counter(f.rule for f in image.findings if not f.matters)
    assert not found.keys() & {"arpl", "bound", "verw", "insb", "insd", "aam", "into"}
    assert sum(f.tier is Tier.CONFIRMED for f in image.findings) > 0.9 * len(image.findings)


def test_calls_of_the_bios_are_told(audited: Callable[[str], FileReport]) -> None:
    purposes = Counter(f.purpose for p in audited("grub-boot.img").binaries for f in p.findings)
    assert purposes["BIOS call"] >= 5


def test_a_module_of_grub_enters_real_mode(audited: Callable[[str], FileReport]) -> None:
    (module,) = audited("grub-relocator.mod").binaries
    assert {"lgdt", "lidt", "mov-cr-r"} <= rules(module).keys()
    assert all(found.tactic or found.kind is Kind.PRIVILEGED for found in module.findings if found.matters)


def straight_line(path: Path, mnemonics: tuple[str, ...]) -> Counter[str]:
    """How often GNU objdump shows each of these mnemonics in all executable sections."""
    if shutil.which("objdump") is None:
        pytest.skip("there is no objdump on this machine")
    done = subprocess.run(
        ["objdump", "-d", "-w", "--no-show-raw-insn", path], capture_output=True, text=True, timeout=60
    )
    if done.returncode:
        pytest.skip("this machine's objdump does not read x86 files")
    shown = re.findall(r"^ *[0-9a-f]+:\t(\w+)", done.stdout, re.MULTILINE)
    wanted = {form: name for name in mnemonics for form in (name, f"{name}l", f"{name}q", f"{name}w")}
    return Counter(wanted[each] for each in shown if each in wanted)


def test_a_module_of_linux_has_what_a_disassembler_shows(
    real_kernel: Callable[[str], Path], audited: Callable[[str], FileReport]
) -> None:
    (module,) = audited("longhaul.ko").binaries
    known = (*TRAPPING, *HOLES)
    found = Counter(rule.split("-")[0] for rule in rules(module).elements())
    assert {rule: number for rule, number in found.items() if rule in known} == straight_line(
        real_kernel("longhaul.ko"), known
    )
    assert found["wrmsr"] >= 4
    assert module.privilege.value == "kernel"


@pytest.mark.parametrize("name", ["true", "ls", "cat", "env", "sort"])
def test_a_program_of_this_machine_identifies_the_processor_at_most(name: str) -> None:
    path = Path(shutil.which(name) or "")
    if not path.is_file():
        pytest.skip(f"there is no {name} on this machine")
    report = audit(path.resolve())
    if report.unreadable:
        pytest.skip(f"{name} is no program for x86 processors here")
    for program in report.files[0].binaries:
        assert rules(program).keys() <= IDENTIFYING
        assert program.coverage.followed > 0.7 * program.coverage.code
