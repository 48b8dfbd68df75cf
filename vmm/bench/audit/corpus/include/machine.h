/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sensitive instructions as kernels and programs write them: inline functions, so that they spread through callers. */
#ifndef MACHINE_H
#define MACHINE_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef unsigned long word;
typedef __SIZE_TYPE__ size_t;
#define NULL ((void *)0)
#define NORETURN __attribute__((noreturn))
#define NOINLINE __attribute__((noinline))
#define USED __attribute__((used))

struct descriptor_table {
    u16 limit;
    word base;
} __attribute__((packed));

static inline word save_flags(void)
{
    word flags;
    __asm__ volatile("pushf\n\tpop %0" : "=rm"(flags) : : "memory");
    return flags;
}

static inline void restore_flags(word flags)
{
    __asm__ volatile("push %0\n\tpopf" : : "g"(flags) : "memory", "cc");
}

static inline void interrupts_off(void) { __asm__ volatile("cli" : : : "memory"); }
static inline void interrupts_on(void) { __asm__ volatile("sti" : : : "memory"); }
static inline void halt(void) { __asm__ volatile("hlt" : : : "memory"); }
static inline void safe_halt(void) { __asm__ volatile("sti; hlt" : : : "memory"); }

static inline word lock_interrupts(void)
{
    word flags = save_flags();
    interrupts_off();
    return flags;
}

static inline u8 in8(u16 port)
{
    u8 value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline u16 in16(u16 port)
{
    u16 value;
    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline u32 in32(u16 port)
{
    u32 value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void out8(u16 port, u8 value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static inline void out16(u16 port, u16 value) { __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port)); }
static inline void out32(u16 port, u32 value) { __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port)); }

static inline void in_block(u16 port, void *where, size_t count)
{
    __asm__ volatile("rep; insw" : "+D"(where), "+c"(count) : "d"(port) : "memory");
}

static inline void out_block(u16 port, const void *where, size_t count)
{
    __asm__ volatile("rep outsl" : "+S"(where), "+c"(count) : "d"(port) : "memory");
}

static inline void identify(u32 leaf, u32 sub, u32 *a, u32 *b, u32 *c, u32 *d)
{
    __asm__ volatile("cpuid" : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d) : "0"(leaf), "2"(sub));
}

static inline u64 time_stamp(void)
{
    u32 low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (u64)high << 32 | low;
}

static inline u64 time_stamp_and_cpu(u32 *cpu)
{
    u32 low, high;
    __asm__ volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(*cpu));
    return (u64)high << 32 | low;
}

static inline u64 counter(u32 which)
{
    u32 low, high;
    __asm__ volatile("rdpmc" : "=a"(low), "=d"(high) : "c"(which));
    return (u64)high << 32 | low;
}

static inline u64 read_msr(u32 which)
{
    u32 low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(which));
    return (u64)high << 32 | low;
}

