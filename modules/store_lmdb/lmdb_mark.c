/* The mark: a small text file beside data.mdb that says whether the data can be trusted at the next open.
 *
 * Without a sync per commit LMDB survives the death of the process but not that of the kernel: its pages may reach the disk
 * in any order. The mark holds the kernel's boot id while the store is open, so that an open under another boot id without
 * a clean close before is recognised. Knows nothing of LMDB. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lmdb_store.h"

#define MARK_MAGIC    "cohort-store-lmdb "
#define MARK_VERSION  "1"
#define MARK_SIZE_MAX 512

static const struct {
    enum lmdb_mark_state state;
    const char *name;
} states[] = {
    {LMDB_MARK_CLEAN, "clean"},
    {LMDB_MARK_OPEN, "open"},
    {LMDB_MARK_ALWAYS, "always"},
    {LMDB_MARK_BROKEN, "broken"},
};

/* The next line, without its end; false when there is no complete one. */
static bool take_line(struct co_bytes *text, struct co_bytes *line) {
    const char *end = text->size ? memchr(text->data, '\n', text->size) : NULL;
    if (!end) return false;
    *line = co_bytes(text->data, (size_t)(end - (const char *)text->data));
    *text = co_bytes(end + 1, text->size - line->size - 1);
    return true;
}

static bool take_prefix(struct co_bytes *line, const char *prefix) {
    struct co_bytes want = co_bytes_text(prefix);
    if (!co_bytes_starts(*line, want)) return false;
    *line = co_bytes((const char *)line->data + want.size, line->size - want.size);
    return true;
}

co_status lmdb_mark_parse(struct co_bytes text, struct lmdb_mark *mark, struct co_error *error) {
    memset(mark, 0, sizeof *mark);
    struct co_bytes line;
    if (!take_line(&text, &line) || !take_prefix(&line, MARK_MAGIC))
        return co_fail(error, CO_CORRUPT, "its file \"mark\" was not written by Cohort");
    if (!co_bytes_equal(line, co_bytes_text(MARK_VERSION)))
        return co_fail(error, CO_UNSUPPORTED, "its format is %.*s, this version reads format " MARK_VERSION,
                       (int)(line.size < 20 ? line.size : 20), (const char *)line.data);
    if (!take_line(&text, &line) || !take_prefix(&line, "boot=") || line.size >= sizeof mark->boot)
        return co_fail(error, CO_CORRUPT, "its file \"mark\" has no boot id");
    if (line.size) memcpy(mark->boot, line.data, line.size);
    if (take_line(&text, &line) && take_prefix(&line, "state=") && text.size == 0)
        for (size_t i = 0; i < CO_COUNT(states); i++)
            if (co_bytes_equal(line, co_bytes_text(states[i].name))) {
                mark->state = states[i].state;
                return CO_OK;
            }
    return co_fail(error, CO_CORRUPT, "its file \"mark\" has no known state");
}

co_status lmdb_mark_read(int dir_fd, struct lmdb_mark *mark, struct co_error *error) {
    memset(mark, 0, sizeof *mark);
    int fd = openat(dir_fd, "mark", O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return CO_OK;
    if (fd < 0) return co_fail_errno(error, errno, "cannot open the file \"mark\"");
    char text[MARK_SIZE_MAX];
    ssize_t size = read(fd, text, sizeof text);
    int errnum = errno;
    close(fd);
    if (size < 0) return co_fail_errno(error, errnum, "cannot read the file \"mark\"");
    return lmdb_mark_parse(co_bytes(text, (size_t)size), mark, error);
}

co_status lmdb_mark_write(int dir_fd, enum lmdb_mark_state state, struct co_error *error) {
    char boot[LMDB_BOOT_ID_SIZE], text[MARK_SIZE_MAX];
    lmdb_boot_id(boot);
    const char *name = "";
    for (size_t i = 0; i < CO_COUNT(states); i++)
        if (states[i].state == state) name = states[i].name;
    int size = snprintf(text, sizeof text, MARK_MAGIC MARK_VERSION "\nboot=%s\nstate=%s\n", boot, name);

    int fd = openat(dir_fd, "mark.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return co_fail_errno(error, errno, "cannot make the file \"mark.new\"");
    ssize_t written = write(fd, text, (size_t)size);
    int errnum = written == size ? 0 : written < 0 ? errno : ENOSPC;
    if (!errnum && fsync(fd)) errnum = errno;
    close(fd);
    if (!errnum && renameat(dir_fd, "mark.new", dir_fd, "mark")) errnum = errno;
    if (!errnum && fsync(dir_fd)) errnum = errno;
    return errnum ? co_fail_errno(error, errnum, "cannot write the file \"mark\"") : CO_OK;
}

void lmdb_boot_id(char out[LMDB_BOOT_ID_SIZE]) {
    memset(out, 0, LMDB_BOOT_ID_SIZE);
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    ssize_t size = read(fd, out, LMDB_BOOT_ID_SIZE - 1);
    close(fd);
    out[size > 0 ? size : 0] = 0;
    out[strcspn(out, "\n")] = 0;
}

static void remove_flat(int parent_fd, const char *name) {
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        if (fd >= 0) close(fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(dir));) unlinkat(fd, entry->d_name, 0);
    closedir(dir);
    unlinkat(parent_fd, name, AT_REMOVEDIR);
}

/* Calls for each <base>.stale-<n> in the parent: finds the highest number, and removes all but `keep` when asked. */
static unsigned long sweep(DIR *parent, const char *base, bool remove, unsigned long keep) {
    unsigned long highest = 0;
    size_t base_size = strlen(base);
    rewinddir(parent);
    for (struct dirent *entry; (entry = readdir(parent));) {
        const char *name = entry->d_name;
        if (strncmp(name, base, base_size) || strncmp(name + base_size, ".stale-", 7)) continue;
        const char *digits = name + base_size + 7;
        if (!*digits || strlen(digits) > 9 || digits[strspn(digits, "0123456789")]) continue;
        unsigned long number = strtoul(digits, NULL, 10);
        if (number > highest) highest = number;
        if (remove && number != keep) remove_flat(dirfd(parent), name);
    }
    return highest;
}

co_status lmdb_set_aside(const char *path, char *aside, size_t aside_size, struct co_error *error) {
    const char *slash = strrchr(path, '/');
    char folder[PATH_MAX] = ".";
    if (slash && (size_t)(slash - path) >= sizeof folder) return co_fail(error, CO_INVALID, "path is too long");
    if (slash) snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    const char *base = slash ? slash + 1 : path;

    DIR *parent = opendir(folder);
    if (!parent) return co_fail_errno(error, errno, "cannot read %s", folder);
    unsigned long number = sweep(parent, base, false, 0) + 1;
    snprintf(aside, aside_size, "%s.stale-%lu", path, number);
    co_status status = CO_OK;
    if (rename(path, aside)) {
        status = co_fail_errno(error, errno, "cannot rename %s to %s", path, aside);
    } else {
        sweep(parent, base, true, number);
        fsync(dirfd(parent));
    }
    closedir(parent);
    return status;
}
