/* The log in memory: for `-dev` and tests. Nothing survives the process. Entries sit in a ring that doubles when full and
 * shrinks when mostly empty; it is as long as consensus lets it be (truncate_front). */
#include "journal_memory.h"

#include <inttypes.h>
#include <stdlib.h>

#define RING_MIN 64u

static struct journal_memory_slot *slot_of(struct journal_memory *journal, uint64_t index) {
    return &journal->ring[index & (journal->capacity - 1)];
}

static void resize(struct journal_memory *journal, size_t capacity) {
    struct journal_memory_slot *ring = co_calloc(capacity, sizeof *ring);
    for (uint64_t i = journal->first; i <= journal->last; i++) ring[i & (capacity - 1)] = *slot_of(journal, i);
    free(journal->ring);
    journal->ring = ring;
    journal->capacity = capacity;
}

static void answer_run(void *arg) {
    struct journal_memory *journal = arg;
    struct journal_memory_answer *next = journal->answers;
    journal->answers = NULL;
    journal->answers_last = &journal->answers;
    journal->is_answering = true;
    while (next) {
        struct journal_memory_answer *answer = next;
        next = answer->next;
        if (answer->last > journal->answered) journal->answered = answer->last;
        answer->done(answer->arg, CO_OK, NULL);
        free(answer);
    }
    journal->is_answering = false;
    if (journal->stopped) journal_memory_stop(journal, journal->stopped, journal->stopped_arg);
}

static void answer_later(struct journal_memory *journal, uint64_t last, co_journal_done *done, void *arg) {
    struct journal_memory_answer *answer = co_malloc(sizeof *answer);
    *answer = (struct journal_memory_answer){.done = done, .arg = arg, .last = last};
    *journal->answers_last = answer;
    journal->answers_last = &answer->next;
    co_defer_start(journal->loop, &journal->answer, answer_run, journal);
}

static void bounds(void *self, uint64_t *first, uint64_t *last) {
    struct journal_memory *journal = self;
    *first = journal->first;
    *last = journal->last;
}

static void append(void *self, const struct co_journal_entry *entries, size_t count, co_journal_done *done, void *arg) {
    struct journal_memory *journal = self;
    co_assert(count > 0);
    if (journal->last + 1 == journal->first) {
        journal->first = entries[0].index;
        journal->last = journal->answered = journal->first - 1;
    }
    for (size_t i = 0; i < count; i++) {
        const struct co_journal_entry *entry = &entries[i];
        co_assert(entry->index > 0 && entry->index == journal->last + 1 && entry->data.size <= CO_JOURNAL_ENTRY_MAX);
        if (journal->last + 1 - journal->first == journal->capacity)
            resize(journal, journal->capacity ? journal->capacity * 2 : RING_MIN);
        struct journal_memory_slot *slot = slot_of(journal, entry->index);
        *slot =
            (struct journal_memory_slot){.term = entry->term, .size = (uint32_t)entry->data.size, .type = entry->type};
        if (slot->size > 0) slot->data = memcpy(co_malloc(slot->size), entry->data.data, slot->size);
        journal->last++;
    }
    answer_later(journal, journal->last, done, arg);
}

static co_status read(void *self, uint64_t index, struct co_arena *arena, struct co_journal_entry *out,
                      struct co_error *error) {
    struct journal_memory *journal = self;
    if (index < journal->first || index > journal->answered)
        return co_fail(error, CO_NOT_FOUND,
                       "journal entry %" PRIu64 " is not among the entries %" PRIu64 " to %" PRIu64, index,
                       journal->first, journal->answered);
    const struct journal_memory_slot *slot = slot_of(journal, index);
    *out = (struct co_journal_entry){.index = index, .term = slot->term, .type = slot->type};
    if (slot->size > 0) out->data = co_bytes(co_arena_copy(arena, slot->data, slot->size), slot->size);
    return CO_OK;
}

static void drop(struct journal_memory *journal, uint64_t index) {
    free(slot_of(journal, index)->data);
    slot_of(journal, index)->data = NULL;
}

static co_status truncate_back(void *self, uint64_t last_kept, struct co_error *error) {
    struct journal_memory *journal = self;
    (void)error;
    co_assert(!journal->answers && last_kept + 1 >= journal->first);
    while (journal->last > last_kept) drop(journal, journal->last--);
    journal->answered = journal->last;
    return CO_OK;
}

static co_status truncate_front(void *self, uint64_t first_kept, struct co_error *error) {
    struct journal_memory *journal = self;
    (void)error;
    /* What has not been answered yet is still the appender's. */
    if (journal->answers && first_kept > journal->answered) first_kept = journal->answered + 1;
    while (journal->first < first_kept && journal->first <= journal->last) drop(journal, journal->first++);
    if (journal->first < first_kept) {
        journal->first = first_kept;
        journal->last = journal->answered = first_kept - 1;
    }
    size_t used = (size_t)(journal->last + 1 - journal->first), capacity = journal->capacity;
    while (capacity > RING_MIN && used < capacity / 8) capacity /= 2;
    if (capacity < journal->capacity) resize(journal, capacity);
    return CO_OK;
}

static void save_meta(void *self, struct co_bytes bytes, co_journal_done *done, void *arg) {
    struct journal_memory *journal = self;
    journal->meta.size = 0;
    co_buffer_add(&journal->meta, bytes.data, bytes.size);
    answer_later(journal, 0, done, arg);
}

static co_status load_meta(void *self, struct co_arena *arena, struct co_bytes *out, struct co_error *error) {
    struct journal_memory *journal = self;
    (void)error;
    *out = co_bytes(NULL, 0);
    if (journal->meta.size > 0)
        *out = co_bytes(co_arena_copy(arena, journal->meta.data, journal->meta.size), journal->meta.size);
    return CO_OK;
}

const struct co_journal_ops journal_memory_ops = {
    .bounds = bounds,
    .append = append,
    .read = read,
    .truncate_back = truncate_back,
    .truncate_front = truncate_front,
    .save_meta = save_meta,
    .load_meta = load_meta,
};

void journal_memory_open(struct journal_memory *journal, struct co_loop *loop) {
    *journal = (struct journal_memory){.loop = loop, .first = 1};
    journal->answers_last = &journal->answers;
}

void journal_memory_close(struct journal_memory *journal) {
    if (!journal->loop) return;
    co_defer_stop(journal->loop, &journal->answer);
    while (journal->answers) {
        struct journal_memory_answer *answer = journal->answers;
        journal->answers = answer->next;
        free(answer);
    }
    while (journal->first <= journal->last) drop(journal, journal->first++);
    free(journal->ring);
    co_buffer_fini(&journal->meta);
    *journal = (struct journal_memory){0};
}

co_status journal_memory_init(struct co_ctx *ctx, void *self, const void *config, struct co_error *error) {
    (void)config;
    (void)error;
    journal_memory_open(self, co_ctx_loop(ctx));
    return CO_OK;
}

void journal_memory_stop(void *self, void (*stopped)(void *arg), void *arg) {
    struct journal_memory *journal = self;
    if (journal->answers || journal->is_answering) {
        journal->stopped = stopped;
        journal->stopped_arg = arg;
        return;
    }
    stopped(arg);
}

void journal_memory_fini(void *self) {
    journal_memory_close(self);
}
