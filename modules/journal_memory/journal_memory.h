/* The memory journal's state: a ring of entries. */
#ifndef JOURNAL_MEMORY_H
#define JOURNAL_MEMORY_H

#include <cohort/buffer.h>
#include <cohort/journal.h>
#include <cohort/loop.h>
#include <cohort/module.h>

/* An append or save_meta that waits for its answer. */
struct journal_memory_answer {
    struct journal_memory_answer *next;
    co_journal_done *done;
    void *arg;
    uint64_t last; /* durable with this answer */
};

struct journal_memory_slot {
    uint64_t term;
    void *data;
    uint32_t size;
    uint8_t type;
};

struct journal_memory {
    struct co_loop *loop;
    uint64_t first, last, answered; /* answered: newest index whose `done` has been called */
    struct journal_memory_slot *ring;
    size_t capacity; /* a power of two; entry i sits at i & (capacity - 1) */
    struct co_buffer meta;
    struct journal_memory_answer *answers, **answers_last;
    struct co_defer answer;
    bool is_answering;
    void (*stopped)(void *arg);
    void *stopped_arg;
};

extern const struct co_journal_ops journal_memory_ops;
void journal_memory_open(struct journal_memory *, struct co_loop *);
void journal_memory_close(struct journal_memory *); /* accepts a zeroed one */
co_status journal_memory_init(struct co_ctx *, void *self, const void *config, struct co_error *);
void journal_memory_stop(void *self, void (*stopped)(void *arg), void *arg);
void journal_memory_fini(void *self);

#endif
