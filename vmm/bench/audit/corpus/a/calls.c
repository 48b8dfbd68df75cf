/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ways to call: tail calls, mutual recursion, functions that never return, nested tables, variable-length arrays. */
#include "machine.h"

typedef long (*unary)(long);
struct choice {
    unary yes, no;
    const struct choice *then;
};

static NORETURN NOINLINE void die(const char *why)
{
    interrupts_off();
    while (*why)
        out8(0xe9, (u8)*why++);
    write_cr0(read_cr0() & ~1ul);
    for (;;)
        halt();
}

static NORETURN void reset(void)
{
    struct descriptor_table nothing = {0, 0};
    out8(0x64, 0xfe);
    load_idt(&nothing);
    breakpoint();
    __builtin_unreachable();
}

static NOINLINE long is_odd(long number);

static NOINLINE long is_even(long number)
{
    if (number == 0)
        return 1;
    return is_odd(number - 1);
}

static NOINLINE long is_odd(long number)
{
    if (number == 0)
        return 0;
    if (number < 0)
        die("negative");
    return is_even(number - 1);
}

static NOINLINE long walk(long steps, long (*with)(long, long), long value)
{
    if (!steps)
        return value;
    return with(steps - 1, value);
}

static long doubled(long steps, long value) { return walk(steps, doubled, value * 2 + (long)(save_flags() & 1)); }

static long negate(long value) { return -value; }
static long clock(long value) { return value ^ (long)time_stamp(); }
static long port(long value) { return value + in16((u16)value); }
static long fail(long value) { die(value ? "failed" : "failed with nothing"); }
static long restart(long value)
{
    if (value == 42)
        reset();
    return value;
}

static const struct choice choices[] = {
    {negate, clock, &choices[1]},
    {port, restart, &choices[2]},
    {fail, negate, NULL},
};

static long decide(const struct choice *choice, long value)
{
    for (; choice; choice = choice->then)
        value = (value & 1 ? choice->yes : choice->no)(value);
    return value;
}

static long ackermann(long m, long n)
{
    if (!m)
        return n + 1;
    return ackermann(m - 1, n ? ackermann(m, n - 1) : 1);
}

static NOINLINE long on_stack(int count)
{
    long values[count];
    for (int i = 0; i < count; i++)
        values[i] = i * i;
    write_back();
    long sum = 0;
    for (int i = 0; i < count; i++)
        sum += values[i];
    return sum;
}

static void hanoi(int height, int from, int to, int by, void (*move)(int, int))
{
    if (!height)
        return;
    hanoi(height - 1, from, by, to, move);
    move(from, to);
    hanoi(height - 1, by, to, from, move);
}

static volatile long moves;
static void tell(int from, int to)
{
    out16(0x80, (u16)(from << 8 | to));
    moves++;
}

static NOINLINE long many(int a, long b, u64 c, char d, short e, long f, long g, struct choice h)
{
    return a + b + (long)c + d + e + f + g + (h.yes ? h.yes(b) : 0);
}

static unary selected(long which)
{
    switch (which & 7) {
    case 0:
        return negate;
    case 1:
        return clock;
    case 2:
        return port;
    case 3:
        return restart;
    case 4:
        return is_even;
    default:
        return fail;
    }
}

__attribute__((constructor)) static void before(void) { write_dr0(0); }
__attribute__((cold)) static NOINLINE long rarely(long value)
{
    store_gdt(&(struct descriptor_table){0, 0});
    return value * (long)read_cr4();
}

long run(long argument)
{
    long sum = is_even(argument & 15) + walk(4, doubled, argument) + decide(choices, argument);
    if (__builtin_expect(argument == 77, 0))
        sum += rarely(argument);
    hanoi(3, 1, 2, 3, tell);
    sum += ackermann(2, 3) + on_stack((int)(argument & 7) + 1) + selected(argument)(sum);
    if (sum < -100000)
        die("sum");
    return sum + many(1, argument, 3, 'd', 5, 6, 7, choices[1]) + moves;
}

PROGRAM
