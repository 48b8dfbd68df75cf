# SPDX-License-Identifier: GPL-2.0-or-later
"""`patchvisor run` with a made-up machine: what it is made with, what is printed, and the exit status."""

import json
import signal
from pathlib import Path

import pytest

from patcher.x86.segment import Segment
from vmm.boot.files import MissingFile
from vmm.cli.guest_cache import cache_folder
from vmm.errors import BootError, Unsupported, VmmError
from vmm.report.cpu_dump import CpuDump, TableDump
from vmm.report.run_report import ExitReason, RunReport, Stats

FLAT = Segment(8, 0, 0xFFFFFFFF, 0xCF9B00)
DUMP = CpuDump(
    regs=(0,) * 8, eip=0x1000, eflags=2, cpl=0, cr0=0x11, cr2=0, cr3=0, cr4=0, segments=(FLAT,) * 8,
    gdtr=TableDump(0, 0), idtr=TableDump(0, 0),
)  # fmt: skip


def ended(reason: ExitReason, message: str = "A sentence.", **more: object) -> RunReport:
    return RunReport(reason, reason.status, message, **more)  # type: ignore[arg-type]


def test_a_machine_is_made_with_documented_defaults(patchvisor, machine, kernel) -> None:
    assert patchvisor("run", kernel).status == 0
    assert machine.made == {
        "kernel": Path(kernel),
        "append": "",
        "initrd": None,
        "address": None,
        "memory": 128,
        "cpu": "default",
        "policy": "fast",
        "serial": "stdio",
        "debugcon": "null",
        "debug_exits": None,
        "display": "none",
        "clock": "host",
        "no_reboot": False,
        "trace": None,
        "exit_map": False,
        "timed": False,
        "patches": None,
        "page_cache": cache_folder() / "pages",
    }
    assert machine.ran == {"until": None, "timeout": None, "max_insns": None}
    assert machine.closed == 1


@pytest.mark.parametrize("word", ["--stats", "--stats-json=-", "--json"])
def test_callbacks_are_timed_when_figures_are_asked_for(patchvisor, machine, kernel, word) -> None:
    patchvisor("run", kernel, word)
    assert machine.made["timed"] is True


def test_qemus_options_reach_the_machine(patchvisor, machine, kernel, tmp_path) -> None:
    words = f"-kernel {kernel} -initrd {kernel} -m 1G -cpu 486 -serial file:{tmp_path}/s -debugcon stdio"
    assert patchvisor("run", *words.split(), "-no-reboot", "-append", "-v root=/dev/hda").status == 0
    expected = {
        "kernel": Path(kernel),
        "initrd": kernel,
        "memory": 1024,
        "cpu": "486",
        "serial": f"file:{tmp_path}/s",
        "debugcon": "stdio",
        "no_reboot": True,
        "append": "-v root=/dev/hda",
    }
    assert {key: machine.made[key] for key in expected} == expected


def test_our_options_reach_the_machine(patchvisor, machine, kernel) -> None:
    words = "--policy trap --clock counted --timeout 2.5 --max-insns 1000 --until ^login: --exit-map -"
    assert patchvisor("run", kernel, *words.split(), "--load-at", "0x7c00").status == 0
    assert (machine.made["policy"], machine.made["clock"], machine.made["exit_map"]) == (
        "trap",
        "counted",
        True,
    )
    assert machine.made["address"] == 0x7C00
    assert (machine.ran["timeout"], machine.ran["max_insns"]) == (2.5, 1000)
    assert machine.ran["until"] == "^login:"


def test_a_debug_exit_can_be_placed(patchvisor, machine, kernel) -> None:
    patchvisor(
        "run", kernel, "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04", "-device", "isa-debug-exit"
    )
    assert machine.made["debug_exits"] == ((0xF4, 4), (0x501, 2))


@pytest.mark.parametrize(
    ("words", "serial", "display"),
    [
        ("-nographic", "mon:stdio", "none"),
        ("-nographic -display text", "mon:stdio", "none"),
        ("-display text", "null", "none"),
        ("-display text -serial stdio", "stdio", "none"),
        ("--json", "null", "none"),
    ],
)
def test_the_serial_port_leaves_stdout_to_who_needs_it(
    patchvisor, machine, kernel, words, serial, display
) -> None:
    patchvisor("run", kernel, *words.split())
    assert (machine.made["serial"], machine.made["display"]) == (serial, display)


