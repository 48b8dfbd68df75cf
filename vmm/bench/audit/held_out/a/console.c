/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A text console with escape sequences, a line editor and a command table. */
#define HALT_WHEN_BACK
#include "machine.h"

struct screen {
    volatile u16 *cells;
    int row, column, rows, columns;
    u8 attribute;
    enum { PLAIN, ESCAPE, BRACKET } state;
    int numbers[4], count;
};

struct command {
    const char *name;
    int least;
    long (*run)(struct screen *, long *);
};

static struct screen screen = {(volatile u16 *)0xb8000, 0, 0, 25, 80, 7, PLAIN, {0}, 0};

static void show_cursor(const struct screen *s)
{
    u16 at = (u16)(s->row * s->columns + s->column);
    out8(0x3d4, 14);
    out8(0x3d5, (u8)(at >> 8));
    out8(0x3d4, 15);
    out8(0x3d5, (u8)at);
}

static void scroll(struct screen *s)
{
    for (int i = 0; i < (s->rows - 1) * s->columns; i++)
        s->cells[i] = s->cells[i + s->columns];
    for (int i = 0; i < s->columns; i++)
        s->cells[(s->rows - 1) * s->columns + i] = (u16)(s->attribute << 8 | ' ');
    s->row--;
}

static void erase(struct screen *s, int from, int to)
{
    while (from < to)
        s->cells[from++] = (u16)(s->attribute << 8 | ' ');
}

static void colour(struct screen *s, int number)
{
    static const u8 order[] = {0, 4, 2, 6, 1, 5, 3, 7};
    if (number == 0)
        s->attribute = 7;
    else if (number == 1)
        s->attribute |= 8;
    else if (number >= 30 && number <= 37)
        s->attribute = (u8)((s->attribute & 0xf8) | order[number - 30]);
    else if (number >= 40 && number <= 47)
        s->attribute = (u8)((s->attribute & 0x8f) | order[number - 40] << 4);
}

static void sequence(struct screen *s, char last)
{
    int first = s->count ? s->numbers[0] : 0, here = s->row * s->columns + s->column;
    switch (last) {
    case 'A':
        s->row = s->row > first ? s->row - first : 0;
        break;
    case 'B':
        s->row += first;
        break;
    case 'C':
        s->column += first ? first : 1;
        break;
    case 'D':
        s->column -= first ? first : 1;
        break;
    case 'H':
    case 'f':
        s->row = first ? first - 1 : 0;
        s->column = s->count > 1 ? s->numbers[1] - 1 : 0;
        break;
    case 'J':
        erase(s, first == 2 ? 0 : here, s->rows * s->columns);
        break;
    case 'K':
        erase(s, here, (s->row + 1) * s->columns);
        break;
    case 'm':
        for (int i = 0; i <= s->count && i < 4; i++)
            colour(s, s->numbers[i]);
        break;
    case 's':
        out8(0x3ce, 1);
        break;
    default:
        break;
    }
}

static void put(struct screen *s, char c)
{
    if (s->state == ESCAPE) {
        s->state = c == '[' ? BRACKET : PLAIN;
        s->count = 0;
        for (int i = 0; i < 4; i++)
            s->numbers[i] = 0;
        return;
    }
    if (s->state == BRACKET) {
        if (c >= '0' && c <= '9')
            s->numbers[s->count & 3] = s->numbers[s->count & 3] * 10 + c - '0';
        else if (c == ';')
            s->count++;
        else {
            sequence(s, c);
            s->state = PLAIN;
        }
        return;
    }
    switch (c) {
    case 27:
        s->state = ESCAPE;
        break;
    case '\n':
        s->row++;
        /* fall through */
    case '\r':
        s->column = 0;
        break;
    case '\b':
        s->column -= s->column > 0;
        break;
    case '\t':
        s->column = (s->column + 8) & ~7;
        break;
    case 7:
        out8(0x61, in8(0x61) | 3);
        break;
    default:
        s->cells[s->row * s->columns + s->column++] = (u16)(s->attribute << 8 | (u8)c);
    }
    if (s->column >= s->columns) {
        s->column = 0;
        s->row++;
    }
    while (s->row >= s->rows)
        scroll(s);
    show_cursor(s);
}

static char key(void)
{
    static const char plain[] = "\0\0331234567890-=\b\tqwertyuiop[]\n\0asdfghjkl;'\0\0\\zxcvbnm,./";
    for (;;) {
        while (!(in8(0x64) & 1))
            safe_halt();
        u8 code = in8(0x60);
        if (code < sizeof plain - 1 && plain[code])
            return plain[code];
    }
}

static long cmd_reboot(struct screen *s, long *a) { return (void)s, (void)a, out8(0xcf9, 6), 0; }
static long cmd_in(struct screen *s, long *a) { return (void)s, (long)in32((u16)a[0]); }
static long cmd_out(struct screen *s, long *a) { return (void)s, out32((u16)a[0], (u32)a[1]), a[1]; }
static long cmd_msr(struct screen *s, long *a) { return (void)s, (long)read_msr((u32)a[0]); }
static long cmd_cr(struct screen *s, long *a)
{
    (void)s;
    switch (a[0]) {
    case 0:
        return (long)read_cr0();
    case 2:
        return (long)read_cr2();
    case 3:
        return (long)read_cr3();
    case 4:
        return (long)read_cr4();
    }
    return -1;
}
static long cmd_clear(struct screen *s, long *a) { return (void)a, erase(s, 0, s->rows * s->columns), 0; }
static long cmd_time(struct screen *s, long *a) { return (void)s, (void)a, (long)time_stamp(); }
static long cmd_tables(struct screen *s, long *a)
{
    struct descriptor_table gdt, idt;
    (void)a;
    store_gdt(&gdt);
    store_idt(&idt);
    put(s, gdt.base > idt.base ? '>' : '<');
    return store_ldt() | store_task() << 16;
}

static const struct command commands[] = {
    {"reboot", 0, cmd_reboot}, {"in", 1, cmd_in},       {"out", 2, cmd_out},   {"msr", 1, cmd_msr},
    {"cr", 1, cmd_cr},         {"clear", 0, cmd_clear}, {"time", 0, cmd_time}, {"tables", 0, cmd_tables},
};

static int begins(const char *line, const char *name)
{
    while (*name && *line == *name)
        line++, name++;
    return !*name;
}

static long execute(const char *line)
{
    long arguments[2] = {0}, count = 0;
    const char *at = line;
    while (*at && *at != ' ')
        at++;
    while (*at && count < 2) {
        while (*at == ' ')
            at++;
        long number = 0;
        while (*at >= '0' && *at <= '9')
            number = number * 10 + *at++ - '0';
        if (*at && *at != ' ')
            break;
        arguments[count++] = number;
    }
    for (unsigned i = 0; i < sizeof commands / sizeof *commands; i++)
        if (begins(line, commands[i].name))
            return count < commands[i].least ? -2 : commands[i].run(&screen, arguments);
    return -1;
}

long run(long argument)
{
    char line[64];
    long result = argument;
    for (int round = 0; round < 3; round++) {
        int used = 0;
        for (char c; (c = key()) != '\n';) {
            if (c == '\b')
                used -= used > 0;
            else if (used < 63)
                line[used++] = c;
            put(&screen, c);
        }
        line[used] = 0;
        interrupts_off();
        result += execute(line);
        interrupts_on();
    }
    return result;
}

PROGRAM
