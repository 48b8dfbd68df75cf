/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Floating point, variable arguments and a small printf that writes to a port. */
#include "machine.h"
#include <stdarg.h>

struct vector {
    double x, y, z;
};

struct sink {
    void (*put)(struct sink *, char);
    u16 port;
    char buffer[64];
    unsigned used;
};

static void put_port(struct sink *sink, char c)
{
    while (!(in8((u16)(sink->port + 5)) & 0x20))
        ;
    out8(sink->port, (u8)c);
}

static void put_buffer(struct sink *sink, char c)
{
    if (sink->used < sizeof sink->buffer)
        sink->buffer[sink->used++] = c;
    else if (sink->used++ == sizeof sink->buffer)
        breakpoint();
}

static void put_number(struct sink *sink, unsigned long number, unsigned base, int width, char fill)
{
    char digits[32];
    int count = 0;
    do {
        unsigned digit = (unsigned)(number % base);
        digits[count++] = (char)(digit < 10 ? '0' + digit : 'a' + digit - 10);
        number /= base;
    } while (number);
    for (int i = count; i < width; i++)
        sink->put(sink, fill);
    while (count)
        sink->put(sink, digits[--count]);
}

static void put_double(struct sink *sink, double value, int places)
{
    if (value != value) {
        for (const char *text = "nan"; *text; text++)
            sink->put(sink, *text);
        return;
    }
    if (value < 0) {
        sink->put(sink, '-');
        value = -value;
    }
    double half = 0.5;
    for (int i = 0; i < places; i++)
        half /= 10.0;
    value += half;
    put_number(sink, (unsigned long)(long)value, 10, 1, ' ');
    value -= (double)(long)value;
    if (places)
        sink->put(sink, '.');
    while (places--) {
        value *= 10.0;
        sink->put(sink, (char)('0' + (int)value));
        value -= (double)(int)value;
    }
}

static void format(struct sink *sink, const char *text, va_list arguments)
{
    for (; *text; text++) {
        int width = 0, places = 3;
        char fill = ' ';
        if (*text != '%') {
            sink->put(sink, *text);
            continue;
        }
        if (*++text == '0')
            fill = '0';
        for (; *text >= '0' && *text <= '9'; text++)
            width = width * 10 + *text - '0';
        if (*text == '.')
            places = *++text - '0', text++;
        switch (*text) {
        case 'd': {
            int number = va_arg(arguments, int);
            if (number < 0)
                sink->put(sink, '-');
            put_number(sink, number < 0 ? -(unsigned long)number : (unsigned long)number, 10, width, fill);
            break;
        }
        case 'u':
            put_number(sink, va_arg(arguments, unsigned), 10, width, fill);
            break;
        case 'x':
            put_number(sink, va_arg(arguments, unsigned long), 16, width, fill);
            break;
        case 's':
            for (const char *at = va_arg(arguments, const char *); *at; at++)
                sink->put(sink, *at);
            break;
        case 'c':
            sink->put(sink, (char)va_arg(arguments, int));
            break;
        case 'f':
            put_double(sink, va_arg(arguments, double), places);
            break;
        case '%':
            sink->put(sink, '%');
            break;
        case 'F':
            put_number(sink, save_flags(), 16, 8, '0');
            break;
        default:
            sink->put(sink, '?');
        }
    }
}

static NOINLINE void print(struct sink *sink, const char *text, ...)
{
    va_list arguments;
    va_start(arguments, text);
    format(sink, text, arguments);
    va_end(arguments);
}

static double root(double value)
{
    double guess = value > 1 ? value / 2 : 1;
    for (int i = 0; i < 20; i++)
        guess = (guess + value / guess) / 2;
    return guess;
}

static double sine(double x)
{
    double term = x, sum = x;
    for (int n = 1; n < 10; n++) {
        term *= -x * x / ((2 * n) * (2 * n + 1));
        sum += term;
    }
    return sum;
}

static struct vector cross(struct vector a, struct vector b)
{
    return (struct vector){a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

static double norm(const struct vector *v) { return root(v->x * v->x + v->y * v->y + v->z * v->z); }

static double polynomial(const float *factors, int count, double x)
{
    double value = 0;
    while (count--)
        value = value * x + factors[count];
    return value;
}

static double integrate(double (*f)(double), double from, double to, int steps)
{
    double width = (to - from) / steps, sum = (f(from) + f(to)) / 2;
    for (int i = 1; i < steps; i++)
        sum += f(from + i * width);
    return sum * width;
}

static double seconds(void)
{
    u32 cpu;
    u64 ticks = time_stamp_and_cpu(&cpu);
    return (double)(long)(ticks >> 20) / 2900.0 + cpu;
}

long run(long argument)
{
    static const float factors[] = {0.5f, -1.25f, 3.75f, 1e-3f, -2e6f};
    struct sink port = {put_port, 0x3f8, {0}, 0}, buffer = {put_buffer, 0, {0}, 0};
    struct vector a = {1, 2, 3.5}, b = {-1, 0.25, (double)argument}, c = cross(a, b);
    clear_task_switched();
    print(&port, "%d %05u %x %s %c %.2f %% %F %q\n", -12, 34u, 0xbeeful, "text", 'c', 3.14159, 0);
    print(&buffer, "%f %f", norm(&c), polynomial(factors, 5, 1.5));
    double area = integrate(sine, 0, 3.1415926535, 100) + integrate(root, 1, 4, 50), start = seconds();
    if (area > 6.6 || seconds() - start > 1e6)
        print(&port, "%s: %f\n", buffer.buffer, area);
    return (long)(area * 1000);
}

PROGRAM
