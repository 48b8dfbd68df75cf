/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An interpreter for a small 8-bit processor, its devices on real ports. */
#include "machine.h"

struct cpu {
    u8 a, x, y, s, p;
    u16 pc;
    u8 memory[0x400];
    u64 cycles;
    void (*trap)(struct cpu *, u8);
};

static u8 fetch(struct cpu *c) { return c->memory[c->pc++ & 0x3ff]; }

static void flags(struct cpu *c, u8 value) { c->p = (u8)((c->p & 0x7d) | (value & 0x80) | (value ? 0 : 2)); }

static NOINLINE u8 load(struct cpu *c, u16 at)
{
    if (at >= 0xc000)
        return in8((u16)(at & 0xfff));
    return c->memory[at & 0x3ff];
}

static NOINLINE void store(struct cpu *c, u16 at, u8 value)
{
    if (at >= 0xc000)
        out8((u16)(at & 0xfff), value);
    else
        c->memory[at & 0x3ff] = value;
}

static void branch(struct cpu *c, int taken)
{
    signed char by = (signed char)fetch(c);
    if (taken)
        c->pc = (u16)(c->pc + by);
}

static int one(struct cpu *c)
{
    u8 op = fetch(c);
    u16 at;
    c->cycles += 2;
    switch (op) {
    case 0x00:
        c->trap(c, fetch(c));
        return c->a != 0xff;
    case 0x08:
        store(c, (u16)(0x100 + c->s--), c->p);
        break;
    case 0x09:
        flags(c, c->a |= fetch(c));
        break;
    case 0x0a:
        c->p = (u8)((c->p & 0xfe) | c->a >> 7);
        flags(c, c->a = (u8)(c->a << 1));
        break;
    case 0x10:
        branch(c, !(c->p & 0x80));
        break;
    case 0x18:
        c->p &= 0xfe;
        break;
    case 0x20:
        at = fetch(c);
        store(c, (u16)(0x100 + c->s--), (u8)(c->pc >> 8));
        store(c, (u16)(0x100 + c->s--), (u8)c->pc);
        c->pc = (u16)(at | fetch(c) << 8);
        break;
    case 0x28:
        c->p = load(c, (u16)(0x100 + ++c->s));
        break;
    case 0x29:
        flags(c, c->a &= fetch(c));
        break;
    case 0x30:
        branch(c, c->p & 0x80);
        break;
    case 0x38:
        c->p |= 1;
        break;
    case 0x48:
        store(c, (u16)(0x100 + c->s--), c->a);
        break;
    case 0x49:
        flags(c, c->a ^= fetch(c));
        break;
    case 0x4c:
        at = fetch(c);
        c->pc = (u16)(at | fetch(c) << 8);
        break;
    case 0x58:
        c->p &= 0xfb;
        interrupts_on();
        break;
    case 0x60:
        at = load(c, (u16)(0x100 + ++c->s));
        c->pc = (u16)(at | load(c, (u16)(0x100 + ++c->s)) << 8);
        break;
    case 0x68:
        flags(c, c->a = load(c, (u16)(0x100 + ++c->s)));
        break;
    case 0x69: {
        unsigned sum = c->a + fetch(c) + (c->p & 1);
        c->p = (u8)((c->p & 0xfe) | (sum > 255));
        flags(c, c->a = (u8)sum);
        break;
    }
    case 0x78:
        c->p |= 4;
        interrupts_off();
        break;
    case 0x8d:
        at = fetch(c);
        store(c, (u16)(at | fetch(c) << 8), c->a);
        break;
    case 0x90:
        branch(c, !(c->p & 1));
        break;
    case 0xa0:
        flags(c, c->y = fetch(c));
        break;
    case 0xa2:
        flags(c, c->x = fetch(c));
        break;
    case 0xa9:
        flags(c, c->a = fetch(c));
        break;
    case 0xad:
        at = fetch(c);
        flags(c, c->a = load(c, (u16)(at | fetch(c) << 8)));
        break;
    case 0xb0:
        branch(c, c->p & 1);
        break;
    case 0xca:
        flags(c, --c->x);
        break;
    case 0xd0:
        branch(c, !(c->p & 2));
        break;
    case 0xe8:
        flags(c, ++c->x);
        break;
    case 0xea:
        break;
    case 0xf0:
        branch(c, c->p & 2);
        break;
    case 0xfa:
        halt();
        break;
    default:
        breakpoint();
        return 0;
    }
    return 1;
}

static void on_trap(struct cpu *c, u8 number)
{
    static long (*const services[])(long) = {0};
    u32 a, b, d, e;
    switch (number & 7) {
    case 0:
        c->a = (u8)time_stamp();
        break;
    case 1:
        identify(c->x, 0, &a, &b, &d, &e);
        c->a = (u8)b;
        break;
    case 2:
        restore_flags(save_flags() | c->a);
        break;
    case 3:
        c->a = (u8)read_cs();
        break;
    case 4:
        write_fs(c->a);
        break;
    case 5:
        if (services[0])
            c->a = (u8)services[0](c->x);
        break;
    default:
        c->a = 0xff;
    }
}

long run(long argument)
{
    static const u8 program[] = {0xa2, 5, 0xa9, 0x41, 0x8d, 0x80, 0xc0, 0xca, 0xd0, 0xfa, 0x78, 0x9c, 0x00, 0x01, 0x58, 0x00, 0x07};
    struct cpu c = {.s = 0xff, .trap = on_trap};
    for (unsigned i = 0; i < sizeof program; i++)
        c.memory[i] = program[i];
    c.a = (u8)argument;
    while (one(&c) && c.cycles < 10000)
        ;
    return (long)c.cycles + c.a;
}

PROGRAM