static inline void write_msr(u32 which, u64 value)
{
    __asm__ volatile("wrmsr" : : "c"(which), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

static inline void store_gdt(struct descriptor_table *t) { __asm__ volatile("sgdt %0" : "=m"(*t)); }
static inline void store_idt(struct descriptor_table *t) { __asm__ volatile("sidt %0" : "=m"(*t)); }
static inline void load_gdt(const struct descriptor_table *t) { __asm__ volatile("lgdt %0" : : "m"(*t)); }
static inline void load_idt(const struct descriptor_table *t) { __asm__ volatile("lidt %0" : : "m"(*t)); }

static inline u16 store_ldt(void)
{
    u16 selector;
    __asm__ volatile("sldt %0" : "=rm"(selector));
    return selector;
}

static inline u16 store_task(void)
{
    u16 selector;
    __asm__ volatile("str %0" : "=rm"(selector));
    return selector;
}

static inline word machine_status(void)
{
    word status;
    __asm__ volatile("smsw %0" : "=r"(status));
    return status;
}

static inline void load_ldt(u16 selector) { __asm__ volatile("lldt %0" : : "rm"(selector)); }
static inline void load_task(u16 selector) { __asm__ volatile("ltr %0" : : "rm"(selector)); }

#define CONTROL_REGISTER(n)                                                                      \
    static inline word read_cr##n(void)                                                          \
    {                                                                                            \
        word value;                                                                              \
        __asm__ volatile("mov %%cr" #n ", %0" : "=r"(value));                                    \
        return value;                                                                            \
    }                                                                                            \
    static inline void write_cr##n(word value)                                                   \
    {                                                                                            \
        __asm__ volatile("mov %0, %%cr" #n : : "r"(value) : "memory");                           \
    }
CONTROL_REGISTER(0)
CONTROL_REGISTER(2)
CONTROL_REGISTER(3)
CONTROL_REGISTER(4)

static inline word read_dr7(void)
{
    word value;
    __asm__ volatile("mov %%db7, %0" : "=r"(value));
    return value;
}

static inline void write_dr0(word value) { __asm__ volatile("mov %0, %%dr0" : : "r"(value)); }

#define SELECTOR(name)                                                                           \
    static inline u16 read_##name(void)                                                          \
    {                                                                                            \
        u16 selector;                                                                            \
        __asm__ volatile("mov %%" #name ", %0" : "=rm"(selector));                               \
        return selector;                                                                         \
    }
SELECTOR(cs)
SELECTOR(ds)
SELECTOR(es)
SELECTOR(ss)
SELECTOR(fs)
SELECTOR(gs)

static inline void write_ds(u16 selector) { __asm__ volatile("mov %0, %%ds" : : "rm"(selector)); }
static inline void write_es(u16 selector) { __asm__ volatile("mov %0, %%es" : : "rm"(selector)); }
static inline void write_fs(u16 selector) { __asm__ volatile("mov %0, %%fs" : : "rm"(selector)); }
static inline void write_gs(u16 selector) { __asm__ volatile("mov %0, %%gs" : : "rm"(selector)); }

static inline u32 access_rights(u16 selector)
{
    u32 rights = 0;
    __asm__ volatile("lar %1, %0" : "+r"(rights) : "r"((u32)selector) : "cc");
    return rights;
}

static inline u32 segment_limit(u16 selector)
{
    u32 limit = 0;
    __asm__ volatile("lsl %1, %0" : "+r"(limit) : "r"((u32)selector) : "cc");
    return limit;
}

static inline int may_read(u16 selector)
{
    u8 allowed;
    __asm__ volatile("verr %1; setz %0" : "=qm"(allowed) : "r"(selector) : "cc");
    return allowed;
}

static inline int may_write(u16 selector)
{
    u8 allowed;
    __asm__ volatile("verw %1; setz %0" : "=qm"(allowed) : "r"(selector) : "cc");
    return allowed;
}

static inline void flush_page(const void *page) { __asm__ volatile("invlpg (%0)" : : "r"(page) : "memory"); }
static inline void write_back(void) { __asm__ volatile("wbinvd" : : : "memory"); }
static inline void clear_task_switched(void) { __asm__ volatile("clts"); }

static inline u64 extended_control(u32 which)
{
    u32 low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(which));
    return (u64)high << 32 | low;
}

static inline void breakpoint(void) { __asm__ volatile("int3"); }
static inline void user_access_begin(void) { __asm__ volatile("stac" : : : "memory"); }
static inline void user_access_end(void) { __asm__ volatile("clac" : : : "memory"); }

static inline long system_call(long number, long one, long two, long three)
{
    long result;
#ifdef __x86_64__
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"(number), "D"(one), "S"(two), "d"(three)
                     : "rcx", "r11", "memory");
#else
    __asm__ volatile("push %%ebx\n\tmov %2, %%ebx\n\tint $0x80\n\tpop %%ebx"
                     : "=a"(result)
                     : "0"(number), "S"(one), "c"(two), "d"(three)
                     : "memory");
#endif
    return result;
}

/* Ends the program. What stands behind the system call never runs, whatever it is. */
static inline NORETURN void leave(long status)
{
    for (;;) {
#ifdef __x86_64__
        system_call(60, status, 0, 0);
#else
        system_call(1, status, 0, 0);
#endif
#ifdef HALT_WHEN_BACK
        halt();
#endif
    }
}

long run(long argument);

/* What a compiler may call by itself; kept apart from the tested code. */
#define PROGRAM                                                                                  \
    NORETURN USED void _start(void)                                                              \
    {                                                                                            \
        leave(run((long)&_start));                                                               \
    }                                                                                            \
    USED void *memset(void *to, int value, size_t count)                                         \
    {                                                                                            \
        volatile u8 *at = to;                                                                    \
        while (count--)                                                                          \
            *at++ = (u8)value;                                                                   \
        return to;                                                                               \
    }                                                                                            \
    USED void *memcpy(void *restrict to, const void *restrict from, size_t count)                \
    {                                                                                            \
        volatile u8 *at = to;                                                                    \
        const volatile u8 *source = from;                                                        \
        while (count--)                                                                          \
            *at++ = *source++;                                                                   \
        return to;                                                                               \
    }
#endif
