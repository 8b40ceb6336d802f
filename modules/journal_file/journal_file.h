/* The file journal's state, shared by its files. The loop thread owns everything except what a running job was handed: the
 * writer and the batch (write.c), one meta record (meta.c). */
#ifndef JOURNAL_FILE_H
#define JOURNAL_FILE_H

#include "segment.h"

#include <cohort/log.h>
#include <cohort/loop.h>
#include <cohort/module.h>

#define JOURNAL_FILE_META_MAX (64u << 10)

struct journal_file_settings {
    struct co_size segment_size, compress_above;
    const char *sync; /* "always", "never" */
};
extern const struct co_schema journal_file_schema;

/* One append() that waits or is being written. */
struct journal_file_request {
    struct journal_file_request *next;
    const struct co_journal_entry *entries;
    size_t count;
    co_journal_done *done;
    void *arg;
};
struct journal_file_queue {
    struct journal_file_request *first, **last;
};

/* What a batch put into one segment; becomes visible to readers when the batch is durable. */
struct journal_file_part {
    uint64_t first, last; /* indexes */
    uint64_t segment_first, salt, end;
    bool is_new;     /* the batch created this segment */
    uint32_t *marks; /* offsets / 8 of the records that the sparse index keeps */
    size_t mark_count, mark_capacity;
};

/* The end of the log, where bytes go. While a job runs, the job's. */
struct journal_file_writer {
    int fd; /* -1: the next entry opens a new segment */
    uint64_t segment_first, salt;
    uint32_t seed;
    uint64_t end, zeroed, batch_first;
    struct co_buffer buffer; /* encoded records, reused */
    struct journal_file_queue batch;
    struct journal_file_part *parts;
    size_t part_count, part_capacity;
    co_status status;
    struct co_error error;
};

/* A reading position, kept because logs are read in order. */
struct journal_file_reader {
    int fd; /* -1: none */
    uint64_t segment_first, next_index, next_offset;
    uint8_t *window;
    uint64_t window_start;
    size_t window_size;
};

struct journal_file_meta {
    struct journal_file_meta *next;
    struct journal_file *journal;
    co_journal_done *done;
    void *arg;
    co_status status;
    struct co_error error;
    size_t size;
    uint8_t bytes[]; /* encoded */
};

struct journal_file {
    struct co_loop *loop;
    struct co_log *log; /* NULL: silent */
    char *dir;
    int dirfd;
    uint64_t segment_size;
    size_t compress_above;
    bool is_synced;

    struct journal_file_segment *segments; /* ascending, contiguous, none empty */
    size_t segment_count, segment_capacity;
    uint64_t first, last; /* durable bounds */
    uint64_t handed;      /* newest index handed over; last when nothing is under way */

    struct journal_file_queue waiting;
    struct journal_file_writer writer;
    bool is_writing;
    bool is_failed; /* until truncate_back: what the disk holds behind `last` is unknown */
    struct co_error failure;
    struct journal_file_queue refused; /* appends answered with `failure` by `refuse` */
    struct co_defer refuse;

    struct journal_file_reader reader;

    struct journal_file_meta *metas, **metas_last;
    bool is_saving;

    bool is_answering; /* a `done` is running: it must not find the journal gone */
    void (*stopped)(void *arg);
    void *stopped_arg;
};

/* open.c. `log` may be NULL. The settings must have been checked. */
co_status journal_file_open(struct journal_file *, struct co_loop *, struct co_log *, const char *dir,
                            const struct journal_file_settings *, struct co_error *);
/* No job may be running. Accepts a zeroed or half-open journal. */
void journal_file_close(struct journal_file *);
co_status journal_file_init(struct co_ctx *, void *self, const void *config, struct co_error *);
void journal_file_stop(void *self, void (*stopped)(void *arg), void *arg);
void journal_file_fini(void *self);
void journal_file_maybe_stopped(struct journal_file *);
extern const struct co_journal_ops journal_file_ops;

/* write.c */
void journal_file_append(void *self, const struct co_journal_entry *, size_t count, co_journal_done *, void *arg);
void journal_file_writer_close(struct journal_file_writer *);
/* Continues the newest segment, or, with none, the next entry opens one. */
co_status journal_file_writer_open(struct journal_file *, struct co_error *);
struct journal_file_segment *journal_file_add_segment(struct journal_file *, uint64_t first, uint64_t salt);

/* read.c */
void journal_file_bounds(void *self, uint64_t *first, uint64_t *last);
co_status journal_file_read(void *self, uint64_t index, struct co_arena *, struct co_journal_entry *out,
                            struct co_error *);
void journal_file_reader_close(struct journal_file_reader *);
/* The segment that holds `index`, which is within bounds. */
struct journal_file_segment *journal_file_find(struct journal_file *, uint64_t index);
/* Offset of the record `index`. */
co_status journal_file_locate(struct journal_file *, uint64_t index, uint64_t *offset, struct co_error *);

/* trim.c */
co_status journal_file_truncate_back(void *self, uint64_t last_kept, struct co_error *);
co_status journal_file_truncate_front(void *self, uint64_t first_kept, struct co_error *);
/* Cuts a segment behind `end`, so that the room reads as zeros again, and makes that durable. */
co_status journal_file_cut(struct journal_file *, uint64_t segment_first, uint64_t end, struct co_error *);
co_status journal_file_sync_dir(struct journal_file *, struct co_error *);

/* meta.c */
void journal_file_save_meta(void *self, struct co_bytes, co_journal_done *, void *arg);
co_status journal_file_load_meta(void *self, struct co_arena *, struct co_bytes *out, struct co_error *);

static inline void journal_file_queue_init(struct journal_file_queue *queue) {
    queue->first = NULL;
    queue->last = &queue->first;
}
static inline void journal_file_queue_add(struct journal_file_queue *queue, struct journal_file_request *request) {
    request->next = NULL;
    *queue->last = request;
    queue->last = &request->next;
}

#endif
