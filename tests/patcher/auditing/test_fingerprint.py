# SPDX-License-Identifier: GPL-2.0-or-later
"""Fingerprints: the same in every link of one source, others when the source is another."""

import shutil
import subprocess
from pathlib import Path

import pytest
from audit_samples import finding

from patcher import audit
from patcher.auditing.fingerprint import without_addresses

ONE = """
static char table[10];
void save(void) { __asm__ volatile ("pushf; sgdt %0; popf" : "=m" (table)); }
void index_(int n) { __asm__ volatile ("smsw %0" : "=m" (table[n])); }
"""
TWO = "static void away(void) { __asm__ volatile (\"cpuid; str %ax\"); } int main(void) { away(); return 0; }"
MORE = "int more[5000] = {1}; int padding(int n) { return more[n] * 3 + more[n + 1]; }"


def linked(folder: Path, name: str, options: list[str], order: list[str]) -> dict[str, list[str]]:
    """Rules and texts of a program's findings by fingerprint."""
    out = folder / name
    sources = []
    for number in order:
        source = folder / f"{number}.c"
        source.write_text({"one": ONE, "two": TWO, "more": MORE}[number], "ascii")
        sources.append(str(source))
    command = ["gcc", "-nostdlib", "-static", "-Wl,-e,main", "-fno-stack-protector", "-O1", *options, "-o", str(out)]
    subprocess.run([*command, *sources], check=True, capture_output=True)
    found: dict[str, list[str]] = {}
    for one in audit(out).files[0].binaries[0].findings:
        found.setdefault(one.fingerprint, []).append(one.rule)
    return found


@pytest.mark.skipif(shutil.which("gcc") is None, reason="There is no gcc here.")
@pytest.mark.parametrize("extra", [[], ["-fno-pic", "-no-pie"]], ids=["as gcc likes", "absolute addresses"])
@pytest.mark.parametrize("strip", [[], ["-s"]], ids=["symbols", "stripped"])
def test_fingerprints_survive_relinking(tmp_path: Path, extra: list[str], strip: list[str]) -> None:
    options = [*extra, *strip]
    first = linked(tmp_path, "first", options, ["one", "two"])
    again = linked(tmp_path, "again", [*options, "-Wl,-Ttext-segment=0x7000000"], ["more", "two", "one"])
    assert sum(map(len, first.values())) >= 4
    assert first == again


def test_another_place_in_the_function_is_another_finding() -> None:
    here = finding(0x1010, function_offset=0x10)
    assert here.fingerprint == finding(0x2010, function_offset=0x10, file_offset=None).fingerprint
    changes = ({"function_offset": 0x11}, {"function": "other"}, {"rule": "popf"}, {"raw": b"\x66\x9c"})
    others = {finding(0x1010, **({"function_offset": 0x10} | change)).fingerprint for change in changes}
    assert here.fingerprint not in others
    assert len(others) == 4


def test_a_function_without_a_name_is_not_named_by_its_address() -> None:
    one, two = (finding(at + 4, function=f"func_{at:x}", function_offset=4) for at in (0x1000, 0x2000))
    assert one.fingerprint == two.fingerprint
    assert one.fingerprint != finding(0x1004, function="func_2000", function_offset=4).fingerprint


def test_a_name_that_is_no_text_has_a_fingerprint() -> None:
    assert len(finding(function="\udcff").fingerprint) == 32


@pytest.mark.parametrize(
    ("raw", "mode", "expected"),
    [
        ("0f 01 05 78 56 34 12", 32, "0f 01 05 00 00 00 00"),
        ("0f 01 05 78 56 34 12", 64, "0f 01 05 00 00 00 00"),
        ("0f 01 04 8d 78 56 34 12", 32, "0f 01 04 8d 00 00 00 00"),
        ("0f 01 80 78 56 34 12", 32, "0f 01 80 00 00 00 00"),
        ("0f 01 80 78 56 00 00", 32, "0f 01 80 78 56 00 00"),
        ("0f 01 40 08", 32, "0f 01 40 08"),
        ("0f 01 06 34 12", 16, "0f 01 06 00 00"),
        ("9a 78 56 34 12 08 00", 32, "9a 00 00 00 00 08 00"),
        ("ea 34 12 00 f0", 16, "ea 00 00 00 f0"),
        ("cd 80", 32, "cd 80"),
        ("0f 20 c0", 32, "0f 20 c0"),
    ],
)
def test_addresses_are_left_out(raw: str, mode: int, expected: str) -> None:
    assert without_addresses(bytes.fromhex(raw), mode) == bytes.fromhex(expected)
