/* Opening: finds the segments, checks every record in one pass, cuts off what a crash left behind the last record, and refuses
 * what a crash cannot explain. Closing and the module's life. */
#include "journal_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define REMEDY                                                                                                         \
    "restore data_dir/journal from a backup, or remove it to go on from the newest snapshot (entries after it are "    \
    "lost)"
#define SEGMENT_SIZE_MIN (UINT64_C(64) << 10)
#define SEGMENT_SIZE_MAX (UINT64_C(4) << 30)

static int oldest_first(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

/* First indexes of the segment files, ascending. Unfinished files are removed. */
static co_status list_segments(struct journal_file *journal, uint64_t **out, size_t *count, struct co_error *error) {
    *out = NULL;
    *count = 0;
    DIR *dir = opendir(journal->dir);
    if (!dir) return co_fail_errno(error, errno, "%s: cannot list", journal->dir);
    uint64_t *firsts = NULL;
    for (struct dirent *entry; (entry = readdir(dir));) {
        uint64_t first;
        size_t length = strlen(entry->d_name);
        if (length > 4 && strcmp(entry->d_name + length - 4, ".tmp") == 0) {
            unlinkat(journal->dirfd, entry->d_name, 0);
        } else if (journal_file_segment_parse(entry->d_name, &first)) {
            firsts = co_realloc(firsts, (*count + 1) * sizeof *firsts);
            firsts[(*count)++] = first;
        }
    }
    closedir(dir);
    if (*count > 0) qsort(firsts, *count, sizeof *firsts, oldest_first);
    *out = firsts;
    return CO_OK;
}

static co_status scan_segment(struct journal_file *journal, uint64_t first, bool is_newest,
                              struct journal_file_scan *scan, struct co_error *error) {
    char name[JOURNAL_FILE_NAME_SIZE], path[4096];
    journal_file_segment_name(first, name);
    snprintf(path, sizeof path, "%s/%s", journal->dir, name);
    int fd = openat(journal->dirfd, name, O_RDWR | O_CLOEXEC);
    if (fd < 0) return co_fail_errno(error, errno, "%s: cannot open", path);
    co_status status = CO_OK;
    if (is_newest && journal->is_synced) {
        /* What is accepted now must be on the disk, and be read from there: after a process died, or an fsync failed, the
         * page cache may hold more than the disk does. */
        status = journal_file_sync(fd, path, error);
        if (!status) posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    }
    if (!status) status = journal_file_segment_scan(fd, path, first, scan, error);
    close(fd);
    if (status) return status;
    if (scan->tail == JOURNAL_FILE_TAIL_BAD)
        status =
            co_fail(error, CO_CORRUPT,
                    "%s: offset %" PRIu64 ": entry %" PRIu64 " is damaged and entries written later follow; " REMEDY,
                    path, scan->bad_offset, scan->segment.last + 1);
    else if (scan->tail == JOURNAL_FILE_TAIL_TORN && !is_newest)
        status = co_fail(error, CO_CORRUPT,
                         "%s: offset %" PRIu64 ": entry %" PRIu64 " is damaged, and later segments exist; " REMEDY,
                         path, scan->bad_offset, scan->segment.last + 1);
    if (status) journal_file_segment_fini(&scan->segment);
    return status;
}

/* Takes over the scanned segments one after the other. */
static co_status recover(struct journal_file *journal, struct co_error *error) {
    uint64_t *firsts, bytes = 0, started = co_mono_ns();
    size_t count;
    co_status status = list_segments(journal, &firsts, &count, error);
    for (size_t i = 0; i < count && !status; i++) {
        bool is_newest = i + 1 == count;
        struct journal_file_scan scan = {0};
        status = scan_segment(journal, firsts[i], is_newest, &scan, error);
        if (status) break;
        bytes += scan.bytes_read;
        if (!is_newest && scan.segment.last + 1 != firsts[i + 1]) {
            status = co_fail(error, CO_CORRUPT,
                             "%s/%020" PRIu64 ".seg: offset %" PRIu64 ": ends with entry %" PRIu64
                             ", but the next segment begins with %" PRIu64 "; " REMEDY,
                             journal->dir, firsts[i], scan.segment.end, scan.segment.last, firsts[i + 1]);
            journal_file_segment_fini(&scan.segment);
            break;
        }
        if (scan.tail == JOURNAL_FILE_TAIL_TORN) {
            if (journal->log)
                co_log_warn(journal->log, "cut an unfinished write off the journal",
                            "file=%s/%020" PRIu64 ".seg offset=%" PRIu64 " dropped_bytes=%" PRIu64
                            " last_index=%" PRIu64,
                            journal->dir, firsts[i], scan.bad_offset, scan.dropped, scan.segment.last);
            status = journal_file_cut(journal, firsts[i], scan.segment.end, error);
        }
        if (i == 0) journal->first = firsts[0];
        journal->last = journal->handed = scan.segment.last;
        if (scan.segment.last < scan.segment.first) {
            /* Made just before a crash. The next entry makes its own. */
            char name[JOURNAL_FILE_NAME_SIZE];
            journal_file_segment_name(firsts[i], name);
            if (!status && unlinkat(journal->dirfd, name, 0) != 0)
                status = co_fail_errno(error, errno, "%s/%s: cannot remove", journal->dir, name);
            journal_file_segment_fini(&scan.segment);
        } else {
            journal_file_add_segment(journal, 1, 0);
            journal->segments[journal->segment_count - 1] = scan.segment;
        }
    }
    free(firsts);
    if (status) return status;
    if (count > 0 && journal->log) {
        uint64_t took_us = (co_mono_ns() - started) / 1000 + 1;
        co_log_info(journal->log, "checked the journal",
                    "first=%" PRIu64 " last=%" PRIu64 " segments=%zu bytes=%" PRIu64 " ms=%" PRIu64
                    " mb_per_s=%" PRIu64,
                    journal->first, journal->last, journal->segment_count, bytes, took_us / 1000, bytes / took_us);
    }
    return journal_file_sync_dir(journal, error);
}

co_status journal_file_open(struct journal_file *journal, struct co_loop *loop, struct co_log *log, const char *dir,
                            const struct journal_file_settings *settings, struct co_error *error) {
    *journal = (struct journal_file){.loop = loop,
                                     .log = log,
                                     .dir = co_strdup(dir),
                                     .dirfd = -1,
                                     .segment_size = settings->segment_size.bytes,
                                     .compress_above = settings->compress_above.bytes,
                                     .is_synced = strcmp(settings->sync, "never") != 0,
                                     .first = 1,
                                     .writer.fd = -1,
                                     .reader.fd = -1};
    journal_file_queue_init(&journal->waiting);
    journal_file_queue_init(&journal->refused);
    journal_file_queue_init(&journal->writer.batch);
    journal->metas_last = &journal->metas;
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return co_fail_errno(error, errno, "%s: cannot create the journal's directory", dir);
    journal->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (journal->dirfd < 0) return co_fail_errno(error, errno, "%s: cannot open the journal's directory", dir);
    co_status status = recover(journal, error);
    if (!status) status = journal_file_writer_open(journal, error);
    return status;
}

void journal_file_close(struct journal_file *journal) {
    if (!journal->dir) return;
    co_assert(!journal->is_writing && !journal->is_saving);
    co_defer_stop(journal->loop, &journal->refuse);
    while (journal->refused.first) {
        struct journal_file_request *request = journal->refused.first;
        journal->refused.first = request->next;
        free(request);
    }
    journal_file_writer_close(&journal->writer);
    journal_file_reader_close(&journal->reader);
    co_buffer_fini(&journal->writer.buffer);
    free(journal->writer.parts);
    for (size_t i = 0; i < journal->segment_count; i++) journal_file_segment_fini(&journal->segments[i]);
    free(journal->segments);
    if (journal->dirfd >= 0) close(journal->dirfd);
    free(journal->dir);
    *journal = (struct journal_file){0};
}

co_status journal_file_init(struct co_ctx *ctx, void *self, const void *config, struct co_error *error) {
    const struct journal_file_settings *settings = config;
    const char *data_dir = co_ctx_agent(ctx)->data_dir;
    if (!data_dir || !*data_dir)
        return co_fail(error, CO_INVALID, "journal \"file\" needs data_dir; set it, or choose journal \"memory\"");
    if (settings->segment_size.bytes < SEGMENT_SIZE_MIN || settings->segment_size.bytes > SEGMENT_SIZE_MAX)
        return co_fail(error, CO_INVALID, "modules.journal.file: segment_size must be from 64KiB to 4GiB");
    if (strcmp(settings->sync, "always") != 0 && strcmp(settings->sync, "never") != 0)
        return co_fail(error, CO_INVALID, "modules.journal.file: sync must be \"always\" or \"never\", not \"%s\"",
                       settings->sync);
    char dir[4096 - JOURNAL_FILE_NAME_SIZE - 8];
    if ((size_t)snprintf(dir, sizeof dir, "%s/journal", data_dir) >= sizeof dir)
        return co_fail(error, CO_INVALID, "data_dir is longer than %zu bytes", sizeof dir - sizeof "/journal");
    if (strcmp(settings->sync, "never") == 0)
        co_log_warn(co_ctx_log(ctx), "journal does not wait for the disk: a power cut loses acknowledged writes",
                    "sync=never");
    return journal_file_open(self, co_ctx_loop(ctx), co_ctx_log(ctx), dir, settings, error);
}

void journal_file_maybe_stopped(struct journal_file *journal) {
    if (!journal->stopped || journal->is_writing || journal->is_saving || journal->is_answering ||
        journal->refused.first)
        return;
    void (*stopped)(void *) = journal->stopped;
    journal->stopped = NULL;
    stopped(journal->stopped_arg);
}

/* What was handed over is still written and answered. */
void journal_file_stop(void *self, void (*stopped)(void *arg), void *arg) {
    struct journal_file *journal = self;
    journal->stopped = stopped;
    journal->stopped_arg = arg;
    journal_file_maybe_stopped(journal);
}

void journal_file_fini(void *self) {
    journal_file_close(self);
}

const struct co_journal_ops journal_file_ops = {
    .bounds = journal_file_bounds,
    .append = journal_file_append,
    .read = journal_file_read,
    .truncate_back = journal_file_truncate_back,
    .truncate_front = journal_file_truncate_front,
    .save_meta = journal_file_save_meta,
    .load_meta = journal_file_load_meta,
};
