/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A stack machine twice: by switch, and by labels as values. */
#include "machine.h"

enum { STOP, PUSH, ADD, SUB, MUL, DUP, SWAP, DROP, JUMP, JUMP_ZERO, IN, OUT, FLAGS, CLOCK, CALL, RETURN, NUMBER_OF };

static const signed char countdown[] = {PUSH, 10, DUP, JUMP_ZERO, 5, PUSH, 1, SUB, JUMP, -7, STOP};
static const signed char devices[] = {PUSH, 0x60, IN, PUSH, 0x21, OUT, FLAGS, CLOCK, ADD, CALL, 2, STOP, DUP, MUL, RETURN};

static long by_switch(const signed char *program, long *stack)
{
    const signed char *at = program, *back = NULL;
    long *top = stack;
    for (;;) {
        switch (*at++) {
        case STOP:
            return top[-1];
        case PUSH:
            *top++ = *at++;
            break;
        case ADD:
            top--;
            top[-1] += *top;
            break;
        case SUB:
            top--;
            top[-1] -= *top;
            break;
        case MUL:
            top--;
            top[-1] *= *top;
            break;
        case DUP:
            *top = top[-1];
            top++;
            break;
        case SWAP: {
            long kept = top[-1];
            top[-1] = top[-2];
            top[-2] = kept;
            break;
        }
        case DROP:
            top--;
            break;
        case JUMP:
            at += *at + 1;
            break;
        case JUMP_ZERO:
            at += *--top ? 1 : *at + 1;
            break;
        case IN:
            top[-1] = in8((u16)top[-1]);
            break;
        case OUT:
            top -= 2;
            out8((u16)top[1], (u8)top[0]);
            break;
        case FLAGS:
            *top++ = (long)save_flags();
            break;
        case CLOCK:
            *top++ = (long)time_stamp();
            break;
        case CALL:
            back = at + 1;
            at += *at + 1;
            break;
        case RETURN:
            at = back;
            break;
        default:
            breakpoint();
            return -1;
        }
    }
}

static NOINLINE long by_labels(const signed char *program, long *stack)
{
    static void *const labels[NUMBER_OF] = {&&stop, &&push, &&add, &&sub, &&mul, &&dup, &&swap, &&drop,
                                            &&jump, &&jump_zero, &&in, &&out, &&flags, &&clock, &&call, &&back};
    const signed char *at = program, *saved = NULL;
    long *top = stack;
#define NEXT goto *labels[(u8)*at++]
    NEXT;
push:
    *top++ = *at++;
    NEXT;
add:
    top--;
    top[-1] += *top;
    NEXT;
sub:
    top--;
    top[-1] -= *top;
    NEXT;
mul:
    top--;
    top[-1] *= *top;
    NEXT;
dup:
    *top = top[-1];
    top++;
    NEXT;
swap : {
    long kept = top[-1];
    top[-1] = top[-2];
    top[-2] = kept;
    NEXT;
}
drop:
    top--;
    NEXT;
jump:
    at += *at + 1;
    NEXT;
jump_zero:
    at += *--top ? 1 : *at + 1;
    NEXT;
in:
    interrupts_off();
    top[-1] = in32((u16)top[-1]);
    interrupts_on();
    NEXT;
out:
    top -= 2;
    out32((u16)top[1], (u32)top[0]);
    NEXT;
flags:
    *top++ = (long)read_cr0();
    NEXT;
clock:
    *top++ = (long)counter(1);
    NEXT;
call:
    saved = at + 1;
    at += *at + 1;
    NEXT;
back:
    at = saved;
    NEXT;
stop:
    return top[-1];
}

long run(long argument)
{
    static const signed char *const programs[] = {countdown, devices};
    long stack[32] = {argument}, sum = 0;
    for (unsigned i = 0; i < 2; i++)
        sum += by_switch(programs[i], stack + 1) - by_labels(programs[i], stack + 1);
    return sum;
}

PROGRAM
