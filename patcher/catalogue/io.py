# SPDX-License-Identifier: GPL-2.0-or-later
"""Port input and output."""

from functools import partial

from patcher.catalogue.row import Key, Runs, SensitiveInsn, Sensitivity, sdm

_row = partial(
    SensitiveInsn,
    family="io",
    runs_at=Runs.IOPL,
    sensitivity=Sensitivity.CONTROL | Sensitivity.BEHAVIOUR,
    is_hole=False,
    breaks="#GP in a kernel that drives a device, or the device of the machine outside answers.",
)
_in = partial(_row, effect="in", manual=sdm("IN"))
_out = partial(_row, effect="out", manual=sdm("OUT"))
_ins = partial(_row, effect="ins", manual=sdm("INS/INSB/INSW/INSD"))
_outs = partial(_row, effect="outs", manual=sdm("OUTS/OUTSB/OUTSW/OUTSD"))

ROWS = (
    _in(name="in al,n", key=Key(0, 0xE4)),
    _in(name="in eax,n", key=Key(0, 0xE5)),
    _in(name="in al,dx", key=Key(0, 0xEC)),
    _in(name="in eax,dx", key=Key(0, 0xED)),
    _out(name="out n,al", key=Key(0, 0xE6)),
    _out(name="out n,eax", key=Key(0, 0xE7)),
    _out(name="out dx,al", key=Key(0, 0xEE)),
    _out(name="out dx,eax", key=Key(0, 0xEF)),
    _ins(name="insb", key=Key(0, 0x6C)),
    _ins(name="insw/insd", key=Key(0, 0x6D)),
    _outs(name="outsb", key=Key(0, 0x6E)),
    _outs(name="outsw/outsd", key=Key(0, 0x6F)),
)
