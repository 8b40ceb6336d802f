/* Arenas: blocks from malloc, handed out from the front, freed together. */
#include "cohort/arena.h"

#include <stdio.h>
#include <stdlib.h>

enum { BLOCK_FIRST = 1024, BLOCK_MAX = 256 * 1024, ALIGN = 16 };

struct co_arena_block {
    struct co_arena_block *next;
    size_t size; /* of the room behind this header */
    _Alignas(16) char room[];
};

void co_arena_init(struct co_arena *arena) {
    *arena = (struct co_arena)CO_ARENA_INIT;
}

static void free_blocks(struct co_arena_block *block) {
    while (block) {
        struct co_arena_block *next = block->next;
        free(block);
        block = next;
    }
}

void co_arena_fini(struct co_arena *arena) {
    free_blocks(arena->blocks);
    co_arena_init(arena);
}

/* Keeps the oldest block: the small one that most operations never outgrow. */
void co_arena_reset(struct co_arena *arena) {
    struct co_arena_block *block = arena->blocks;
    if (!block) return;
    while (block->next) {
        struct co_arena_block *next = block->next;
        free(block);
        block = next;
    }
    arena->blocks = block;
    arena->at = block->room;
    arena->end = block->room + block->size;
    arena->total = block->size;
}

static void add_block(struct co_arena *arena, size_t need) {
    size_t size = arena->blocks ? arena->total : BLOCK_FIRST; /* doubles the total */
    if (size > BLOCK_MAX) size = BLOCK_MAX;
    if (size < need) size = need;
    struct co_arena_block *block = co_malloc(sizeof *block + size);
    block->size = size;
    block->next = arena->blocks;
    arena->blocks = block;
    arena->at = block->room;
    arena->end = block->room + size;
    arena->total += size;
}

void *co_arena_alloc(struct co_arena *arena, size_t size) {
    co_assert(size < SIZE_MAX / 2);
    size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if ((size_t)(arena->end - arena->at) < size || !arena->blocks) add_block(arena, size);
    void *memory = arena->at;
    arena->at += size;
    return memory;
}

void *co_arena_zalloc(struct co_arena *arena, size_t size) {
    return memset(co_arena_alloc(arena, size), 0, size);
}

void *co_arena_copy(struct co_arena *arena, const void *data, size_t size) {
    void *memory = co_arena_alloc(arena, size);
    if (size) memcpy(memory, data, size);
    return memory;
}

char *co_arena_text(struct co_arena *arena, const char *data, size_t size) {
    char *text = co_arena_alloc(arena, size + 1);
    if (size) memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

char *co_arena_strdup(struct co_arena *arena, const char *text) {
    return text ? co_arena_text(arena, text, strlen(text)) : NULL;
}

char *co_arena_printf(struct co_arena *arena, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    co_assert(size >= 0);
    char *text = co_arena_alloc(arena, (size_t)size + 1);
    vsnprintf(text, (size_t)size + 1, format, again);
    va_end(again);
    return text;
}