@pytest.mark.parametrize("reason", [ExitReason.POWER_OFF, ExitReason.RESET, ExitReason.MATCHED])
def test_a_good_end_is_silent(patchvisor, machine, kernel, reason) -> None:
    machine.report = ended(reason)
    said = patchvisor("run", kernel)
    assert (said.status, said.out, said.err) == (0, "", "")


def test_the_guests_status_is_the_commands(patchvisor, machine, kernel) -> None:
    machine.report = RunReport(ExitReason.GUEST_EXIT, 33, "The guest said 16.")
    said = patchvisor("run", kernel)
    assert (said.status, said.err) == (33, "")


@pytest.mark.parametrize(
    "reason",
    [
        ExitReason.UNSUPPORTED,
        ExitReason.HALTED,
        ExitReason.TIMEOUT,
        ExitReason.INSN_LIMIT,
        ExitReason.INTERRUPTED,
    ],
)
def test_a_bad_end_is_a_sentence_on_stderr(patchvisor, machine, kernel, reason) -> None:
    machine.report = ended(reason, "The guest stopped at guest address 0x00101000.")
    said = patchvisor("run", kernel)
    assert (said.status, said.out) == (reason.status, "")
    assert said.err == "patchvisor: The guest stopped at guest address 0x00101000.\n"


def test_a_triple_fault_gets_its_page(patchvisor, machine, kernel) -> None:
    machine.report = ended(ExitReason.TRIPLE_FAULT, "The guest shut down with a triple fault.", dump=DUMP)
    said = patchvisor("run", kernel)
    assert (said.status, said.out) == (80, "")
    assert said.err.startswith("patchvisor: The guest shut down with a triple fault.\n\neax=")
    assert "cs:eip=0008:00001000" in said.err


def test_statistics_are_drawn_on_stderr(patchvisor, machine, kernel) -> None:
    machine.report = ended(ExitReason.POWER_OFF, stats=Stats(exits_by_reason={"trap": 3}))
    said = patchvisor("run", kernel, "--stats")
    assert said.out == ""
    assert said.err.startswith("exits by reason\n  trap")


def test_documents_are_written(patchvisor, machine, kernel, tmp_path) -> None:
    machine.report = ended(ExitReason.POWER_OFF, stats=Stats(exits_by_address={0x1000: 3}))
    said = patchvisor("run", kernel, "--stats-json", str(tmp_path / "s.json"), "--exit-map", "-")
    assert json.loads((tmp_path / "s.json").read_text())["schema"] == "patchvisor.stats"
    assert said.out.startswith("3 exits on 1 guest pages")


def test_the_report_as_json_is_all_of_stdout(patchvisor, machine, kernel) -> None:
    document = json.loads(patchvisor("run", kernel, "--json").out)
    assert (document["schema"], document["serial"]) == ("patchvisor.run", "hello\n")


def test_the_screen_is_drawn_on_a_terminal(patchvisor, machine, kernel, monkeypatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert patchvisor("run", kernel, "-display", "text").out == ""
    assert (machine.made["serial"], machine.made["display"]) == ("null", "text")


def test_without_a_terminal_the_screen_is_printed_at_the_end(patchvisor, machine, kernel) -> None:
    assert patchvisor("run", kernel, "-display", "text").out == "hello\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("", "nothing to run: give IMAGE or -kernel FILE ('patchvisor run hello' is a start)"),
        ("KERNEL -kernel KERNEL", "-kernel KERNEL and IMAGE KERNEL: give one of them"),
        ("KERNEL -serial stdio --json", "-serial stdio and --json: both want standard output"),
        ("KERNEL --timeout 0", "--timeout: 0 is not a number of seconds above zero"),
        ("KERNEL --until (", "--until: '(' is not a regular expression: "),
        ("KERNEL --stats-json /nowhere/s", "--stats-json /nowhere/s: No such file or directory"),
        ("KERNEL -serial file:/nowhere/s", "-serial file:/nowhere/s: No such file or directory"),
        ("KERNEL -debugcon file:/nowhere/s", "-debugcon file:/nowhere/s: No such file or directory"),
        ("KERNEL -machine pc", "-machine: invalid option"),
        ("KERNEL -append", "-append: requires an argument"),
        (
            "KERNEL --policy slow",
            "Invalid value for '--policy': 'slow' is not one of 'fast', 'trap', 'native'.",
        ),
    ],
)
def test_misuse_is_a_sentence_and_status_2(patchvisor, machine, kernel, words, sentence) -> None:
    said = patchvisor("run", *words.replace("KERNEL", kernel).split())
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith(f"patchvisor: {sentence.replace('KERNEL', kernel)}")
    assert machine.made == {}


