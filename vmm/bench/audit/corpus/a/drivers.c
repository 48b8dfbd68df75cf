/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices as kernels drive them: serial line, PCI, clock, disk, display, DMA, timers, APIC. */
#define HALT_WHEN_BACK
#include "machine.h"

struct device {
    const char *name;
    u16 ports;
    int (*probe)(struct device *);
    int (*read)(struct device *, void *, size_t);
    int (*write)(struct device *, const void *, size_t);
};

struct address {
    u8 bus, slot, function;
};

static u16 sector[256];
static volatile u32 *const apic = (volatile u32 *)0xfee00000;

static void delay(void)
{
    for (int i = 0; i < 4; i++)
        out8(0x80, 0);
}

static int serial_probe(struct device *device)
{
    u16 base = device->ports;
    out8((u16)(base + 1), 0);
    out8((u16)(base + 3), 0x80);
    out8(base, 1);
    out8((u16)(base + 1), 0);
    out8((u16)(base + 3), 3);
    out8((u16)(base + 4), 0x1e);
    out8(base, 0xae);
    return in8(base) == 0xae ? 0 : -1;
}

static int serial_write(struct device *device, const void *data, size_t size)
{
    const u8 *at = data;
    for (size_t i = 0; i < size; i++) {
        int tries = 10000;
        while (!(in8((u16)(device->ports + 5)) & 0x20))
            if (!--tries)
                return (int)i;
        out8(device->ports, at[i]);
    }
    return (int)size;
}

static int serial_read(struct device *device, void *data, size_t size)
{
    u8 *at = data;
    size_t count = 0;
    while (count < size && in8((u16)(device->ports + 5)) & 1)
        at[count++] = in8(device->ports);
    return (int)count;
}

static int disk_ready(u16 base)
{
    u8 status;
    do
        status = in8((u16)(base + 7));
    while (status & 0x80);
    return status & 0x21 ? -1 : 0;
}

static int disk_probe(struct device *device)
{
    out8((u16)(device->ports + 6), 0xa0);
    delay();
    out8((u16)(device->ports + 7), 0xec);
    if (!in8((u16)(device->ports + 7)) || disk_ready(device->ports))
        return -1;
    in_block(device->ports, sector, 256);
    return sector[0] & 0x8000 ? -1 : 0;
}

static int disk_read(struct device *device, void *data, size_t size)
{
    u16 base = device->ports;
    for (size_t done = 0; done < size; done += 512) {
        u32 block = (u32)(done / 512);
        out8((u16)(base + 2), 1);
        for (int i = 0; i < 3; i++)
            out8((u16)(base + 3 + i), (u8)(block >> 8 * i));
        out8((u16)(base + 6), (u8)(0xe0 | block >> 24));
        out8((u16)(base + 7), 0x20);
        if (disk_ready(base))
            return -1;
        in_block(base, (u8 *)data + done, 256);
    }
    return (int)size;
}

static int disk_write(struct device *device, const void *data, size_t size)
{
    out8((u16)(device->ports + 7), 0x30);
    if (disk_ready(device->ports))
        return -1;
    out_block(device->ports, data, size / 4);
    out8((u16)(device->ports + 7), 0xe7);
    return disk_ready(device->ports);
}

static u32 configuration(struct address at, u8 offset)
{
    out32(0xcf8, 0x80000000u | (u32)at.bus << 16 | (u32)at.slot << 11 | (u32)at.function << 8 | (offset & 0xfc));
    return in32(0xcfc);
}

static int count_devices(u8 bus)
{
    int found = 0;
    for (u8 slot = 0; slot < 32; slot++) {
        struct address at = {bus, slot, 0};
        u32 identity = configuration(at, 0);
        if ((identity & 0xffff) == 0xffff)
            continue;
        found++;
        u32 kind = configuration(at, 8);
        switch (kind >> 24) {
        case 1:
            found += (int)(configuration(at, 0x10) & 1);
            break;
        case 2:
        case 3:
            found += 2;
            break;
        case 6:
            if ((kind >> 16 & 0xff) == 4)
                found += count_devices((u8)(configuration(at, 0x18) >> 8));
            break;
        case 12:
            found += 4;
        }
    }
    return found;
}

static u8 cmos(u8 which)
{
    word flags = lock_interrupts();
    out8(0x70, which | 0x80);
    u8 value = in8(0x71);
    out8(0x70, 0);
    restore_flags(flags);
    return (u8)((value >> 4) * 10 + (value & 15));
}

static u32 seconds_of_day(void)
{
    while (cmos(10) & 0x80)
        ;
    return cmos(0) + 60u * (cmos(2) + 60u * cmos(4));
}

static void cursor(u16 at)
{
    out16(0x3d4, (u16)(0x0e | (at & 0xff00)));
    out16(0x3d4, (u16)(0x0f | at << 8));
}

static void palette(const u8 colours[][3], unsigned count)
{
    out8(0x3c8, 0);
    for (unsigned i = 0; i < count; i++)
        for (int part = 0; part < 3; part++)
            out8(0x3c9, colours[i][part]);
}

static void dma(u8 channel, u32 address, u16 size)
{
    static const u8 pages[] = {0x87, 0x83, 0x81, 0x82};
    out8(0x0a, 4 | channel);
    out8(0x0c, 0);
    out8(0x0b, 0x44 | channel);
    out8((u16)(channel * 2), (u8)address);
    out8((u16)(channel * 2), (u8)(address >> 8));
    out8(pages[channel & 3], (u8)(address >> 16));
    out8((u16)(channel * 2 + 1), (u8)size);
    out8((u16)(channel * 2 + 1), (u8)(size >> 8));
    out8(0x0a, channel);
}

static void start_processors(void)
{
    write_msr(0x1b, read_msr(0x1b) | 0x800);
    apic[0xf0 / 4] = 0x1ff;
    apic[0x300 / 4] = 0xc4500;
    u64 until = time_stamp() + 1000000;
    while (time_stamp() < until)
        __asm__ volatile("pause");
    apic[0x300 / 4] = 0xc4608;
}

static struct device devices[] = {
    {"com1", 0x3f8, serial_probe, serial_read, serial_write},
    {"com2", 0x2f8, serial_probe, serial_read, serial_write},
    {"hda", 0x1f0, disk_probe, disk_read, disk_write},
};

long run(long argument)
{
    static const u8 colours[][3] = {{0, 0, 0}, {0x3f, 0x3f, 0x3f}};
    long sum = argument;
    for (unsigned i = 0; i < 3; i++) {
        struct device *device = &devices[i];
        if (device->probe(device))
            continue;
        sum += device->read(device, sector, sizeof sector);
        sum += device->write(device, device->name, 4);
    }
    cursor((u16)count_devices(0));
    palette(colours, 2);
    dma(2, 0x8000, 511);
    start_processors();
    return sum + (long)seconds_of_day();
}

PROGRAM
