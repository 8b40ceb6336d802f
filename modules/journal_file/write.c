/* Appending: what is handed over while a batch is being written becomes the next batch; a batch is one write and one fdatasync
 * on the thread pool. The loop thread only queues and answers; encoding, checksums and compression happen in the job. */
#include "journal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

/* Writing into reserved room changes the file's extents, which makes fdatasync write metadata too. So each write that passes
 * the zeroed part carries zeros for what comes next: measured 4800 instead of 2400 syncs/s of 15 KiB on ext4. */
#define ZERO_AHEAD (UINT64_C(1) << 20)
#define ZERO_BLOCK ((size_t)64 << 10)
/* A batch takes requests until it has this many bytes, so that memory and the wait of its members stay bounded. */
#define BATCH_BYTES_MAX ((size_t)16 << 20)
/* A buffer that one large batch blew up is given back. */
#define BUFFER_KEPT_MAX ((size_t)4 << 20)

static const uint8_t zeros[ZERO_BLOCK];

/* --- in the job: touches the writer, and of the journal only the constant settings --- */

static co_status write_with_zeros(struct journal_file *journal, struct journal_file_writer *writer,
                                  struct co_error *error) {
    uint64_t end = writer->end + writer->buffer.size, zero_end = writer->zeroed;
    if (end > writer->zeroed) {
        zero_end = (end + 2 * ZERO_AHEAD - 1) / ZERO_AHEAD * ZERO_AHEAD;
        if (zero_end > journal->segment_size) zero_end = journal->segment_size;
        if (zero_end < end) zero_end = end;
    }
    struct iovec parts[2 + 2 * ZERO_AHEAD / ZERO_BLOCK];
    int count = 0;
    parts[count++] = (struct iovec){writer->buffer.data, writer->buffer.size};
    for (uint64_t at = end; zero_end > writer->zeroed && at < zero_end; count++) {
        size_t size = zero_end - at < ZERO_BLOCK ? (size_t)(zero_end - at) : ZERO_BLOCK;
        parts[count] = (struct iovec){(void *)(uintptr_t)zeros, size};
        at += size;
    }
    uint64_t offset = writer->end;
    for (int at = 0; at < count;) {
        ssize_t n = pwritev(writer->fd, parts + at, count - at, (off_t)offset);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0)
            return co_fail_errno(error, errno, "%s/%020" PRIu64 ".seg: cannot write %zu bytes at offset %" PRIu64,
                                 journal->dir, writer->segment_first, writer->buffer.size, writer->end);
        offset += (uint64_t)n;
        for (; at < count && (size_t)n >= parts[at].iov_len; at++) n -= (ssize_t)parts[at].iov_len;
        if (at < count) {
            parts[at].iov_base = (char *)parts[at].iov_base + n;
            parts[at].iov_len -= (size_t)n;
        }
    }
    if (journal->is_synced && fdatasync(writer->fd) != 0)
        return co_fail_errno(error, errno,
                             "%s/%020" PRIu64 ".seg: cannot make %zu bytes at offset %" PRIu64 " durable (fdatasync)",
                             journal->dir, writer->segment_first, writer->buffer.size, writer->end);
    writer->zeroed = zero_end;
    writer->end = end;
    return CO_OK;
}

static co_status flush(struct journal_file *journal, struct journal_file_writer *writer) {
    if (writer->buffer.size == 0) return CO_OK;
    co_status status = write_with_zeros(journal, writer, &writer->error);
    if (status) return status;
    writer->parts[writer->part_count - 1].end = writer->end;
    writer->buffer.size = 0;
    return CO_OK;
}

static struct journal_file_part *add_part(struct journal_file_writer *writer, uint64_t first, bool is_new) {
    if (writer->part_count == writer->part_capacity) {
        writer->part_capacity = writer->part_capacity ? writer->part_capacity * 2 : 2;
        writer->parts = co_realloc(writer->parts, writer->part_capacity * sizeof *writer->parts);
    }
    co_assert(writer->parts);
    struct journal_file_part *part = &writer->parts[writer->part_count++];
    *part = (struct journal_file_part){.first = first,
                                       .last = first - 1,
                                       .segment_first = writer->segment_first,
                                       .salt = writer->salt,
                                       .is_new = is_new};
    writer->batch_first = first;
    return part;
}

