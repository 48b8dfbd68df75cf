/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The privileged half of a small kernel: tables, traps, paging, timer, tasks. */
#include "machine.h"

struct gate {
    u16 low, selector, flags, high;
} __attribute__((packed));

struct frame {
    word registers[8], vector, error, ip, cs, flags;
};

typedef void (*handler)(struct frame *);

static struct gate idt[256];
static u64 gdt[8] = {0, 0x00cf9a000000ffffull, 0x00cf92000000ffffull, 0x00affa000000ffffull};
static handler handlers[48];
static volatile u32 ticks;
static word page_tables[4][1024] __attribute__((aligned(4096)));

static void default_handler(struct frame *frame)
{
    out8(0xe9, (u8)frame->vector);
    if (frame->vector == 14)
        flush_page((void *)read_cr2());
    else if (frame->vector == 7)
        clear_task_switched();
    else if (frame->vector < 32)
        for (;;) {
            interrupts_off();
            halt();
        }
}

static void timer(struct frame *frame)
{
    (void)frame;
    ticks++;
    out8(0x20, 0x20);
}

static void keyboard(struct frame *frame)
{
    u8 code = in8(0x60);
    if (code == 0x53 && (frame->flags & 0x200)) {
        while (in8(0x64) & 2)
            ;
        out8(0x64, 0xfe);
    }
    out8(0x20, 0x20);
}

void trap_entry(void);

USED void dispatch(struct frame *frame)
{
    handler chosen = frame->vector < 48 ? handlers[frame->vector] : NULL;
    (chosen ? chosen : default_handler)(frame);
}

static void remap_controllers(void)
{
    static const u8 words[2][4] = {{0x11, 0x20, 4, 1}, {0x11, 0x28, 2, 1}};
    for (int chip = 0; chip < 2; chip++) {
        u16 port = chip ? 0xa0 : 0x20;
        out8(port, words[chip][0]);
        for (int i = 1; i < 4; i++) {
            out8((u16)(port + 1), words[chip][i]);
            out8(0x80, 0);
        }
    }
    out8(0x21, 0xfc);
    out8(0xa1, 0xff);
}

static void set_timer(u32 hertz)
{
    u32 divisor = 1193182 / hertz;
    out8(0x43, 0x34);
    out8(0x40, (u8)divisor);
    out8(0x40, (u8)(divisor >> 8));
}

static void load_tables(void)
{
    struct descriptor_table table = {sizeof gdt - 1, (word)gdt}, old;
    store_gdt(&old);
    load_gdt(&table);
    write_ds(0x10);
    write_es(0x10);
    write_fs(0);
    write_gs(0);
#ifdef __x86_64__
    __asm__ volatile("pushq $8\n\tlea 1f(%%rip), %%rax\n\tpush %%rax\n\tlretq\n1:" : : : "rax", "memory");
#else
    __asm__ volatile("mov %0, %%ss\n\tpush $8\n\tcall 1f\n1:\taddl $2f-1b, (%%esp)\n\tlret\n2:" : : "r"(0x10) : "memory");
#endif
    table.limit = sizeof idt - 1;
    table.base = (word)idt;
    store_idt(&old);
    load_idt(&table);
    load_ldt(0);
    load_task(0x28);
}

static void enable_paging(void)
{
    for (int i = 0; i < 1024; i++) {
        page_tables[1][i] = (word)i << 12 | 3;
        page_tables[0][i] = i ? 0 : (word)page_tables[1] | 3;
    }
    write_cr3((word)page_tables[0]);
    write_cr4(read_cr4() | 0x10);
    write_cr0((read_cr0() | 0x80010000) & ~0x60000000ul);
}

static int fits(u16 selector, u32 need)
{
    if (!may_read(selector) || !may_write(selector))
        return 0;
    return segment_limit(selector) >= need && (access_rights(selector) & 0x8000);
}

static word with_interrupts_off(word (*body)(void *), void *argument)
{
    word flags = lock_interrupts(), result = body(argument);
    restore_flags(flags);
    return result;
}

static word copy_to_user(void *argument)
{
    word *both = argument;
    user_access_begin();
    *(volatile word *)both[0] = both[1];
    user_access_end();
    return save_flags();
}

static void wait_ticks(u32 count)
{
    u32 start = ticks;
    interrupts_on();
    while (ticks - start < count)
        halt();
}

static u64 calibrate(void)
{
    u64 before = time_stamp();
    wait_ticks(2);
    u64 after = time_stamp();
    return after - before + counter(0);
}

static void features(void)
{
    u32 a, b, c, d;
    identify(1, 0, &a, &b, &c, &d);
    if (d & 1 << 25)
        write_cr4(read_cr4() | 0x600);
    if (c & 1 << 27)
        (void)extended_control(0);
    if (d & 1 << 11)
        write_msr(0x174, read_cs());
    write_dr0(0);
    if (read_dr7() & 0xff)
        breakpoint();
}

long run(long argument)
{
    word both[2] = {(word)&ticks, 1};
    interrupts_off();
    for (int i = 0; i < 48; i++)
        handlers[i] = NULL;
    handlers[32] = timer;
    handlers[33] = keyboard;
    for (int i = 0; i < 256; i++) {
        word target = (word)trap_entry;
        idt[i] = (struct gate){(u16)target, 8, (u16)(i == 0x80 ? 0xee00 : 0x8e00), (u16)(target >> 16)};
    }
    load_tables();
    remap_controllers();
    set_timer(100);
    enable_paging();
    features();
    if (!fits(read_ss(), 0xfffff) || store_task() != 0x28 || store_ldt() || !(machine_status() & 1))
        return -1;
    with_interrupts_off(copy_to_user, both);
    write_back();
    return (long)calibrate() + argument;
}

#ifndef __x86_64__
__asm__(".text\n"
        ".globl trap_entry\n"
        ".type trap_entry, @function\n"
        "trap_entry:\n"
        "\tpushal\n\tpush %ds\n\tpush %es\n\tpush %fs\n\tpush %gs\n"
        "\tmov $0x10, %eax\n\tmov %eax, %ds\n\tmov %eax, %es\n"
        "\tpush %esp\n\tcall dispatch\n\tadd $4, %esp\n"
        "\tpop %gs\n\tpop %fs\n\tpop %es\n\tpop %ds\n\tpopal\n\tadd $8, %esp\n\tiret\n"
        ".size trap_entry, .-trap_entry\n");
#else
__asm__(".text\n"
        ".globl trap_entry\n"
        ".type trap_entry, @function\n"
        "trap_entry:\n"
        "\ttestb $3, 24(%rsp)\n\tjz 1f\n\tswapgs\n"
        "1:\tpush %rax\n\tpush %rcx\n\tpush %rdx\n\tpush %rdi\n\tpush %rsi\n"
        "\tmov %rsp, %rdi\n\tcall dispatch\n"
        "\tpop %rsi\n\tpop %rdi\n\tpop %rdx\n\tpop %rcx\n\tpop %rax\n"
        "\ttestb $3, 24(%rsp)\n\tjz 2f\n\tswapgs\n"
        "2:\tadd $16, %rsp\n\tiretq\n"
        ".size trap_entry, .-trap_entry\n");
#endif

PROGRAM
