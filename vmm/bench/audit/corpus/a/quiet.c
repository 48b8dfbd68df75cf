/* SPDX-License-Identifier: GPL-2.0-or-later */
/* No sensitive instruction but the last: sorting, trees, text, a state machine, Game of Life. */
#include "machine.h"

struct node {
    struct node *left, *right;
    int key, height;
};

static struct node nodes[64];
static int nodes_used;
static u8 grid[2][32][32];

static int height(const struct node *node) { return node ? node->height : 0; }

static void measure(struct node *node)
{
    int left = height(node->left), right = height(node->right);
    node->height = 1 + (left > right ? left : right);
}

static struct node *rotate_right(struct node *node)
{
    struct node *top = node->left;
    node->left = top->right;
    top->right = node;
    measure(node);
    measure(top);
    return top;
}

static struct node *rotate_left(struct node *node)
{
    struct node *top = node->right;
    node->right = top->left;
    top->left = node;
    measure(node);
    measure(top);
    return top;
}

static struct node *insert(struct node *node, int key)
{
    if (!node) {
        node = &nodes[nodes_used++ & 63];
        *node = (struct node){NULL, NULL, key, 1};
        return node;
    }
    if (key < node->key)
        node->left = insert(node->left, key);
    else if (key > node->key)
        node->right = insert(node->right, key);
    else
        return node;
    measure(node);
    int balance = height(node->left) - height(node->right);
    if (balance > 1) {
        if (key > node->left->key)
            node->left = rotate_left(node->left);
        return rotate_right(node);
    }
    if (balance < -1) {
        if (key < node->right->key)
            node->right = rotate_right(node->right);
        return rotate_left(node);
    }
    return node;
}

static void swap(int *a, int *b)
{
    int kept = *a;
    *a = *b;
    *b = kept;
}

static void quick(int *from, int *to)
{
    while (to - from > 1) {
        int pivot = from[(to - from) / 2], *low = from, *high = to - 1;
        while (low <= high) {
            while (*low < pivot)
                low++;
            while (*high > pivot)
                high--;
            if (low <= high)
                swap(low++, high--);
        }
        quick(from, high + 1);
        from = low;
    }
}

static void sift(int *heap, int root, int count)
{
    for (int child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && heap[child] < heap[child + 1])
            child++;
        if (heap[root] >= heap[child])
            return;
        swap(&heap[root], &heap[child]);
    }
}

static void heap_sort(int *values, int count)
{
    for (int i = count / 2 - 1; i >= 0; i--)
        sift(values, i, count);
    while (count-- > 1) {
        swap(&values[0], &values[count]);
        sift(values, 0, count);
    }
}

enum mood { BLANK, WORD, QUOTED, ESCAPED, COMMENT };

static int words(const char *text)
{
    enum mood mood = BLANK;
    int count = 0;
    for (; *text; text++)
        switch (mood) {
        case BLANK:
            if (*text == '"') {
                mood = QUOTED;
                count++;
            } else if (*text == '#')
                mood = COMMENT;
            else if (*text != ' ') {
                mood = WORD;
                count++;
            }
            break;
        case WORD:
            if (*text == ' ')
                mood = BLANK;
            break;
        case QUOTED:
            mood = *text == '\\' ? ESCAPED : *text == '"' ? BLANK : QUOTED;
            break;
        case ESCAPED:
            mood = QUOTED;
            break;
        case COMMENT:
            if (*text == '\n')
                mood = BLANK;
        }
    return count;
}

static const char *month(int number)
{
    switch (number) {
    case 1: return "January";
    case 2: return "February";
    case 3: return "March";
    case 4: return "April";
    case 5: return "May";
    case 6: return "June";
    case 7: return "July";
    case 8: return "August";
    case 9: return "September";
    case 10: return "October";
    case 11: return "November";
    case 12: return "December";
    default: return "Never";
    }
}

static int days(int code)
{
    switch (code) {
    case 4: case 6: case 9: case 11: return 30;
    case 2: return 28;
    case 1000: return 366;
    case 2000: return 365;
    case 30000: return -1;
    case 400000: return -2;
    default: return 31;
    }
}

static int live(int generation)
{
    int alive = 0;
    u8(*from)[32] = grid[generation & 1], (*to)[32] = grid[~generation & 1];
    for (int y = 0; y < 32; y++)
        for (int x = 0; x < 32; x++) {
            int around = 0;
            for (int dy = -1; dy <= 1; dy++)
                for (int dx = -1; dx <= 1; dx++)
                    around += (dx || dy) && from[(y + dy) & 31][(x + dx) & 31];
            to[y][x] = around == 3 || (around == 2 && from[y][x]);
            alive += to[y][x];
        }
    return alive;
}

long run(long argument)
{
    int values[40];
    struct node *root = NULL;
    u32 state = (u32)argument;
    for (int i = 0; i < 40; i++) {
        state = state * 1664525 + 1013904223;
        values[i] = (int)(state >> 8);
        root = insert(root, values[i] & 0xff);
        grid[0][state >> 27][state >> 5 & 31] = 1;
    }
    quick(values, values + 40);
    heap_sort(values, 40);
    long sum = height(root) + values[20] + words("one \"two three\" four # five");
    for (int i = 0; i < 14; i++)
        sum += month(i)[0] + days(i * 1000) + live(i);
    return sum;
}

PROGRAM
