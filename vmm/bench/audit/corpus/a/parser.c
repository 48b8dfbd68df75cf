/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A recursive-descent evaluator of port expressions: "in(0x60)+flags*(3-tsc)". */
#define HALT_WHEN_BACK
#include "machine.h"

struct parser {
    const char *at;
    int depth;
    int failed;
};

enum token { END, NUMBER, NAME, PLUS, MINUS, STAR, SLASH, PERCENT, OPEN, CLOSE, COMMA, SHIFT_LEFT, SHIFT_RIGHT, NOT, BAD };

struct word_of_language {
    const char *name;
    long (*compute)(const long *arguments, int count);
};

static NORETURN NOINLINE void give_up(int why)
{
    out8(0xf4, (u8)why);
    for (;;)
        safe_halt();
}

static int is_digit(char c) { return c >= '0' && c <= '9'; }
static int is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

static int hexadecimal(char c)
{
    switch (c) {
    case '0' ... '9':
        return c - '0';
    case 'a' ... 'f':
        return c - 'a' + 10;
    case 'A' ... 'F':
        return c - 'A' + 10;
    default:
        return -1;
    }
}

static void blanks(struct parser *p)
{
    while (*p->at == ' ' || *p->at == '\t')
        p->at++;
}

static enum token next(struct parser *p, long *value)
{
    blanks(p);
    char c = *p->at;
    if (!c)
        return END;
    p->at++;
    switch (c) {
    case '+':
        return PLUS;
    case '-':
        return MINUS;
    case '*':
        return STAR;
    case '/':
        return SLASH;
    case '%':
        return PERCENT;
    case '(':
        return OPEN;
    case ')':
        return CLOSE;
    case ',':
        return COMMA;
    case '!':
        return NOT;
    case '<':
        if (*p->at == '<') {
            p->at++;
            return SHIFT_LEFT;
        }
        return BAD;
    case '>':
        if (*p->at == '>') {
            p->at++;
            return SHIFT_RIGHT;
        }
        return BAD;
    }
    if (is_digit(c)) {
        long n = c - '0';
        if (c == '0' && *p->at == 'x') {
            p->at++;
            for (int digit; (digit = hexadecimal(*p->at)) >= 0; p->at++)
                n = n << 4 | digit;
        } else {
            while (is_digit(*p->at))
                n = n * 10 + (*p->at++ - '0');
        }
        *value = n;
        return NUMBER;
    }
    if (is_letter(c)) {
        p->at--;
        return NAME;
    }
    return BAD;
}

static long word_in(const long *arguments, int count)
{
    switch (count > 1 ? arguments[1] : 1) {
    case 1:
        return in8((u16)arguments[0]);
    case 2:
        return in16((u16)arguments[0]);
    case 4:
        return in32((u16)arguments[0]);
    }
    give_up(2);
}

static long word_out(const long *arguments, int count)
{
    if (count < 2)
        give_up(3);
    out8((u16)arguments[0], (u8)arguments[1]);
    return 0;
}

static long word_flags(const long *arguments, int count)
{
    long flags = (long)save_flags();
    if (count == 1)
        restore_flags((word)arguments[0]);
    return flags;
}

static long word_tsc(const long *arguments, int count)
{
    (void)arguments;
    (void)count;
    return (long)time_stamp();
}

static long word_cpu(const long *arguments, int count)
{
    u32 a, b, c, d;
    identify(count ? (u32)arguments[0] : 0, 0, &a, &b, &c, &d);
    return (long)(a ^ b ^ c ^ d);
}

static long word_msr(const long *arguments, int count)
{
    if (count == 2) {
        write_msr((u32)arguments[0], (u64)arguments[1]);
        return 0;
    }
    return (long)read_msr((u32)arguments[0]);
}

static const struct word_of_language words[] = {
    {"in", word_in},   {"out", word_out}, {"flags", word_flags},
    {"tsc", word_tsc}, {"cpu", word_cpu}, {"msr", word_msr},
};

static int same(const char *one, const char **other)
{
    const char *at = *other;
    while (*one && *one == *at)
        one++, at++;
    if (*one || is_letter(*at))
        return 0;
    *other = at;
    return 1;
}

static long sum(struct parser *p);

static long call(struct parser *p)
{
    long arguments[4] = {0}, ignored;
    int count = 0;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!same(words[i].name, &p->at))
            continue;
        blanks(p);
        if (*p->at == '(') {
            p->at++;
            do
                arguments[count++ & 3] = sum(p);
            while (next(p, &ignored) == COMMA);
        }
        return words[i].compute(arguments, count);
    }
    p->failed = 1;
    return 0;
}

static long factor(struct parser *p)
{
    long value = 0;
    if (++p->depth > 50)
        give_up(1);
    switch (next(p, &value)) {
    case NUMBER:
        break;
    case NAME:
        value = call(p);
        break;
    case MINUS:
        value = -factor(p);
        break;
    case NOT:
        value = !factor(p);
        break;
    case OPEN: {
        long ignored;
        value = sum(p);
        if (next(p, &ignored) != CLOSE)
            p->failed = 1;
        break;
    }
    default:
        p->failed = 1;
    }
    p->depth--;
    return value;
}

static long product(struct parser *p)
{
    long value = factor(p), ignored;
    for (;;) {
        const char *before = p->at;
        switch (next(p, &ignored)) {
        case STAR:
            value *= factor(p);
            break;
        case SLASH: {
            long by = factor(p);
            value = by ? value / by : 0;
            break;
        }
        case PERCENT: {
            long by = factor(p);
            value = by ? value % by : 0;
            break;
        }
        case SHIFT_LEFT:
            value <<= factor(p) & 31;
            break;
        case SHIFT_RIGHT:
            value >>= factor(p) & 31;
            break;
        default:
            p->at = before;
            return value;
        }
    }
}

static long sum(struct parser *p)
{
    long value = product(p), ignored;
    for (;;) {
        const char *before = p->at;
        enum token token = next(p, &ignored);
        if (token == PLUS)
            value += product(p);
        else if (token == MINUS)
            value -= product(p);
        else {
            p->at = before;
            return value;
        }
    }
}

long run(long argument)
{
    static const char *const lines[] = {"in(0x60) + 2*flags", "out(0x3f8, 65)", "(tsc >> 3) % 7", "cpu(1) - msr(0x1b)"};
    long total = argument;
    for (unsigned i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct parser p = {lines[i], 0, 0};
        total += sum(&p);
        if (p.failed)
            give_up(4);
    }
    return total;
}

PROGRAM
