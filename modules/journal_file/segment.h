/* One segment file: create, scan, find. Knows descriptors and offsets, no loop and no module state, so that tests and the fuzz
 * target call it directly. Any thread. */
#ifndef JOURNAL_FILE_SEGMENT_H
#define JOURNAL_FILE_SEGMENT_H

#include "format.h"

#define JOURNAL_FILE_NAME_SIZE 32  /* "00000000000000000001.seg" and room */
#define JOURNAL_FILE_SPARSE    64u /* every 64th record's offset is kept in memory */

/* A segment that was scanned or written. */
struct journal_file_segment {
    uint64_t first, last; /* last == first - 1: no record yet */
    uint64_t salt, end;   /* offset behind the last record */
    uint32_t *sparse;     /* offset / 8 of the records first, first + 64, ... */
    size_t sparse_count, sparse_capacity;
};

void journal_file_segment_fini(struct journal_file_segment *);
/* To be called for every record in order; keeps the offset of each 64th. */
void journal_file_segment_mark(struct journal_file_segment *, uint64_t index, uint64_t offset);
/* Offset of the kept record nearest below `index`; `*at` is that record's index. */
uint64_t journal_file_segment_near(const struct journal_file_segment *, uint64_t index, uint64_t *at);

void journal_file_segment_name(uint64_t first, char out[JOURNAL_FILE_NAME_SIZE]);
bool journal_file_segment_parse(const char *name, uint64_t *first);

enum journal_file_tail {
    JOURNAL_FILE_TAIL_CLEAN, /* ends after a record; only zeros follow */
    JOURNAL_FILE_TAIL_TORN,  /* ends in bytes of a write that never became durable */
    JOURNAL_FILE_TAIL_BAD    /* damaged: records of later batches follow */
};

struct journal_file_scan {
    struct journal_file_segment segment; /* the caller's to fini */
    enum journal_file_tail tail;
    uint64_t bad_offset; /* where TORN or BAD begins */
    uint64_t dropped;    /* bytes that are neither records nor zeros */
    uint64_t bytes_read;
};

/* Reads the whole file and checks every checksum. `path` is for the messages. CO_CORRUPT: bad header, or not `first`'s
 * segment. CO_UNSUPPORTED: another version. CO_IO. On failure nothing is to be freed. Memory is bounded whatever the bytes. */
co_status journal_file_segment_scan(int fd, const char *path, uint64_t first, struct journal_file_scan *out,
                                    struct co_error *);

/* Makes the file durable under its name, with `size` bytes reserved. The descriptor is open for reading and writing. */
co_status journal_file_segment_create(int dirfd, const char *dir, uint64_t first, uint64_t size, bool sync,
                                      uint64_t *salt, int *fd, struct co_error *);
/* Reserves room without changing the file's size semantics: bytes behind the data read as zeros. */
co_status journal_file_reserve(int fd, const char *path, uint64_t size, struct co_error *);
/* Whole-range I/O that goes on after short reads and EINTR. read: `*got` is less than `size` at the end of the file. */
co_status journal_file_read_at(int fd, void *out, size_t size, uint64_t offset, size_t *got, const char *path,
                               struct co_error *);
co_status journal_file_write_at(int fd, const void *data, size_t size, uint64_t offset, const char *path,
                                struct co_error *);
co_status journal_file_sync(int fd, const char *path, struct co_error *);

#endif
