/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Page tables in several levels, an allocator, faults and shootdowns; objects with methods. */
#include "machine.h"

struct object;
struct class {
    const char *name;
    const struct class *base;
    void (*open)(struct object *);
    long (*ask)(struct object *, int, ...);
    void (*close)(struct object *);
};
struct object {
    const struct class *class;
    word start, end, protection;
    struct object *next;
};

static word frames[8][512] __attribute__((aligned(4096)));
static u64 bitmap[16];
static struct object *areas;
static volatile int waiting;

static int first_free(void)
{
    for (int i = 0; i < 16; i++)
        for (int bit = 0; bit < 64; bit++)
            if (!(bitmap[i] >> bit & 1))
                return i * 64 + bit;
    return -1;
}

static word *step(word *table, unsigned index, int make)
{
    if (!(table[index] & 1)) {
        int frame = make ? first_free() : -1;
        if (frame < 0 || frame >= 8)
            return NULL;
        bitmap[frame / 64] |= 1ull << (frame & 63);
        for (int i = 0; i < 512; i++)
            frames[frame][i] = 0;
        table[index] = (word)frames[frame] | 7;
    }
    return (word *)(table[index] & ~4095ul);
}

static word *entry(word address, int make)
{
    word *table = frames[0];
    for (int shift = 21; table && shift > 12; shift -= 9)
        table = step(table, address >> shift & 511, make);
    return table ? &table[address >> 12 & 511] : NULL;
}

static void shoot(word from, word to)
{
    word flags = lock_interrupts();
    if (to - from > 0x10000)
        write_cr3(read_cr3());
    else
        for (; from < to; from += 4096)
            flush_page((void *)from);
    if (waiting)
        out8(0x80, 0xaa);
    restore_flags(flags);
}

static void plain_open(struct object *o)
{
    for (word at = o->start; at < o->end; at += 4096) {
        word *found = entry(at, 1);
        if (found)
            *found = at | o->protection;
    }
}

static void plain_close(struct object *o)
{
    for (word at = o->start; at < o->end; at += 4096) {
        word *found = entry(at, 0);
        if (found)
            *found = 0;
    }
    shoot(o->start, o->end);
}

static long plain_ask(struct object *o, int what, ...)
{
    __builtin_va_list more;
    long answer = 0;
    __builtin_va_start(more, what);
    switch (what) {
    case 0:
        answer = (long)(o->end - o->start);
        break;
    case 1:
        o->protection = __builtin_va_arg(more, word);
        break;
    case 2:
        answer = (long)o->protection;
        break;
    case 3:
        answer = may_read((u16)__builtin_va_arg(more, int));
        break;
    case 4:
        write_cr0(read_cr0() ^ 0x10000);
        break;
    case 5:
        answer = (long)read_dr7();
    }
    __builtin_va_end(more);
    return answer;
}

static void device_open(struct object *o)
{
    o->protection |= 0x18;
    write_back();
    plain_open(o);
}

static long device_ask(struct object *o, int what, ...)
{
    if (what == 3)
        return in16((u16)o->start);
    return o->class->base->ask(o, what);
}

static const struct class plain = {"plain", NULL, plain_open, plain_ask, plain_close};
static const struct class device = {"device", &plain, device_open, device_ask, plain_close};

USED long page_fault(word error)
{
    word at = read_cr2();
    for (struct object *o = areas; o; o = o->next)
        if (at >= o->start && at < o->end) {
            if (error & 2 && !(o->protection & 2))
                return -1;
            o->class->open(o);
            return 0;
        }
    return error & 4 ? -2 : -3;
}

static NOINLINE void unreachable_in_practice(void)
{
    clear_task_switched();
    load_task(0x28);
    for (;;)
        halt();
}

long run(long argument)
{
    struct object objects[3] = {
        {&plain, 0x100000, 0x104000, 3, NULL},
        {&device, 0xa0000, 0xb0000, 3, NULL},
        {&plain, 0x200000, 0x300000, 1, NULL},
    };
    long sum = argument;
    for (int i = 0; i < 3; i++) {
        objects[i].next = areas;
        areas = &objects[i];
        objects[i].class->open(&objects[i]);
        sum += objects[i].class->ask(&objects[i], i + 2, 0x10);
    }
    sum += page_fault((word)argument & 7);
    for (int i = 0; i < 3; i++)
        objects[i].class->close(&objects[i]);
    if (sum == 0x7fff1234)
        unreachable_in_practice();
    return sum;
}

PROGRAM
