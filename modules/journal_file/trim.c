/* Shortening the log at either end. Whole files go by unlink, oldest or newest first, so that a crash between two leaves a log
 * without a gap; the cut file is cut, its last block rewritten, and synced. Refuses to run while bytes are being written. */
#include "journal_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCK UINT64_C(4096)

co_status journal_file_sync_dir(struct journal_file *journal, struct co_error *error) {
    if (journal->is_synced && fsync(journal->dirfd) != 0)
        return co_fail_errno(error, errno, "%s: cannot make the directory durable", journal->dir);
    return CO_OK;
}

static co_status remove_segment(struct journal_file *journal, uint64_t first, struct co_error *error) {
    char name[JOURNAL_FILE_NAME_SIZE];
    journal_file_segment_name(first, name);
    if (unlinkat(journal->dirfd, name, 0) != 0 && errno != ENOENT)
        return co_fail_errno(error, errno, "%s/%s: cannot remove", journal->dir, name);
    return CO_OK;
}

co_status journal_file_cut(struct journal_file *journal, uint64_t segment_first, uint64_t end, struct co_error *error) {
    char path[4096], name[JOURNAL_FILE_NAME_SIZE];
    journal_file_segment_name(segment_first, name);
    snprintf(path, sizeof path, "%s/%s", journal->dir, name);
    int fd = openat(journal->dirfd, name, O_RDWR | O_CLOEXEC);
    if (fd < 0) return co_fail_errno(error, errno, "%s: cannot open", path);
    /* A failed write may have hit the block that also holds the last kept records, and the kernel may think it clean:
     * writing it again puts the kept bytes on the disk, or fails honestly. */
    uint8_t block[BLOCK];
    uint64_t start = end / BLOCK * BLOCK;
    size_t got = 0;
    co_status status = CO_OK;
    if (ftruncate(fd, (off_t)end) != 0)
        status = co_fail_errno(error, errno, "%s: cannot cut to %" PRIu64 " bytes", path, end);
    if (!status) status = journal_file_read_at(fd, block, (size_t)(end - start), start, &got, path, error);
    if (!status) status = journal_file_write_at(fd, block, got, start, path, error);
    if (!status && journal->segment_size > end) status = journal_file_reserve(fd, path, journal->segment_size, error);
    if (!status && journal->is_synced && fsync(fd) != 0)
        status = co_fail_errno(error, errno, "%s: cannot make the cut durable", path);
    close(fd);
    return status;
}

static int newest_first(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* Also those that a failed batch made and nobody has listed. */
static co_status remove_after(struct journal_file *journal, uint64_t last_kept, struct co_error *error) {
    DIR *dir = opendir(journal->dir);
    if (!dir) return co_fail_errno(error, errno, "%s: cannot list", journal->dir);
    uint64_t *firsts = NULL;
    size_t count = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        uint64_t first;
        if (!journal_file_segment_parse(entry->d_name, &first) || first <= last_kept) continue;
        firsts = co_realloc(firsts, (count + 1) * sizeof *firsts);
        firsts[count++] = first;
    }
    closedir(dir);
    if (count > 0) qsort(firsts, count, sizeof *firsts, newest_first);
    co_status status = CO_OK;
    for (size_t i = 0; i < count && !status; i++) status = remove_segment(journal, firsts[i], error);
    free(firsts);
    return status;
}

co_status journal_file_truncate_back(void *self, uint64_t last_kept, struct co_error *error) {
    struct journal_file *journal = self;
    co_assert(!journal->is_writing && !journal->waiting.first);
    co_assert(last_kept + 1 >= journal->first);
    if (last_kept >= journal->last) {
        if (!journal->is_failed) return CO_OK;
        last_kept = journal->last;
    }
    uint64_t end = JOURNAL_FILE_HEADER_SIZE, first = 0;
    co_status status = CO_OK;
    if (last_kept >= journal->first) {
        struct journal_file_segment *segment = journal_file_find(journal, last_kept);
        first = segment->first;
        end = segment->end;
        if (last_kept < segment->last) status = journal_file_locate(journal, last_kept + 1, &end, error);
        if (status) return status;
    }
    /* From here until the end, what the disk holds is uncertain. */
    journal_file_writer_close(&journal->writer);
    journal_file_reader_close(&journal->reader);
    struct co_error failure = {0};
    journal->is_failed = true;
    status = remove_after(journal, last_kept, &failure);
    if (!status && first > 0) status = journal_file_cut(journal, first, end, &failure);
    if (!status) status = journal_file_sync_dir(journal, &failure);
    if (status) {
        journal->failure = failure;
        if (error) *error = failure;
        return status;
    }

    while (journal->segment_count > 0 && journal->segments[journal->segment_count - 1].first > last_kept)
        journal_file_segment_fini(&journal->segments[--journal->segment_count]);
    if (first > 0) {
        struct journal_file_segment *segment = &journal->segments[journal->segment_count - 1];
        segment->last = last_kept;
        segment->end = end;
        segment->sparse_count = (size_t)((last_kept - segment->first) / JOURNAL_FILE_SPARSE + 1);
    }
    journal->last = journal->handed = last_kept;
    status = journal_file_writer_open(journal, &failure);
    journal->is_failed = status != CO_OK;
    journal->failure = failure;
    if (status && error) *error = failure;
    return status;
}

co_status journal_file_truncate_front(void *self, uint64_t first_kept, struct co_error *error) {
    struct journal_file *journal = self;
    if (first_kept <= journal->first) return CO_OK;
    bool is_idle = !journal->is_writing && !journal->waiting.first && !journal->is_failed;
    size_t drop = 0;
    while (drop < journal->segment_count && journal->segments[drop].last < first_kept) drop++;
    /* The newest segment may be in the writer's hands. */
    if (drop > 0 && drop == journal->segment_count && !is_idle) drop--;
    if (drop == 0 && (journal->segment_count > 0 || !is_idle)) return CO_OK;

    if (drop == journal->segment_count) journal_file_writer_close(&journal->writer);
    journal_file_reader_close(&journal->reader);
    co_status status = CO_OK;
    size_t gone = 0;
    for (; gone < drop; gone++) {
        status = remove_segment(journal, journal->segments[gone].first, error);
        if (status) break;
        journal_file_segment_fini(&journal->segments[gone]);
    }
    journal->segment_count -= gone;
    memmove(journal->segments, journal->segments + gone, journal->segment_count * sizeof *journal->segments);
    if (journal->segment_count > 0) {
        journal->first = journal->segments[0].first;
    } else if (is_idle) {
        journal->first = first_kept;
        journal->last = journal->handed = first_kept - 1;
    }
    /* Only the removal of the newest segment can fail after its descriptor was closed. */
    if (status && journal->writer.fd < 0) {
        co_status again = journal_file_writer_open(journal, NULL);
        if (again) {
            journal->is_failed = true;
            journal->failure =
                (struct co_error){.status = again, .text = "the journal's newest segment cannot be opened again"};
        }
    }
    co_status synced = gone > 0 ? journal_file_sync_dir(journal, status ? NULL : error) : CO_OK;
    return status ? status : synced;
}
