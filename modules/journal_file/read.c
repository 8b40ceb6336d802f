/* Reading entries. Logs are read in order, so the last position and a window of file bytes are kept; a jump starts at the
 * nearest offset in memory and walks at most 63 records. Only durable bytes are looked at. */
#include "journal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define WINDOW_SIZE ((size_t)128 << 10)

void journal_file_bounds(void *self, uint64_t *first, uint64_t *last) {
    struct journal_file *journal = self;
    *first = journal->first;
    *last = journal->handed;
}

void journal_file_reader_close(struct journal_file_reader *reader) {
    if (reader->fd >= 0) close(reader->fd);
    free(reader->window);
    *reader = (struct journal_file_reader){.fd = -1};
}

struct journal_file_segment *journal_file_find(struct journal_file *journal, uint64_t index) {
    size_t low = 0, high = journal->segment_count;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (journal->segments[middle].first <= index)
            low = middle;
        else
            high = middle;
    }
    co_assert(high > 0 && index >= journal->segments[low].first && index <= journal->segments[low].last);
    return &journal->segments[low];
}

static co_status damaged(struct journal_file *journal, uint64_t segment_first, uint64_t offset, uint64_t index,
                         struct co_error *error) {
    return co_fail(
        error, CO_CORRUPT,
        "%s/%020" PRIu64 ".seg: offset %" PRIu64 ": entry %" PRIu64
        " is damaged on disk; restore the file from a backup, or remove the journal to go on from the newest snapshot",
        journal->dir, segment_first, offset, index);
}

/* Opens the segment unless it is the open one. */
static co_status enter(struct journal_file *journal, const struct journal_file_segment *segment,
                       struct co_error *error) {
    struct journal_file_reader *reader = &journal->reader;
    if (reader->fd >= 0 && reader->segment_first == segment->first) return CO_OK;
    journal_file_reader_close(reader);
    char name[JOURNAL_FILE_NAME_SIZE];
    journal_file_segment_name(segment->first, name);
    reader->fd = openat(journal->dirfd, name, O_RDONLY | O_CLOEXEC);
    if (reader->fd < 0) return co_fail_errno(error, errno, "%s/%s: cannot open for reading", journal->dir, name);
    reader->segment_first = segment->first;
    reader->window = co_malloc(WINDOW_SIZE);
    return CO_OK;
}

/* `size` durable bytes at `offset`: from the window, or for large ones straight into `into`. */
static co_status fetch(struct journal_file *journal, const struct journal_file_segment *segment, uint64_t offset,
                       size_t size, struct co_arena *arena, const void **out, struct co_error *error) {
    struct journal_file_reader *reader = &journal->reader;
    if (offset < reader->window_start || offset + size > reader->window_start + reader->window_size) {
        bool is_large = size > WINDOW_SIZE;
        void *into = is_large ? co_arena_alloc(arena, size) : reader->window;
        size_t want = is_large || segment->end - offset < WINDOW_SIZE
                          ? (is_large ? size : (size_t)(segment->end - offset))
                          : WINDOW_SIZE;
        size_t got;
        if (!is_large) reader->window_size = 0;
        co_status status = journal_file_read_at(reader->fd, into, want, offset, &got, journal->dir, error);
        if (status) return status;
        if (got < size) return damaged(journal, segment->first, offset, reader->next_index, error);
        if (is_large) {
            *out = into;
            return CO_OK;
        }
        reader->window_start = offset;
        reader->window_size = got;
    }
    *out = reader->window + (offset - reader->window_start);
    return CO_OK;
}

/* The fixed part of the record at the reader's position. */
static co_status read_record(struct journal_file *journal, const struct journal_file_segment *segment,
                             struct journal_file_record *record, struct co_error *error) {
    struct journal_file_reader *reader = &journal->reader;
    const void *raw = NULL;
    co_status status = CO_OK;
    bool fits = reader->next_offset + JOURNAL_FILE_RECORD_SIZE <= segment->end;
    if (fits) status = fetch(journal, segment, reader->next_offset, JOURNAL_FILE_RECORD_SIZE, NULL, &raw, error);
    if (status) return status;
    if (!fits || !journal_file_record_decode(raw, journal_file_seed(segment->salt), record) ||
        record->index != reader->next_index ||
        journal_file_record_span(record->stored_size) > segment->end - reader->next_offset)
        return damaged(journal, segment->first, reader->next_offset, reader->next_index, error);
    return CO_OK;
}

/* Moves the reader to `index`. */
static co_status seek(struct journal_file *journal, const struct journal_file_segment *segment, uint64_t index,
                      struct co_error *error) {
    struct journal_file_reader *reader = &journal->reader;
    co_status status = enter(journal, segment, error);
    if (status) return status;
    uint64_t near, offset = journal_file_segment_near(segment, index, &near);
    if (reader->next_index < near || reader->next_index > index) {
        reader->next_index = near;
        reader->next_offset = offset;
    }
    while (reader->next_index < index) {
        struct journal_file_record record = {0};
        status = read_record(journal, segment, &record, error);
        if (status) return status;
        reader->next_index++;
        reader->next_offset += journal_file_record_span(record.stored_size);
    }
    return CO_OK;
}

co_status journal_file_locate(struct journal_file *journal, uint64_t index, uint64_t *offset, struct co_error *error) {
    co_status status = seek(journal, journal_file_find(journal, index), index, error);
    *offset = journal->reader.next_offset;
    return status;
}

co_status journal_file_read(void *self, uint64_t index, struct co_arena *arena, struct co_journal_entry *out,
                            struct co_error *error) {
    struct journal_file *journal = self;
    if (index < journal->first || index > journal->last)
        return co_fail(error, CO_NOT_FOUND,
                       "journal entry %" PRIu64 " is not among the durable entries %" PRIu64 " to %" PRIu64, index,
                       journal->first, journal->last);
    const struct journal_file_segment *segment = journal_file_find(journal, index);
    co_status status = seek(journal, segment, index, error);
    if (status) return status;
    struct journal_file_reader *reader = &journal->reader;
    struct journal_file_record record = {0};
    status = read_record(journal, segment, &record, error);
    if (status) return status;
    uint64_t offset = reader->next_offset;
    const void *stored = "";
    if (record.stored_size > 0)
        status = fetch(journal, segment, offset + JOURNAL_FILE_RECORD_SIZE, record.stored_size, arena, &stored, error);
    if (status) return status;
    struct co_bytes data;
    if (!journal_file_record_data(&record, journal_file_seed(segment->salt), stored, arena, &data))
        return damaged(journal, segment->first, offset, index, error);
    /* The window moves on with the next read. */
    if (data.data == stored && record.stored_size <= WINDOW_SIZE)
        data.data = co_arena_copy(arena, data.data, data.size);
    *out = (struct co_journal_entry){.index = index, .term = record.term, .type = record.type, .data = data};
    reader->next_index = index + 1;
    reader->next_offset = offset + journal_file_record_span(record.stored_size);
    return CO_OK;
}
