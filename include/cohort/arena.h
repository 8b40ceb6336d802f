/* An arena: memory of one operation, freed whole. One owner at a time; no locking. */
#ifndef COHORT_ARENA_H
#define COHORT_ARENA_H

#include "base.h"

struct co_arena {
    struct co_arena_block *blocks; /* newest first */
    char *at, *end;                /* free room of the newest block */
    size_t total;                  /* bytes taken from malloc */
};

#define CO_ARENA_INIT                                                                                                  \
    { NULL, NULL, NULL, 0 }

CO_EXPORT void co_arena_init(struct co_arena *);
CO_EXPORT void co_arena_fini(struct co_arena *);                 /* frees everything; the arena may be used again */
CO_EXPORT void co_arena_reset(struct co_arena *);                /* like fini, but keeps the first block for reuse */
CO_EXPORT void *co_arena_alloc(struct co_arena *, size_t size);  /* 16-aligned, not zeroed, never NULL */
CO_EXPORT void *co_arena_zalloc(struct co_arena *, size_t size); /* zeroed */
CO_EXPORT void *co_arena_copy(struct co_arena *, const void *data, size_t size);
CO_EXPORT char *co_arena_text(struct co_arena *, const char *data, size_t size); /* copy + NUL */
CO_EXPORT char *co_arena_strdup(struct co_arena *, const char *text);            /* NULL stays NULL */
CO_EXPORT char *co_arena_printf(struct co_arena *, const char *format, ...) CO_PRINTF(2, 3);

#define co_arena_new(arena, type)          ((type *)co_arena_zalloc((arena), sizeof(type)))
#define co_arena_array(arena, type, count) ((type *)co_arena_zalloc((arena), sizeof(type) * (count)))

#endif
