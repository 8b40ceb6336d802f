/* The small record beside the log (term and vote): data_dir/journal/meta, replaced by writing a new file and renaming it.
 *     0 magic "COHORTMT" | 8 version u32 | 12 crc u32 of size and data | 16 size u32 | 20 data
 * One save at a time, on the thread pool, in the order of the calls. */
#include "cohort/bytes.h"
#include "journal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define HEADER_SIZE 20u

static const char magic[8] = {'C', 'O', 'H', 'O', 'R', 'T', 'M', 'T'};

static co_status replace(struct journal_file *journal, const void *bytes, size_t size, struct co_error *error) {
    int fd = openat(journal->dirfd, "meta.tmp", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return co_fail_errno(error, errno, "%s/meta.tmp: cannot create", journal->dir);
    co_status status = journal_file_write_at(fd, bytes, size, 0, "meta.tmp", error);
    if (!status && journal->is_synced && fsync(fd) != 0)
        status = co_fail_errno(error, errno, "%s/meta.tmp: cannot make it durable", journal->dir);
    if (close(fd) != 0 && !status) status = co_fail_errno(error, errno, "%s/meta.tmp: cannot close", journal->dir);
    if (!status && renameat(journal->dirfd, "meta.tmp", journal->dirfd, "meta") != 0)
        status = co_fail_errno(error, errno, "%s/meta: cannot rename into place", journal->dir);
    if (!status) status = journal_file_sync_dir(journal, error);
    return status;
}

static void save_work(void *arg) {
    struct journal_file_meta *meta = arg;
    meta->status = replace(meta->journal, meta->bytes, meta->size, &meta->error);
}

static void save_next(struct journal_file *journal);

static void save_done(void *arg) {
    struct journal_file_meta *meta = arg;
    struct journal_file *journal = meta->journal;
    journal->metas = meta->next;
    if (!journal->metas) journal->metas_last = &journal->metas;
    journal->is_saving = false;
    save_next(journal);
    journal->is_answering = true;
    meta->done(meta->arg, meta->status, meta->status ? &meta->error : NULL);
    journal->is_answering = false;
    free(meta);
    journal_file_maybe_stopped(journal);
}

static void save_next(struct journal_file *journal) {
    if (journal->is_saving || !journal->metas) return;
    journal->is_saving = true;
    co_job_start(journal->loop, save_work, save_done, journal->metas);
}

void journal_file_save_meta(void *self, struct co_bytes data, co_journal_done *done, void *arg) {
    struct journal_file *journal = self;
    co_assert(data.size <= JOURNAL_FILE_META_MAX && !journal->stopped);
    struct journal_file_meta *meta = co_malloc(sizeof *meta + HEADER_SIZE + data.size);
    *meta = (struct journal_file_meta){.journal = journal, .done = done, .arg = arg, .size = HEADER_SIZE + data.size};
    memcpy(meta->bytes, magic, sizeof magic);
    co_put_u32(meta->bytes + 8, JOURNAL_FILE_VERSION);
    co_put_u32(meta->bytes + 16, (uint32_t)data.size);
    if (data.size > 0) memcpy(meta->bytes + HEADER_SIZE, data.data, data.size);
    co_put_u32(meta->bytes + 12, co_crc32c(0, meta->bytes + 16, 4 + data.size));
    *journal->metas_last = meta;
    journal->metas_last = &meta->next;
    save_next(journal);
}

co_status journal_file_load_meta(void *self, struct co_arena *arena, struct co_bytes *out, struct co_error *error) {
    struct journal_file *journal = self;
    *out = co_bytes(NULL, 0);
    int fd = openat(journal->dirfd, "meta", O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return CO_OK;
    if (fd < 0) return co_fail_errno(error, errno, "%s/meta: cannot open", journal->dir);
    size_t room = HEADER_SIZE + JOURNAL_FILE_META_MAX + 1, size;
    uint8_t *bytes = co_arena_alloc(arena, room);
    co_status status = journal_file_read_at(fd, bytes, room, 0, &size, "meta", error);
    close(fd);
    if (status) return status;
    bool is_ours = size >= HEADER_SIZE && size < room && memcmp(bytes, magic, sizeof magic) == 0;
    if (is_ours && co_get_u32(bytes + 8) != JOURNAL_FILE_VERSION)
        return co_fail(error, CO_UNSUPPORTED,
                       "%s/meta: format version %" PRIu32
                       ", this program knows version %u; start the version of cohort that wrote it",
                       journal->dir, co_get_u32(bytes + 8), JOURNAL_FILE_VERSION);
    if (!is_ours || co_get_u32(bytes + 16) != size - HEADER_SIZE ||
        co_get_u32(bytes + 12) != co_crc32c(0, bytes + 16, size - 16))
        return co_fail(error, CO_CORRUPT,
                       "%s/meta: damaged; restore the file from a backup (it holds the term and the vote, and must not "
                       "be made up)",
                       journal->dir);
    *out = co_bytes(bytes + HEADER_SIZE, size - HEADER_SIZE);
    return CO_OK;
}