/* Closes the full segment at its true size and opens the next, beginning with `first`. */
static co_status roll(struct journal_file *journal, struct journal_file_writer *writer, uint64_t first) {
    co_status status = flush(journal, writer);
    if (status) return status;
    if (writer->fd >= 0) {
        /* Only gives back reserved room: a crash before it leaves zeros, which end a segment as well. */
        if (ftruncate(writer->fd, (off_t)writer->end) != 0)
            return co_fail_errno(&writer->error, errno, "%s/%020" PRIu64 ".seg: cannot cut to %" PRIu64 " bytes",
                                 journal->dir, writer->segment_first, writer->end);
        close(writer->fd);
        writer->fd = -1;
    }
    status = journal_file_segment_create(journal->dirfd, journal->dir, first, journal->segment_size, journal->is_synced,
                                         &writer->salt, &writer->fd, &writer->error);
    if (status) return status;
    writer->segment_first = first;
    writer->seed = journal_file_seed(writer->salt);
    writer->end = writer->zeroed = JOURNAL_FILE_HEADER_SIZE;
    return CO_OK;
}

static void mark(struct journal_file_part *part, uint64_t index, uint64_t offset) {
    if ((index - part->segment_first) % JOURNAL_FILE_SPARSE != 0) return;
    if (part->mark_count == part->mark_capacity) {
        part->mark_capacity = part->mark_capacity ? part->mark_capacity * 2 : 8;
        part->marks = co_realloc(part->marks, part->mark_capacity * sizeof *part->marks);
    }
    part->marks[part->mark_count++] = (uint32_t)(offset / 8);
}

static co_status encode(struct journal_file *journal, struct journal_file_writer *writer,
                        const struct co_journal_entry *entry) {
    struct journal_file_part *part = writer->part_count ? &writer->parts[writer->part_count - 1] : NULL;
    uint64_t offset = writer->end + writer->buffer.size;
    bool is_full = offset > JOURNAL_FILE_HEADER_SIZE &&
                   offset + journal_file_record_span((uint32_t)entry->data.size) > journal->segment_size;
    if (writer->fd < 0 || is_full) {
        co_status status = roll(journal, writer, entry->index);
        if (status) return status;
        part = add_part(writer, entry->index, true);
        offset = writer->end;
    } else if (!part) {
        part = add_part(writer, entry->index, false);
    }
    mark(part, entry->index, offset);
    journal_file_record_encode(&writer->buffer, writer->seed, entry, (uint32_t)(entry->index - writer->batch_first),
                               journal->compress_above);
    part->last = entry->index;
    return CO_OK;
}

static void write_work(void *arg) {
    struct journal_file *journal = arg;
    struct journal_file_writer *writer = &journal->writer;
    for (struct journal_file_request *request = writer->batch.first; request && !writer->status;
         request = request->next)
        for (size_t i = 0; i < request->count && !writer->status; i++)
            writer->status = encode(journal, writer, &request->entries[i]);
    if (!writer->status) writer->status = flush(journal, writer);
    writer->buffer.size = 0;
    if (writer->buffer.capacity > BUFFER_KEPT_MAX) co_buffer_fini(&writer->buffer);
}

/* --- on the loop --- */

static void answer(struct journal_file_queue *queue, co_status status, const struct co_error *error) {
    struct journal_file_request *next = queue->first;
    journal_file_queue_init(queue);
    while (next) {
        struct journal_file_request *request = next;
        next = request->next;
        request->done(request->arg, status, status ? error : NULL);
        free(request);
    }
}

static void refuse_run(void *arg) {
    struct journal_file *journal = arg;
    /* A copy: `done` may repair the journal and with it clear the reason. */
    struct co_error failure = journal->failure;
    journal->is_answering = true;
    answer(&journal->refused, failure.status, &failure);
    journal->is_answering = false;
    journal_file_maybe_stopped(journal);
}

struct journal_file_segment *journal_file_add_segment(struct journal_file *journal, uint64_t first, uint64_t salt) {
    if (journal->segment_count == journal->segment_capacity) {
        journal->segment_capacity = journal->segment_capacity ? journal->segment_capacity * 2 : 4;
        journal->segments = co_realloc(journal->segments, journal->segment_capacity * sizeof *journal->segments);
    }
    struct journal_file_segment *segment = &journal->segments[journal->segment_count++];
    *segment =
        (struct journal_file_segment){.first = first, .last = first - 1, .salt = salt, .end = JOURNAL_FILE_HEADER_SIZE};
    return segment;
}

/* The batch is durable: readers may see it. */
static void publish(struct journal_file *journal) {
    struct journal_file_writer *writer = &journal->writer;
    for (size_t i = 0; i < writer->part_count; i++) {
        struct journal_file_part *part = &writer->parts[i];
        if (journal->segment_count == 0) journal->first = part->first;
        struct journal_file_segment *segment = part->is_new
                                                   ? journal_file_add_segment(journal, part->segment_first, part->salt)
                                                   : &journal->segments[journal->segment_count - 1];
        co_assert(segment->first == part->segment_first && segment->last + 1 == part->first);
        uint64_t index = segment->first + segment->sparse_count * JOURNAL_FILE_SPARSE;
        for (size_t k = 0; k < part->mark_count; k++, index += JOURNAL_FILE_SPARSE)
            journal_file_segment_mark(segment, index, (uint64_t)part->marks[k] * 8);
        segment->last = part->last;
        segment->end = part->end;
        journal->last = part->last;
    }
}

