/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers wider than a register, bit tricks, matrices; and what the processor says about itself. */
#include "machine.h"

struct number {
    u32 digits[16];
    int used;
};

struct matrix {
    long cells[4][4];
};

static u64 multiply(u64 a, u64 b)
{
    u64 low = (a & 0xffffffff) * (b & 0xffffffff);
    u64 middle = (a >> 32) * (b & 0xffffffff) + (a & 0xffffffff) * (b >> 32);
    return low + (middle << 32);
}

static u64 divide(u64 number, u64 by, u64 *rest)
{
    u64 quotient = 0, left = 0;
    for (int bit = 63; bit >= 0; bit--) {
        left = left << 1 | (number >> bit & 1);
        if (left >= by) {
            left -= by;
            quotient |= 1ull << bit;
        }
    }
    *rest = left;
    return quotient;
}

static void add(struct number *to, const struct number *other)
{
    u64 carry = 0;
    for (int i = 0; i < 16; i++) {
        carry += (u64)to->digits[i] + other->digits[i];
        to->digits[i] = (u32)carry;
        carry >>= 32;
    }
    for (to->used = 16; to->used && !to->digits[to->used - 1];)
        to->used--;
}

static struct number product(const struct number *a, const struct number *b)
{
    struct number result = {{0}, 0};
    for (int i = 0; i < a->used; i++) {
        u64 carry = 0;
        for (int k = 0; k < b->used && i + k < 16; k++) {
            carry += (u64)a->digits[i] * b->digits[k] + result.digits[i + k];
            result.digits[i + k] = (u32)carry;
            carry >>= 32;
        }
        if (i + b->used < 16)
            result.digits[i + b->used] = (u32)carry;
    }
    result.used = a->used + b->used > 16 ? 16 : a->used + b->used;
    return result;
}

static struct matrix times(const struct matrix *a, const struct matrix *b)
{
    struct matrix result;
    for (int row = 0; row < 4; row++)
        for (int column = 0; column < 4; column++) {
            long sum = 0;
            for (int k = 0; k < 4; k++)
                sum += a->cells[row][k] * b->cells[k][column];
            result.cells[row][column] = sum;
        }
    return result;
}

static int ones(u64 value)
{
    int count = 0;
    for (; value; value &= value - 1)
        count++;
    return count;
}

static u64 reverse(u64 value)
{
    value = __builtin_bswap64(value);
    value = (value & 0x0f0f0f0f0f0f0f0full) << 4 | (value >> 4 & 0x0f0f0f0f0f0f0f0full);
    return (value & 0x3333333333333333ull) << 2 | (value >> 2 & 0x3333333333333333ull);
}

static u32 greatest_divisor(u32 a, u32 b) { return b ? greatest_divisor(b, a % b) : a; }

static long power(long base, unsigned exponent)
{
    if (!exponent)
        return 1;
    long half = power(base, exponent / 2);
    return exponent & 1 ? half * half * base : half * half;
}

static int vendor(char *name)
{
    u32 a, b, c, d;
    identify(0, 0, &a, &b, &c, &d);
    for (int i = 0; i < 4; i++) {
        name[i] = (char)(b >> 8 * i);
        name[i + 4] = (char)(d >> 8 * i);
        name[i + 8] = (char)(c >> 8 * i);
    }
    return (int)a;
}

static u64 cycles_of(u64 (*work)(u64, u64), u64 a, u64 b)
{
    u32 ignored, x, y, z;
    identify(0, 0, &x, &y, &z, &ignored);
    u64 before = time_stamp();
    volatile u64 kept = work(a, b);
    (void)kept;
    identify(0, 0, &x, &y, &z, &ignored);
    return time_stamp() - before;
}

static u64 exclusive(u64 a, u64 b) { return a ^ reverse(b); }

long run(long argument)
{
    struct number one = {{1, 2, 3}, 3}, two = {{0xffffffff, 0xffffffff}, 2};
    struct matrix unit = {{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, argument}}};
    u64 rest, quotient = divide(multiply(0x123456789abcdefull, (u64)argument), 1000003, &rest);
    char name[12];
    for (int i = 0; i < 5; i++) {
        struct number next = product(&one, &two);
        add(&two, &next);
        unit = times(&unit, &unit);
    }
    if (vendor(name) > 6 && name[0] == 'G')
        rest += extended_control(0);
    if (machine_status() & 8)
        clear_task_switched();
    return (long)(quotient + rest + two.digits[2] + (u64)power(3, 20) + greatest_divisor(1071, 462)) + ones(cycles_of(multiply, 3, 4)) +
           ones(cycles_of(exclusive, 5, 6)) + unit.cells[3][3];
}

PROGRAM
