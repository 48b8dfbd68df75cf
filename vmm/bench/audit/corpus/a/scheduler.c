/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads, run queues, locks and a heap: linked structures and calls through tables. */
#include "machine.h"

enum state { FREE, READY, RUNNING, WAITING, DONE };

struct thread {
    struct thread *next, *previous;
    enum state state;
    int priority;
    word stack[128], *top;
    void (*body)(void *);
    void *argument;
    u64 started, used;
};

struct operations {
    const char *name;
    struct thread *(*pick)(void);
    void (*enqueue)(struct thread *);
    int (*preempts)(const struct thread *, const struct thread *);
};

struct lock {
    volatile u32 taken;
    struct thread *owner;
    word flags;
};

struct block {
    struct block *next;
    size_t size;
    u8 used;
};

static struct thread threads[8], *current, *queues[4];
static struct block heap[64];
static struct lock queue_lock;

static void acquire(struct lock *lock)
{
    word flags = lock_interrupts();
    while (__sync_lock_test_and_set(&lock->taken, 1))
        __asm__ volatile("pause");
    lock->owner = current;
    lock->flags = flags;
}

static void release(struct lock *lock)
{
    word flags = lock->flags;
    lock->owner = NULL;
    __sync_lock_release(&lock->taken);
    restore_flags(flags);
}

static void append(struct thread **queue, struct thread *thread)
{
    if (!*queue) {
        thread->next = thread->previous = thread;
        *queue = thread;
        return;
    }
    thread->next = *queue;
    thread->previous = (*queue)->previous;
    thread->previous->next = thread;
    (*queue)->previous = thread;
}

static struct thread *detach(struct thread **queue)
{
    struct thread *first = *queue;
    if (!first)
        return NULL;
    if (first->next == first)
        *queue = NULL;
    else {
        first->previous->next = first->next;
        first->next->previous = first->previous;
        *queue = first->next;
    }
    return first;
}

static struct thread *pick_round(void) { return detach(&queues[0]); }
static void enqueue_round(struct thread *thread) { append(&queues[0], thread); }
static int never(const struct thread *a, const struct thread *b) { return (void)a, (void)b, 0; }

static struct thread *pick_best(void)
{
    for (int i = 3; i >= 0; i--) {
        struct thread *found = detach(&queues[i]);
        if (found)
            return found;
    }
    return NULL;
}

static void enqueue_best(struct thread *thread) { append(&queues[thread->priority & 3], thread); }
static int more_urgent(const struct thread *a, const struct thread *b) { return a->priority > b->priority; }

static const struct operations policies[] = {
    {"round robin", pick_round, enqueue_round, never},
    {"priorities", pick_best, enqueue_best, more_urgent},
};
static const struct operations *policy = policies;

static NOINLINE void switch_to(struct thread *to)
{
    struct thread *from = current;
    u64 now = time_stamp();
    if (from) {
        from->used += now - from->started;
        if (from->state == RUNNING) {
            from->state = READY;
            policy->enqueue(from);
        }
    }
    to->started = now;
    to->state = RUNNING;
    current = to;
    write_cr3(read_cr3());
#ifdef __x86_64__
    write_msr(0xc0000100, (u64)(word)to);
#else
    write_gs(0x33);
#endif
    to->body(to->argument);
}

static void idle(void *argument)
{
    (void)argument;
    interrupts_on();
    halt();
    interrupts_off();
}

static void count(void *argument) { ++*(long *)argument; }

static void blink(void *argument)
{
    u8 state = in8(0x61);
    out8(0x61, state ^ 3);
    count(argument);
}

static void finish(void *argument)
{
    count(argument);
    current->state = DONE;
}

static void *allocate(size_t size)
{
    struct block *best = NULL;
    for (struct block *block = heap; block; block = block->next)
        if (!block->used && block->size >= size && (!best || block->size < best->size))
            best = block;
    if (!best)
        return NULL;
    best->used = 1;
    return best + 1;
}

static struct thread *create(void (*body)(void *), void *argument, int priority)
{
    for (unsigned i = 0; i < 8; i++) {
        struct thread *thread = &threads[i];
        if (thread->state != FREE && thread->state != DONE)
            continue;
        thread->state = READY;
        thread->body = body;
        thread->argument = argument;
        thread->priority = priority;
        thread->top = &thread->stack[127];
        acquire(&queue_lock);
        policy->enqueue(thread);
        release(&queue_lock);
        return thread;
    }
    return NULL;
}

static void schedule(void)
{
    acquire(&queue_lock);
    struct thread *next = policy->pick();
    if (current && next && current->state == RUNNING && policy->preempts(current, next)) {
        policy->enqueue(next);
        next = current;
    }
    release(&queue_lock);
    if (next)
        switch_to(next);
    else
        idle(NULL);
}

long run(long argument)
{
    static void (*const bodies[])(void *) = {idle, count, blink, finish};
    long *counted = allocate(sizeof *counted);
    long spare = argument;
    if (!counted)
        counted = &spare;
    for (unsigned i = 0; i < 6; i++)
        if (!create(bodies[i & 3], counted, (int)i))
            return -1;
    for (int i = 0; i < 20; i++) {
        policy = &policies[i > 10];
        schedule();
    }
    return *counted;
}

PROGRAM
