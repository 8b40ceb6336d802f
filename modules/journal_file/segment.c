/* Segment files: their names, their creation, their offsets kept in memory. Refuses to know which segments make a journal. */
#include "segment.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void journal_file_segment_fini(struct journal_file_segment *segment) {
    free(segment->sparse);
    *segment = (struct journal_file_segment){0};
}

void journal_file_segment_mark(struct journal_file_segment *segment, uint64_t index, uint64_t offset) {
    if ((index - segment->first) % JOURNAL_FILE_SPARSE != 0) return;
    co_assert((index - segment->first) / JOURNAL_FILE_SPARSE == segment->sparse_count);
    if (segment->sparse_count == segment->sparse_capacity) {
        segment->sparse_capacity = segment->sparse_capacity ? segment->sparse_capacity * 2 : 16;
        segment->sparse = co_realloc(segment->sparse, segment->sparse_capacity * sizeof *segment->sparse);
    }
    segment->sparse[segment->sparse_count++] = (uint32_t)(offset / 8);
}

uint64_t journal_file_segment_near(const struct journal_file_segment *segment, uint64_t index, uint64_t *at) {
    size_t slot = (size_t)((index - segment->first) / JOURNAL_FILE_SPARSE);
    co_assert(index >= segment->first && slot < segment->sparse_count);
    *at = segment->first + slot * JOURNAL_FILE_SPARSE;
    return (uint64_t)segment->sparse[slot] * 8;
}

void journal_file_segment_name(uint64_t first, char out[JOURNAL_FILE_NAME_SIZE]) {
    snprintf(out, JOURNAL_FILE_NAME_SIZE, "%020" PRIu64 ".seg", first);
}

bool journal_file_segment_parse(const char *name, uint64_t *first) {
    char again[JOURNAL_FILE_NAME_SIZE];
    errno = 0;
    *first = strtoull(name, NULL, 10);
    if (errno || *first == 0) return false;
    journal_file_segment_name(*first, again);
    return strcmp(again, name) == 0;
}

co_status journal_file_read_at(int fd, void *out, size_t size, uint64_t offset, size_t *got, const char *path,
                               struct co_error *error) {
    *got = 0;
    while (*got < size) {
        ssize_t n = pread(fd, (char *)out + *got, size - *got, (off_t)(offset + *got));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return co_fail_errno(error, errno, "%s: cannot read at offset %" PRIu64, path, offset + *got);
        if (n == 0) break;
        *got += (size_t)n;
    }
    return CO_OK;
}

co_status journal_file_write_at(int fd, const void *data, size_t size, uint64_t offset, const char *path,
                                struct co_error *error) {
    for (size_t done = 0; done < size;) {
        ssize_t n = pwrite(fd, (const char *)data + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return co_fail_errno(error, errno, "%s: cannot write at offset %" PRIu64, path, offset + done);
        done += (size_t)n;
    }
    return CO_OK;
}

co_status journal_file_sync(int fd, const char *path, struct co_error *error) {
    if (fdatasync(fd) != 0) return co_fail_errno(error, errno, "%s: cannot make it durable (fdatasync)", path);
    return CO_OK;
}

co_status journal_file_reserve(int fd, const char *path, uint64_t size, struct co_error *error) {
    int failed;
    do failed = fallocate(fd, 0, 0, (off_t)size) != 0 ? errno : 0;
    while (failed == EINTR);
    /* Flash file systems cannot reserve; there a full disk shows at the write. */
    if (failed && failed != EOPNOTSUPP && failed != ENOSYS)
        return co_fail_errno(error, failed,
                             "%s: cannot reserve %" PRIu64 " KiB for the journal; free space on this file system", path,
                             size >> 10);
    return CO_OK;
}

co_status journal_file_segment_create(int dirfd, const char *dir, uint64_t first, uint64_t size, bool sync,
                                      uint64_t *salt, int *out, struct co_error *error) {
    char name[JOURNAL_FILE_NAME_SIZE], temporary[JOURNAL_FILE_NAME_SIZE + 4], path[4096];
    journal_file_segment_name(first, name);
    snprintf(temporary, sizeof temporary, "%s.tmp", name);
    snprintf(path, sizeof path, "%s/%s", dir, name);

    uint8_t raw[JOURNAL_FILE_HEADER_SIZE];
    struct journal_file_header header = {.version = JOURNAL_FILE_VERSION, .first_index = first};
    co_random_bytes(&header.salt, sizeof header.salt);
    journal_file_header_encode(&header, raw);

    int fd = openat(dirfd, temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return co_fail_errno(error, errno, "%s: cannot create", path);
    co_status status = journal_file_reserve(fd, path, size, error);
    if (!status) status = journal_file_write_at(fd, raw, sizeof raw, 0, path, error);
    if (!status && sync) status = journal_file_sync(fd, path, error);
    /* Renamed only when whole: a file under its final name always has its header. */
    if (!status && renameat(dirfd, temporary, dirfd, name) != 0)
        status = co_fail_errno(error, errno, "%s: cannot rename into place", path);
    if (!status && sync && fsync(dirfd) != 0)
        status = co_fail_errno(error, errno, "%s: cannot make the directory durable", dir);
    if (status) {
        unlinkat(dirfd, temporary, 0);
        close(fd);
        return status;
    }
    *salt = header.salt;
    *out = fd;
    return CO_OK;
}
