/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A program in ring 3 that wants to know where it runs: every instruction that tells without a trap. */
#define HALT_WHEN_BACK
#include "machine.h"

struct answer {
    const char *question;
    int (*suspicious)(void);
};

static int table_is_high(void)
{
    struct descriptor_table idt, gdt;
    store_idt(&idt);
    store_gdt(&gdt);
    return (idt.base >> 24 & 0xff) == 0xff || gdt.limit == 0x2f;
}

static int has_local_table(void) { return store_ldt() != 0; }
static int odd_task(void) { return store_task() == 0x4000 || store_task() == 0; }
static int odd_status(void) { return !(machine_status() & 0x2a); }
static int ring(void) { return (read_cs() & 3) | (read_ss() & 3) << 2 | (read_ds() & 3) << 4 | (read_es() & 3) << 6; }
static int thread_segments(void) { return read_fs() ^ read_gs(); }

static int flags_stick(void)
{
    word before = save_flags();
    restore_flags(before ^ 0x200000);
    word after = save_flags();
    restore_flags(before);
    return !((before ^ after) & 0x200000);
}

static int interrupt_flag(void) { return !(save_flags() & 0x200); }

static int rights_differ(void)
{
    u16 code = read_cs();
    return access_rights(code) != 0xcffb00 || segment_limit(code) != 0xffffffff || may_write(code) || !may_read(code);
}

static int says_hypervisor(void)
{
    u32 a, b, c, d;
    identify(1, 0, &a, &b, &c, &d);
    if (!(c >> 31))
        return 0;
    identify(0x40000000, 0, &a, &b, &c, &d);
    return b == 0x4b4d564b || c == 0x7263694d;
}

static int exits_are_slow(void)
{
    u64 least = ~0ull;
    for (int i = 0; i < 10; i++) {
        u32 a, b, c, d;
        u64 start = time_stamp();
        identify(0, 0, &a, &b, &c, &d);
        u64 took = time_stamp() - start;
        if (took < least)
            least = took;
    }
    return least > 750;
}

static int door(void)
{
    u32 version = 0, magic = 0x564d5868;
    __asm__ volatile("inl %%dx, %%eax" : "+a"(magic), "+b"(version) : "c"(10), "d"(0x5658));
    return version == 0x564d5868;
}

static int undefined_answers(void)
{
    u8 caught;
    __asm__ volatile("int $0x2d\n\tsetc %0" : "=q"(caught) : : "cc");
    return caught;
}

static int far_pointers(void)
{
    struct {
        u32 offset;
        u16 selector;
    } __attribute__((packed)) pointer = {0, read_ds()};
    u32 offset;
    __asm__ volatile("push %%fs\n\tlfs %1, %0\n\tpop %%fs" : "=r"(offset) : "m"(pointer));
    return offset != 0;
}

#ifndef __x86_64__
static int pushed_segments(void)
{
    u32 code, data;
    __asm__ volatile("push %%cs\n\tpop %0\n\tpush %%ds\n\tpop %1" : "=r"(code), "=r"(data));
    __asm__ volatile("push %%es\n\tpop %%es\n\tpush %%ss\n\tpop %%ss" : :);
    return (code ^ data) & 3;
}

static int adjusted(void)
{
    u32 selector = 0x10;
    u8 changed;
    __asm__ volatile("arpl %w2, %w1\n\tsetz %0" : "=q"(changed), "+r"(selector) : "r"(3) : "cc");
    return changed;
}
#else
static int pushed_segments(void)
{
    word selector;
    __asm__ volatile("push %%fs\n\tpop %0\n\tpush %%gs\n\tpop %%gs" : "=r"(selector));
    return selector != 0;
}

static int adjusted(void)
{
    word base;
    __asm__ volatile("rdfsbase %0" : "=r"(base));
    return base == 0;
}
#endif

static const struct answer answers[] = {
    {"tables", table_is_high}, {"ldt", has_local_table},  {"task", odd_task},       {"status", odd_status},
    {"ring", ring},            {"threads", thread_segments}, {"flags", flags_stick},  {"if", interrupt_flag},
    {"rights", rights_differ}, {"cpuid", says_hypervisor}, {"time", exits_are_slow}, {"door", door},
    {"int", undefined_answers}, {"far", far_pointers},     {"push", pushed_segments}, {"arpl", adjusted},
};

long run(long argument)
{
    long found = 0;
    for (unsigned i = 0; i < sizeof answers / sizeof *answers; i++)
        if (answers[i].suspicious()) {
            size_t size = 0;
            while (answers[i].question[size])
                size++;
            system_call(argument ? 4 : 1, 1, (long)answers[i].question, (long)size);
            found |= 1l << i;
        }
    return found;
}

PROGRAM
