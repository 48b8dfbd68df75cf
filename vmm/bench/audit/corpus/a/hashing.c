/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hash tables with chains and with probing, checksums, strings; seeded from the processor. */
#include "machine.h"

struct entry {
    struct entry *next;
    u32 hash;
    const char *key;
    long value;
};

struct table {
    struct entry *chains[64];
    size_t used, rehashed;
    u32 (*hash)(const char *, u32);
};

static struct entry pool[256];
static size_t pool_used;
static u32 crc_table[256];
static u64 slots[128];

static size_t length(const char *text)
{
    const char *at = text;
    while (*at)
        at++;
    return (size_t)(at - text);
}

static int compare(const char *one, const char *other)
{
    while (*one && *one == *other)
        one++, other++;
    return (u8)*one - (u8)*other;
}

static u32 rotate(u32 value, int count) { return value << count | value >> (32 - count); }

static u32 multiply_hash(const char *text, u32 seed)
{
    u32 hash = 2166136261u ^ seed;
    while (*text)
        hash = (hash ^ (u8)*text++) * 16777619u;
    return hash;
}

static u32 crc_hash(const char *text, u32 seed)
{
    u32 crc = ~seed;
    for (; *text; text++)
        crc = crc_table[(crc ^ (u8)*text) & 0xff] ^ crc >> 8;
    return ~crc;
}

static u32 mixing_hash(const char *text, u32 seed)
{
    u32 a = 0x9e3779b9, b = seed, left = (u32)length(text);
    for (; left >= 4; left -= 4, text += 4) {
        a += (u32)(u8)text[0] | (u32)(u8)text[1] << 8 | (u32)(u8)text[2] << 16 | (u32)(u8)text[3] << 24;
        b ^= rotate(a, 13);
        a ^= rotate(b, 7);
    }
    switch (left) {
    case 3:
        a += (u32)(u8)text[2] << 16;
        /* fall through */
    case 2:
        a += (u32)(u8)text[1] << 8;
        /* fall through */
    case 1:
        a += (u8)text[0];
    }
    return (a ^ b) * 0x85ebca6b;
}

static void make_crc(void)
{
    for (u32 i = 0; i < 256; i++) {
        u32 value = i;
        for (int bit = 0; bit < 8; bit++)
            value = value & 1 ? 0xedb88320u ^ value >> 1 : value >> 1;
        crc_table[i] = value;
    }
}

static u32 random_seed(void)
{
    u32 a, b, c, d;
    identify(1, 0, &a, &b, &c, &d);
    u64 stamp = time_stamp();
    return a ^ c ^ d ^ (u32)stamp ^ (u32)(stamp >> 32) ^ (u32)in8(0x40);
}

static struct entry *find(struct table *table, const char *key, u32 hash)
{
    struct entry *entry = table->chains[hash % 64];
    while (entry && (entry->hash != hash || compare(entry->key, key)))
        entry = entry->next;
    return entry;
}

static NOINLINE int insert(struct table *table, const char *key, long value, u32 seed)
{
    u32 hash = table->hash(key, seed);
    struct entry *entry = find(table, key, hash);
    if (!entry) {
        if (pool_used == 256)
            return -1;
        word flags = lock_interrupts();
        entry = &pool[pool_used++];
        restore_flags(flags);
        *entry = (struct entry){table->chains[hash % 64], hash, key, 0};
        table->chains[hash % 64] = entry;
        table->used++;
    }
    entry->value = value;
    return 0;
}

static int probe(u64 key)
{
    u32 at = (u32)(key * 0x9e3779b97f4a7c15ull >> 32) & 127;
    for (int tries = 0; tries < 128; tries++, at = (at + 1) & 127) {
        if (slots[at] == key)
            return (int)at;
        if (!slots[at]) {
            slots[at] = key;
            return (int)at;
        }
    }
    return -1;
}

static void remove_all(struct table *table, int (*unwanted)(const struct entry *))
{
    for (int i = 0; i < 64; i++)
        for (struct entry **link = &table->chains[i]; *link;)
            if (unwanted(*link)) {
                *link = (*link)->next;
                table->used--;
            } else
                link = &(*link)->next;
}

static int is_odd(const struct entry *entry) { return entry->value & 1; }
static int is_long(const struct entry *entry) { return length(entry->key) > 8; }

long run(long argument)
{
    static const char *const names[] = {"pushf", "popf", "sgdt", "sidt", "sldt", "smsw", "str", "lar", "lsl", "verr",
                                        "verw", "a rather longer name", "\234\235", "call far", "jmp far", "int n"};
    static u32 (*const hashes[])(const char *, u32) = {multiply_hash, crc_hash, mixing_hash};
    long sum = 0;
    make_crc();
    for (unsigned which = 0; which < 3; which++) {
        struct table table = {.hash = hashes[which]};
        u32 seed = argument ? random_seed() : 0;
        for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
            if (insert(&table, names[i], (long)i, seed) < 0)
                breakpoint();
        remove_all(&table, which & 1 ? is_odd : is_long);
        for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
            struct entry *entry = find(&table, names[i], table.hash(names[i], seed));
            sum += entry ? entry->value : probe(time_stamp());
        }
        pool_used = 0;
    }
    return sum;
}

PROGRAM