def test_a_missing_file_is_status_66(patchvisor, machine, tmp_path) -> None:
    for words in (["-kernel", f"{tmp_path}/none"], [f"{tmp_path}/none"]):
        said = patchvisor("run", *words)
        assert (said.status, said.err) == (66, f"patchvisor: {tmp_path}/none: no such file\n")


def test_a_missing_initrd_is_status_66(patchvisor, machine, kernel) -> None:
    machine.error = MissingFile("/none cannot be read: No such file or directory.")
    said = patchvisor("run", kernel, "-initrd", "/none")
    assert (said.status, said.err) == (66, "patchvisor: /none cannot be read: No such file or directory.\n")


def test_a_folder_is_no_image(patchvisor, machine, tmp_path) -> None:
    said = patchvisor("run", str(tmp_path))
    assert (said.status, said.err) == (66, f"patchvisor: {tmp_path}: not a regular file\n")


def test_a_guests_misspelt_name_is_guessed(patchvisor, machine) -> None:
    said = patchvisor("run", "helo")
    assert said.err == "patchvisor: helo: no such file (did you mean our guest 'hello'?)\n"


def test_errors_of_the_monitor_are_sentences(patchvisor, machine, kernel) -> None:
    machine.error = Unsupported("virtual-8086 mode", 0x1000)
    said = patchvisor("run", kernel)
    assert (said.status, said.err.count("\n")) == (84, 1)
    assert "virtual-8086 mode at guest address 0x00001000" in said.err
    machine.error = VmmError("The engine is not there.")
    assert patchvisor("run", kernel).err == "patchvisor: The engine is not there.\n"


def test_a_fault_of_ours_is_status_70_without_traceback(patchvisor, machine, kernel) -> None:
    machine.error = ZeroDivisionError("division by zero")
    said = patchvisor("run", kernel)
    assert said.status == 70
    assert said.err.startswith(
        "patchvisor: internal error, a fault of patchvisor: ZeroDivisionError: division by zero ("
    )
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("number", "status", "name"), [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM")]
)
def test_a_signal_stops_the_machine_and_the_report_is_shown(
    patchvisor, machine, kernel, number, status, name
) -> None:
    machine.signal = number
    machine.report = ended(ExitReason.INTERRUPTED, serial="so far", stats=Stats(pages_scanned=12345))
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    said = patchvisor("run", kernel, "--json", "--stats")
    assert (said.status, json.loads(said.out)["serial"]) == (status, "so far")
    assert said.err.startswith(f"patchvisor: {name} ended the run.\n")
    assert "12,345" in said.err
    assert (machine.stopped, machine.closed) == (1, 1)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers


def test_a_guest_that_ends_by_itself_meanwhile_keeps_its_status(patchvisor, machine, kernel) -> None:
    machine.signal = signal.SIGINT
    assert patchvisor("run", kernel).status == 0


def test_an_interrupt_that_comes_through_is_status_130(patchvisor, machine, kernel) -> None:
    machine.error = KeyboardInterrupt()
    said = patchvisor("run", kernel)
    assert (said.status, said.out, said.err) == (130, "", "")
    assert machine.closed == 1


def test_an_image_that_cannot_be_booted_is_status_66(patchvisor, machine, kernel) -> None:
    machine.refusal = BootError("kernel.bin is empty.")
    said = patchvisor("run", kernel)
    assert (said.status, said.err) == (66, "patchvisor: kernel.bin is empty.\n")


def test_a_machine_that_cannot_be_made_is_status_70(patchvisor, machine, kernel) -> None:
    machine.refusal = ZeroDivisionError("division by zero")
    assert patchvisor("run", kernel).status == 70
