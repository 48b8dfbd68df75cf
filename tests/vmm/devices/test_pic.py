# SPDX-License-Identifier: GPL-2.0-or-later
"""The 8259 pair: what the datasheet says case by case, and a state machine against a model."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from vmm.devices.pic import Pic8259, PicPair


def ready(icw4: int = 0x01) -> PicPair:
    """A pair as Linux sets it up: vectors 30 and 38, everything unmasked."""
    pics = PicPair()
    for pic, vectors, wiring in ((pics.master, 0x30, 4), (pics.slave, 0x38, 2)):
        pic.port_write(0, 1, 0x11)
        for word in (vectors, wiring, icw4):
            pic.port_write(1, 1, word)
    return pics


def end_of_interrupt(pics: PicPair, slave: bool = False) -> None:
    if slave:
        pics.slave.port_write(0, 1, 0x20)
    pics.master.port_write(0, 1, 0x20)


def test_an_edge_becomes_a_vector() -> None:
    pics = ready()
    pics.line(1).raise_()
    assert pics.pending
    assert pics.acknowledge() == 0x31
    assert not pics.pending


def test_the_processor_is_told_once_when_intr_rises() -> None:
    pics = ready()
    calls: list[bool] = []
    pics.on_change = lambda: calls.append(pics.pending)
    pics.line(4).raise_()
    pics.line(3).raise_()
    assert calls == [True]


def test_a_pulse_is_not_lost() -> None:
    pics = ready()
    pics.line(0).pulse()
    assert pics.acknowledge() == 0x30


def test_a_line_that_stays_high_makes_one_interrupt() -> None:
    pics = ready()
    line = pics.line(5)
    line.raise_()
    assert pics.acknowledge() == 0x35
    end_of_interrupt(pics)
    line.raise_()
    assert not pics.pending
    line.lower()
    line.raise_()
    assert pics.pending


def test_lower_priority_waits_for_the_end_of_the_higher() -> None:
    pics = ready()
    pics.line(1).raise_()
    assert pics.acknowledge() == 0x31
    pics.line(4).raise_()
    assert not pics.pending
    pics.line(0).raise_()
    assert pics.acknowledge() == 0x30
    end_of_interrupt(pics)
    end_of_interrupt(pics)
    assert pics.acknowledge() == 0x34


def test_the_slave_comes_through_the_cascade() -> None:
    pics = ready()
    pics.line(12).raise_()
    assert pics.acknowledge() == 0x3C
    assert (pics.master.isr, pics.slave.isr) == (0x04, 0x10)
    pics.line(8).raise_()
    assert not pics.pending  # the master holds back its own input 2
    end_of_interrupt(pics, slave=True)
    assert pics.acknowledge() == 0x38


def test_two_slave_interrupts_at_once_both_arrive() -> None:
    pics = ready()
    pics.line(14).raise_()
    pics.line(9).raise_()
    vectors = []
    while pics.pending:
        vectors.append(pics.acknowledge())
        end_of_interrupt(pics, slave=True)
    assert vectors == [0x39, 0x3E]


def test_two_slave_interrupts_at_once_with_automatic_end() -> None:
    pics = ready(icw4=0x03)
    pics.line(14).raise_()
    pics.line(9).raise_()
    assert [pics.acknowledge(), pics.acknowledge()] == [0x39, 0x3E]
    assert not pics.pending


def test_special_fully_nested_mode_lets_a_higher_slave_interrupt_in() -> None:
    pics = ready()
    pics.master.port_write(0, 1, 0x11)
    for word in (0x30, 4, 0x11):
        pics.master.port_write(1, 1, word)
    pics.line(12).raise_()
    assert pics.acknowledge() == 0x3C
    pics.line(8).raise_()
    assert pics.acknowledge() == 0x38


def test_masking_keeps_the_request() -> None:
    pics = ready()
    pics.master.port_write(1, 1, 0xFF)
    pics.line(3).raise_()
    assert not pics.pending
    assert pics.master.port_read(0, 1) == 0x08
    pics.master.port_write(1, 1, 0xF7)
    assert pics.master.port_read(1, 1) == 0xF7
    assert pics.acknowledge() == 0x33


def test_a_request_gone_at_acknowledge_is_spurious_irq_7() -> None:
    pics = ready()
    pics.elcr.port_write(0, 1, 0x20)
    line = pics.line(5)
    line.raise_()
    line.lower()
    assert not pics.pending
    assert pics.acknowledge() == 0x37
    assert pics.master.isr == 0  # a spurious interrupt wants no EOI


def test_a_slave_request_gone_at_acknowledge_is_spurious_irq_15() -> None:
    pics = ready()
    pics.line(10).raise_()
    pics.slave.port_write(1, 1, 0xFF)
    assert pics.acknowledge() == 0x3F
    assert (pics.master.isr, pics.slave.isr) == (0x04, 0)  # the master wants its EOI


def test_a_level_input_asks_again_until_the_line_falls() -> None:
    pics = ready()
    pics.elcr.port_write(1, 1, 0x08)  # IRQ 11
    line = pics.line(11)
    line.raise_()
    assert pics.acknowledge() == 0x3B
    end_of_interrupt(pics, slave=True)
    assert pics.acknowledge() == 0x3B
    line.lower()
    end_of_interrupt(pics, slave=True)
    assert not pics.pending


def test_elcr_bits_that_do_not_exist_stay_clear() -> None:
    pics = ready()
    for offset in (0, 1):
        pics.elcr.port_write(offset, 1, 0xFF)
    assert [pics.elcr.port_read(offset, 1) for offset in (0, 1)] == [0xF8, 0xDE]


def test_level_mode_for_all_inputs_by_icw1() -> None:
    pic = Pic8259("pic", 0)
    for offset, word in ((0, 0x1B), (1, 0x40), (1, 0x01)):  # single, level, ICW4
        pic.port_write(offset, 1, word)
    pic.set_input(6, True)
    assert pic.accept() == 6
    assert pic.irr == 0x40


def test_single_mode_without_icw4_is_ready_after_two_words() -> None:
    pic = Pic8259("pic", 0)
    pic.port_write(0, 1, 0x12)
    pic.port_write(1, 1, 0x47)
    pic.port_write(1, 1, 0xAA)
    assert (pic.vector_base, pic.port_read(1, 1)) == (0x40, 0xAA)


def test_icw1_forgets_edges_and_clears_the_mask() -> None:
    pics = ready()
    pics.master.port_write(1, 1, 0xFF)
    pics.line(6).raise_()
    pics.master.port_write(0, 1, 0x11)
    assert (pics.master.irr, pics.master.imr) == (0, 0)
    assert not pics.pending


def test_polling_accepts_the_request() -> None:
    pics = ready()
    pics.line(6).raise_()
    pics.master.port_write(0, 1, 0x0C)
    assert pics.master.port_read(0, 1) == 0x86
    assert pics.master.isr == 0x40
    assert not pics.pending
    pics.master.port_write(0, 1, 0x0C)
    assert pics.master.port_read(1, 1) == 0


def test_ocw3_chooses_irr_or_isr() -> None:
    pics = ready()
    pics.line(1).raise_()
    pics.acknowledge()
    pics.line(7).raise_()
    pics.master.port_write(0, 1, 0x0B)
    assert pics.master.port_read(0, 1) == 0x02
    pics.master.port_write(0, 1, 0x0A)
    assert pics.master.port_read(0, 1) == 0x80


def test_rotation_on_end_makes_the_ended_input_the_lowest() -> None:
    pics = ready()
    for irq in (3, 4):
        pics.line(irq).raise_()
    assert pics.acknowledge() == 0x33
    pics.master.port_write(0, 1, 0xA0)  # rotate on non-specific EOI
    pics.line(3).pulse()
    assert pics.acknowledge() == 0x34


def test_set_priority_and_specific_end() -> None:
    pics = ready()
    pics.master.port_write(0, 1, 0xC0 | 4)  # IR4 lowest, IR5 highest
    for irq in (0, 5):
        pics.line(irq).raise_()
    assert pics.acknowledge() == 0x35
    pics.master.port_write(0, 1, 0x60 | 5)
    assert pics.acknowledge() == 0x30


def test_rotation_on_automatic_end() -> None:
    pics = ready(icw4=0x03)
    pics.master.port_write(0, 1, 0x80)
    for irq in (0, 1):
        pics.line(irq).raise_()
    assert pics.acknowledge() == 0x30
    pics.line(0).pulse()
    assert pics.acknowledge() == 0x31  # IR0 went to the end of the row


def test_special_mask_mode_lets_lower_levels_in() -> None:
    pics = ready()
    pics.line(4).raise_()
    assert pics.acknowledge() == 0x34
    pics.master.port_write(1, 1, 0x10)  # mask the level in service
    pics.line(6).raise_()
    assert not pics.pending
    pics.master.port_write(0, 1, 0x68)
    assert pics.acknowledge() == 0x36
    pics.master.port_write(0, 1, 0x20)  # ends 6, not the masked 4
    assert pics.master.isr == 0x10


@pytest.mark.parametrize("number", [2, 16, -1])
def test_lines_that_no_device_can_drive(number: int) -> None:
    with pytest.raises(ValueError, match="no line that a device can drive"):
        PicPair().line(number)


def test_whether_any_line_can_reach_the_processor() -> None:
    pics = ready()
    assert not pics.all_masked
    pics.master.port_write(1, 1, 0xFB)
    assert not pics.all_masked
    pics.slave.port_write(1, 1, 0xFF)
    assert pics.all_masked
    pics.slave.port_write(1, 1, 0x7F)
    pics.master.port_write(1, 1, 0xFF)
    assert pics.all_masked


def test_reset_forgets_everything_but_the_wires() -> None:
    pics = ready()
    line = pics.line(9)
    line.raise_()
    pics.reset()
    assert not pics.pending
    line.lower()
    line.raise_()
    assert pics.pending


class PicModel:
    """One 8259 as the datasheet tells it: a row of inputs from highest to lowest priority, and sets."""

    def __init__(self) -> None:
        self.row = list(range(8))
        self.level = [False] * 8
        self.request: set[int] = set()
        self.service: set[int] = set()
        self.masked: set[int] = set()
        self.special = self.auto = self.auto_rotate = False

    def wanted(self) -> int | None:
        for line in self.row:
            blocked = line in self.service and not (self.special and line in self.masked)
            if line in self.request and line not in self.masked and not blocked:
                return line
            if blocked:
                return None
        return None

    def put_last(self, line: int) -> None:
        while self.row[-1] != line:
            self.row.append(self.row.pop(0))

    def drive(self, line: int, level: bool) -> None:
        if level and not self.level[line]:
            self.request.add(line)
        self.level[line] = level

    def accept(self) -> int | None:
        line = self.wanted()
        if line is not None:
            self.request.discard(line)
            if not self.auto:
                self.service.add(line)
            elif self.auto_rotate:
                self.put_last(line)
        return line

    def end(self, rotate: bool) -> None:
        for line in self.row:
            if line in self.service and not (self.special and line in self.masked):
                self.service.discard(line)
                if rotate:
                    self.put_last(line)
                return


LINES = st.integers(0, 7)


class PicMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.pic = Pic8259("pic", 0)
        self.model = PicModel()
        self.initialise(auto=False)

    @rule(auto=st.booleans())
    def initialise(self, auto: bool) -> None:
        levels = self.model.level
        self.model = PicModel()
        self.model.level, self.model.auto = levels, auto
        for offset, word in ((0, 0x13), (1, 0x20), (1, 0x03 if auto else 0x01)):
            self.pic.port_write(offset, 1, word)

    @rule(line=LINES, level=st.booleans())
    def drive(self, line: int, level: bool) -> None:
        self.pic.set_input(line, level)
        self.model.drive(line, level)

    @rule(mask=st.integers(0, 255))
    def mask(self, mask: int) -> None:
        self.pic.port_write(1, 1, mask)
        self.model.masked = {i for i in range(8) if mask >> i & 1}

    @rule()
    def accept(self) -> None:
        assert self.pic.accept() == self.model.accept()
        self.pic.update()

    @rule()
    def poll(self) -> None:
        self.pic.port_write(0, 1, 0x0C)
        line = self.model.accept()
        assert self.pic.port_read(0, 1) == (0 if line is None else 0x80 | line)

    @rule(rotate=st.booleans())
    def end(self, rotate: bool) -> None:
        self.pic.port_write(0, 1, 0xA0 if rotate else 0x20)
        self.model.end(rotate)

    @rule(line=LINES, rotate=st.booleans())
    def end_specific(self, line: int, rotate: bool) -> None:
        self.pic.port_write(0, 1, (0xE0 if rotate else 0x60) | line)
        self.model.service.discard(line)
        if rotate:
            self.model.put_last(line)

    @rule(line=LINES)
    def set_priority(self, line: int) -> None:
        self.pic.port_write(0, 1, 0xC0 | line)
        self.model.put_last(line)

    @rule(on=st.booleans())
    def special_mask(self, on: bool) -> None:
        self.pic.port_write(0, 1, 0x68 if on else 0x48)
        self.model.special = on

    @precondition(lambda self: self.model.auto)
    @rule(on=st.booleans())
    def rotate_on_auto_end(self, on: bool) -> None:
        self.pic.port_write(0, 1, 0x80 if on else 0x00)
        self.model.auto_rotate = on

    @invariant()
    def agrees(self) -> None:
        assert self.pic.highest == self.model.row[0]
        assert self.pic.output == (self.model.wanted() is not None)
        self.pic.port_write(0, 1, 0x0A)
        assert self.pic.port_read(0, 1) == sum(1 << i for i in self.model.request)
        self.pic.port_write(0, 1, 0x0B)
        assert self.pic.port_read(0, 1) == sum(1 << i for i in self.model.service)
        assert self.pic.port_read(1, 1) == sum(1 << i for i in self.model.masked)


PicMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestPicAgainstModel = PicMachine.TestCase