static void forget_parts(struct journal_file_writer *writer) {
    for (size_t i = 0; i < writer->part_count; i++) free(writer->parts[i].marks);
    writer->part_count = 0;
}

static void write_next(struct journal_file *journal);

static void write_done(void *arg) {
    struct journal_file *journal = arg;
    struct journal_file_writer *writer = &journal->writer;
    struct journal_file_queue answered = writer->batch;
    journal->is_writing = false;
    journal->is_answering = true;
    if (writer->status == CO_OK) {
        publish(journal);
        forget_parts(writer);
        /* The disk works on the next batch while the answers of this one are worked off. */
        write_next(journal);
        answer(&answered, CO_OK, NULL);
    } else {
        /* After a failed fsync the kernel may forget the dirty pages: a second fsync would lie. Only cutting back to what was
         * durable before makes the end certain. */
        struct co_error failure = writer->error;
        journal->failure = failure;
        journal->is_failed = true;
        journal->handed = journal->last;
        forget_parts(writer);
        journal_file_writer_close(writer);
        if (journal->waiting.first) {
            *answered.last = journal->waiting.first;
            answered.last = journal->waiting.last;
            journal_file_queue_init(&journal->waiting);
        }
        answer(&answered, failure.status, &failure);
    }
    journal->is_answering = false;
    journal_file_maybe_stopped(journal);
}

static void write_next(struct journal_file *journal) {
    if (journal->is_writing || !journal->waiting.first) return;
    struct journal_file_writer *writer = &journal->writer;
    journal_file_queue_init(&writer->batch);
    size_t bytes = 0;
    while (journal->waiting.first && bytes < BATCH_BYTES_MAX) {
        struct journal_file_request *request = journal->waiting.first;
        journal->waiting.first = request->next;
        for (size_t i = 0; i < request->count; i++)
            bytes += journal_file_record_span((uint32_t)request->entries[i].data.size);
        journal_file_queue_add(&writer->batch, request);
    }
    if (!journal->waiting.first) journal_file_queue_init(&journal->waiting);
    writer->status = CO_OK;
    journal->is_writing = true;
    co_job_start(journal->loop, write_work, write_done, journal);
}

void journal_file_append(void *self, const struct co_journal_entry *entries, size_t count, co_journal_done *done,
                         void *arg) {
    struct journal_file *journal = self;
    co_assert(count > 0 && !journal->stopped);
    struct journal_file_request *request = co_malloc(sizeof *request);
    *request = (struct journal_file_request){.entries = entries, .count = count, .done = done, .arg = arg};
    if (journal->is_failed) {
        journal_file_queue_add(&journal->refused, request);
        co_defer_start(journal->loop, &journal->refuse, refuse_run, journal);
        return;
    }
    bool is_empty = journal->handed + 1 == journal->first;
    for (size_t i = 0; i < count; i++) {
        co_assert(entries[i].index > 0 && entries[i].data.size <= CO_JOURNAL_ENTRY_MAX);
        co_assert(i == 0 ? is_empty || entries[0].index == journal->handed + 1
                         : entries[i].index == entries[i - 1].index + 1);
    }
    if (is_empty) {
        journal->first = entries[0].index;
        journal->last = journal->first - 1;
    }
    journal->handed = entries[count - 1].index;
    journal_file_queue_add(&journal->waiting, request);
    write_next(journal);
}

void journal_file_writer_close(struct journal_file_writer *writer) {
    if (writer->fd >= 0) close(writer->fd);
    writer->fd = -1;
}

co_status journal_file_writer_open(struct journal_file *journal, struct co_error *error) {
    struct journal_file_writer *writer = &journal->writer;
    journal_file_writer_close(writer);
    if (journal->segment_count == 0) return CO_OK;
    struct journal_file_segment *segment = &journal->segments[journal->segment_count - 1];
    char name[JOURNAL_FILE_NAME_SIZE];
    journal_file_segment_name(segment->first, name);
    writer->fd = openat(journal->dirfd, name, O_RDWR | O_CLOEXEC);
    if (writer->fd < 0) return co_fail_errno(error, errno, "%s/%s: cannot open for writing", journal->dir, name);
    writer->segment_first = segment->first;
    writer->salt = segment->salt;
    writer->seed = journal_file_seed(segment->salt);
    writer->end = writer->zeroed = segment->end;
    return CO_OK;
}
