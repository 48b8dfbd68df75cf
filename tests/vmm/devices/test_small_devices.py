# SPDX-License-Identifier: GPL-2.0-or-later
"""The devices of one or two registers."""

import pytest

from vmm.chardev.buffer import BufferBackend
from vmm.devices.debug_exit import DebugExit, DebugExitPort
from vmm.devices.debugcon import DebugConsole
from vmm.devices.delay_port import DelayPort
from vmm.devices.dma8237 import Dma8237, DmaPages
from vmm.devices.fpu_error import FpuError
from vmm.devices.irq import IrqLine
from vmm.devices.pci_config import PciConfig
from vmm.devices.port92 import Port92
from vmm.errors import Unsupported, VmmError


def test_a_line_tells_changes_only() -> None:
    heard: list[bool] = []
    line = IrqLine(heard.append)
    for level in (True, True, False, False):
        line.set(level)
    line.pulse()
    line.edge()
    line.edge()
    assert heard == [True, False, True, False, True, False, True]


def test_the_debug_console_says_that_it_is_there() -> None:
    backend = BufferBackend()
    console = DebugConsole(backend)
    assert console.port_read(0, 1) == 0xE9
    for character in b"hi":
        console.port_write(0, 1, character)
    assert backend.text() == "hi"


@pytest.mark.parametrize(("value", "status"), [(0, 1), (0x10, 0x21), (0x31, 99), (0x12345678, 0x2468ACF1)])
def test_debug_exit_status(value: int, status: int) -> None:
    statuses: list[int] = []
    device = DebugExit(statuses.append)
    device.port_write(0, 4, value)
    assert statuses == [status]
    assert device.port_read(0, 1) == 0


def test_debug_exit_ports() -> None:
    assert DebugExitPort() == DebugExitPort(0x501, 2)
    with pytest.raises(VmmError, match="isa-debug-exit cannot have 4 ports from port 0xffff on"):
        DebugExitPort(0xFFFF, 4)


def test_pci_mechanism_1_is_there_and_the_bus_is_empty() -> None:
    """Linux pci_check_type1(), then a read of every device's vendor."""
    pci = PciConfig()
    pci.port_write(3, 1, 0x01)
    before = pci.port_read(0, 4)
    pci.port_write(0, 4, 0x80000000)
    assert (before, pci.port_read(0, 4)) == (0, 0x80000000)
    for device in range(32):
        pci.port_write(0, 4, 0x80000000 | device << 11)
        assert pci.port_read(4, 4) == 0xFFFFFFFF
        assert pci.port_read(6, 2) == 0xFFFF
    pci.port_write(4, 4, 0)
    assert pci.port_read(0, 1) == 0xFF
    pci.reset()
    assert pci.port_read(0, 4) == 0


def test_port_92_gates_a20_and_resets_on_an_edge() -> None:
    a20: list[bool] = []
    resets: list[int] = []
    port = Port92(a20.append, lambda: resets.append(1))
    assert port.port_read(0, 1) == 0x02
    port.port_write(0, 1, 0x02)
    port.port_write(0, 1, 0x00)
    port.port_write(0, 1, 0x03)
    port.port_write(0, 1, 0x03)
    assert a20 == [False, True]
    assert resets == [1]


def test_a_coprocessor_error_waits_for_port_f0() -> None:
    irq = IrqLine()
    fpu = FpuError(irq)
    fpu.port_write(0, 1, 0)
    assert not fpu.ignore_errors
    fpu.error()
    assert irq.level
    fpu.port_write(0, 1, 0)
    assert not irq.level
    assert fpu.ignore_errors
    fpu.error_gone()
    assert not fpu.ignore_errors


@pytest.mark.parametrize("stride", [1, 2])
def test_dma_words_go_through_the_flip_flop(stride: int) -> None:
    dma = Dma8237("dma", stride)
    dma.port_write(12 * stride, 1, 0)
    for byte in (0x34, 0x12):
        dma.port_write(3 * stride, 1, byte)
    assert [dma.port_read(3 * stride, 1) for _ in range(2)] == [0x34, 0x12]
    dma.port_read(3 * stride, 1)
    dma.port_write(12 * stride, 1, 0)
    assert dma.port_read(3 * stride, 1) == 0x34


def test_dma_masks() -> None:
    dma = Dma8237("dma", 1)
    assert dma.port_read(15, 1) == 0xFF
    dma.port_write(14, 1, 0)
    dma.port_write(10, 1, 4 | 2)
    assert dma.port_read(15, 1) == 0xF4
    dma.port_write(10, 1, 2)
    dma.port_write(15, 1, 0x09)
    assert dma.port_read(15, 1) == 0xF9
    dma.port_write(13, 1, 0)
    assert dma.port_read(15, 1) == 0xFF
    assert dma.port_read(8, 1) == 0  # nothing requested, nothing finished


def test_dma_pages_and_the_post_code() -> None:
    pages = DmaPages()
    pages.port_write(0, 1, 0x42)
    pages.port_write(7, 1, 0x99)
    assert pages.post_code == 0x42
    assert pages.port_read(7, 1) == 0x99


def test_the_delay_port_does_nothing() -> None:
    port = DelayPort()
    port.port_write(0, 1, 5)
    assert port.port_read(0, 1) == 0xFF


def test_unsupported_names_feature_and_place() -> None:
    error = Unsupported("virtual-8086 mode", 0xC0100000)
    assert (error.feature, error.eip) == ("virtual-8086 mode", 0xC0100000)
    assert str(error) == (
        "The guest reached virtual-8086 mode at guest address 0xc0100000, which patchvisor does not support."
    )
    assert (
        str(Unsupported("a task gate")) == "The guest reached a task gate, which patchvisor does not support."
    )
