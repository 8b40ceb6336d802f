/* Reads a segment from its first byte to its last and says where the records end, and how: clean, torn or damaged. Every byte is
 * outside input. Memory: one window, whatever lengths the file claims. Refuses to change anything. */
#include "segment.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define WINDOW_SIZE ((size_t)1 << 20)
#define PAGE        UINT64_C(4096)

/* The part of the file that is in memory. */
struct window {
    int fd;
    const char *path;
    uint64_t file_size, start, bytes_read;
    size_t size;
    uint8_t *bytes;
};

/* How much to read at `offset`: not one byte further than the data goes. Reading reserved room would put its pages into the page
 * cache, and from then on the kernel reports them as data. */
static size_t readable(const struct window *window, uint64_t offset) {
    off_t hole = lseek(window->fd, (off_t)offset, SEEK_HOLE);
    if (hole < 0 || (uint64_t)hole >= offset + WINDOW_SIZE) return WINDOW_SIZE;
    return (size_t)((uint64_t)hole - offset);
}

/* At most `want` bytes at `offset` in memory; `*got` is fewer only where the file ends or reserved room begins. */
static co_status window_at(struct window *window, uint64_t offset, size_t want, const uint8_t **out, size_t *got,
                           struct co_error *error) {
    if (offset < window->start || offset + want > window->start + window->size) {
        size_t read, size = readable(window, offset);
        co_status status = journal_file_read_at(window->fd, window->bytes, size, offset, &read, window->path, error);
        if (status) return status;
        window->start = offset;
        window->size = read;
        window->bytes_read += read;
    }
    size_t have = (size_t)(window->start + window->size - offset);
    *out = window->bytes + (offset - window->start);
    *got = have < want ? have : want;
    return CO_OK;
}

static co_status data_crc(struct window *window, uint64_t offset, size_t size, uint32_t *crc, struct co_error *error) {
    while (size > 0) {
        const uint8_t *bytes;
        size_t got, want = size < WINDOW_SIZE ? size : WINDOW_SIZE;
        co_status status = window_at(window, offset, want, &bytes, &got, error);
        if (status) return status;
        if (got == 0) break; /* the file shrank under us: the checksum will not match */
        *crc = co_crc32c(*crc, bytes, got);
        offset += got;
        size -= got;
    }
    return CO_OK;
}

/* Is there a good record at `offset`? */
static co_status record_at(struct window *window, uint64_t offset, uint64_t index, uint32_t seed,
                           struct journal_file_record *record, bool *is_good, struct co_error *error) {
    *is_good = false;
    const uint8_t *raw;
    size_t got;
    co_status status = window_at(window, offset, JOURNAL_FILE_RECORD_SIZE, &raw, &got, error);
    if (status || got < JOURNAL_FILE_RECORD_SIZE) return status;
    if (!journal_file_record_decode(raw, seed, record) || record->index != index) return CO_OK;
    size_t span = journal_file_record_span(record->stored_size);
    if (span > window->file_size - offset) return CO_OK;
    uint32_t crc = seed;
    status = data_crc(window, offset + JOURNAL_FILE_RECORD_SIZE, record->stored_size, &crc, error);
    if (status) return status;
    *is_good = crc == record->data_crc;
    return CO_OK;
}

/* What lies behind the last good record? Zeros are the reserved room. Record headers of the same batch as `expected` belong to
 * one unfinished write, whose blocks reach the disk in any order. A later batch was written only after `expected` had been
 * durable: then this is damage, and cutting it off would lose acknowledged entries. */
static co_status judge_tail(struct window *window, uint64_t offset, uint64_t expected, uint32_t seed,
                            struct journal_file_scan *out, struct co_error *error) {
    uint64_t dirty_end = offset; /* behind the last byte that is not zero */
    static const uint8_t nothing[8];
    bool is_damaged = false;
    for (uint64_t at = offset; at < window->file_size && !is_damaged;) {
        /* Skip what was reserved and never written without reading it. */
        if (at % PAGE == 0) {
            off_t data = lseek(window->fd, (off_t)at, SEEK_DATA);
            if (data < 0 && errno == ENXIO) break;
            if (data > (off_t)at) at = (uint64_t)data & ~UINT64_C(7);
        }
        const uint8_t *raw;
        size_t got;
        co_status status = window_at(window, at, JOURNAL_FILE_RECORD_SIZE, &raw, &got, error);
        if (status) return status;
        if (got == 0) break;
        size_t step = got < 8 ? got : 8;
        if (memcmp(raw, nothing, step) == 0) { /* no record begins with two checksums of zero */
            at += step;
            continue;
        }
        for (size_t i = 0; i < step; i++)
            if (raw[i]) dirty_end = at + i + 1;
        struct journal_file_record record;
        if (got == JOURNAL_FILE_RECORD_SIZE && journal_file_record_decode(raw, seed, &record))
            is_damaged = record.index > expected && record.index - record.batch_back > expected;
        at += step;
    }
    out->bad_offset = offset;
    out->dropped = dirty_end - offset;
    out->tail = is_damaged           ? JOURNAL_FILE_TAIL_BAD
                : dirty_end > offset ? JOURNAL_FILE_TAIL_TORN
                                     : JOURNAL_FILE_TAIL_CLEAN;
    return CO_OK;
}

static co_status check_header(struct window *window, uint64_t first, struct journal_file_header *header,
                              struct co_error *error) {
    const uint8_t *raw;
    size_t got;
    co_status status = window_at(window, 0, JOURNAL_FILE_HEADER_SIZE, &raw, &got, error);
    if (status) return status;
    enum journal_file_header_verdict verdict =
        got == JOURNAL_FILE_HEADER_SIZE ? journal_file_header_decode(raw, header) : JOURNAL_FILE_HEADER_BAD;
    if (verdict == JOURNAL_FILE_HEADER_OTHER_VERSION)
        return co_fail(error, CO_UNSUPPORTED,
                       "%s: journal format version %" PRIu32
                       ", this program knows version %u; start the version of cohort that wrote it",
                       window->path, header->version, JOURNAL_FILE_VERSION);
    if (verdict != JOURNAL_FILE_HEADER_OK)
        return co_fail(error, CO_CORRUPT,
                       "%s: offset 0: the segment's header is damaged or this is no journal segment; restore the file "
                       "from a backup",
                       window->path);
    if (header->first_index != first)
        return co_fail(error, CO_CORRUPT,
                       "%s: the segment says that it begins with entry %" PRIu64 "; was the file renamed?",
                       window->path, header->first_index);
    return CO_OK;
}

co_status journal_file_segment_scan(int fd, const char *path, uint64_t first, struct journal_file_scan *out,
                                    struct co_error *error) {
    *out = (struct journal_file_scan){0};
    struct stat info;
    if (fstat(fd, &info) != 0) return co_fail_errno(error, errno, "%s: cannot stat", path);
    struct window window = {
        .fd = fd, .path = path, .file_size = (uint64_t)info.st_size, .bytes = co_malloc(WINDOW_SIZE)};
    struct journal_file_header header;
    posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM); /* no reading ahead into reserved room; see readable() */
    co_status status = check_header(&window, first, &header, error);
    if (status) goto out;

    struct journal_file_segment *segment = &out->segment;
    *segment = (struct journal_file_segment){
        .first = first, .last = first - 1, .salt = header.salt, .end = JOURNAL_FILE_HEADER_SIZE};
    uint32_t seed = journal_file_seed(header.salt);
    for (;;) {
        struct journal_file_record record;
        bool is_good;
        status = record_at(&window, segment->end, segment->last + 1, seed, &record, &is_good, error);
        if (status) goto out;
        if (!is_good) break;
        segment->last++;
        journal_file_segment_mark(segment, segment->last, segment->end);
        segment->end += journal_file_record_span(record.stored_size);
    }
    status = judge_tail(&window, segment->end, segment->last + 1, seed, out, error);
out:
    posix_fadvise(fd, 0, 0, POSIX_FADV_NORMAL);
    free(window.bytes);
    out->bytes_read = window.bytes_read;
    if (status) journal_file_segment_fini(&out->segment);
    return status;
}
