/* The data directory: who owns it (a lock), which layout it has (a stamp), and the node's id in it.
 *
 * What modules keep below it is theirs. A directory of another layout is refused, never converted by guessing. */
#include "agent_private.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

co_status co_file_read(const char *path, char *out, size_t size, struct co_error *error) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return co_fail(error, CO_NOT_FOUND, "%s does not exist", path);
    if (fd < 0) return co_fail_errno(error, errno, "cannot read %s", path);
    size_t used = 0;
    ssize_t got = 0;
    while (used < size - 1 && (got = read(fd, out + used, size - 1 - used)) != 0) {
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) break;
        used += (size_t)got;
    }
    int problem = errno;
    close(fd);
    if (got < 0) return co_fail_errno(error, problem, "cannot read %s", path);
    while (used && isspace((unsigned char)out[used - 1])) used--;
    out[used] = '\0';
    return CO_OK;
}

co_status co_file_replace(const char *path, struct co_bytes bytes, unsigned mode, struct co_error *error) {
    char temporary[PATH_MAX];
    if ((size_t)snprintf(temporary, sizeof temporary, "%s.tmp", path) >= sizeof temporary)
        return co_fail(error, CO_INVALID, "the path %s is too long", path);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, (mode_t)mode);
    if (fd < 0) return co_fail_errno(error, errno, "cannot write %s", temporary);
    size_t done = 0;
    int problem = 0;
    while (done < bytes.size && !problem) {
        ssize_t wrote = write(fd, (const char *)bytes.data + done, bytes.size - done);
        if (wrote >= 0)
            done += (size_t)wrote;
        else if (errno != EINTR)
            problem = errno;
    }
    if (!problem && fdatasync(fd) != 0) problem = errno;
    if (close(fd) != 0 && !problem) problem = errno;
    if (!problem && rename(temporary, path) != 0) problem = errno;
    if (!problem) return CO_OK;
    unlink(temporary);
    return co_fail_errno(error, problem, "cannot write %s", path);
}

/* Like mkdir -p, the last part for the owner alone. */
static co_status make_directory(const char *path, struct co_error *error) {
    char part[PATH_MAX];
    size_t size = strlen(path);
    if (size == 0 || size >= sizeof part)
        return co_fail(error, CO_INVALID, "data_dir \"%s\" is not a usable path", path);
    memcpy(part, path, size + 1);
    while (size > 1 && part[size - 1] == '/') part[--size] = '\0';
    for (size_t i = 1; i <= size; i++) {
        if (part[i] != '/' && part[i] != '\0') continue;
        char kept = part[i];
        part[i] = '\0';
        if (mkdir(part, kept ? 0755 : 0700) != 0 && errno != EEXIST)
            return co_fail_errno(error, errno, "cannot make data_dir %s", path);
        part[i] = kept;
    }
    struct stat info;
    if (stat(path, &info) != 0) return co_fail_errno(error, errno, "cannot use data_dir %s", path);
    if (!S_ISDIR(info.st_mode)) return co_fail(error, CO_INVALID, "data_dir %s is not a directory", path);
    if (access(path, R_OK | W_OK | X_OK) != 0)
        return co_fail_errno(error, errno,
                             "data_dir %s cannot be written by user %u; change its owner or choose another directory",
                             path, (unsigned)geteuid());
    return CO_OK;
}

static co_status lock_directory(struct co_datadir *datadir, const char *path, struct co_error *error) {
    char file[PATH_MAX], text[32] = "";
    if ((size_t)snprintf(file, sizeof file, "%s/lock", path) >= sizeof file)
        return co_fail(error, CO_INVALID, "the path %s is too long", path);
    int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return co_fail_errno(error, errno, "cannot open %s", file);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int problem = errno;
        close(fd);
        if (problem != EWOULDBLOCK) return co_fail_errno(error, problem, "cannot lock %s", file);
        co_file_read(file, text, sizeof text, NULL);
        return co_fail(error, CO_BUSY,
                       "data_dir %s is in use by process %s; stop that agent or choose another directory", path,
                       *text ? text : "of another agent");
    }
    int size = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)size, 0) != size) {
        co_status status = co_fail_errno(error, errno, "cannot write %s", file);
        close(fd);
        return status;
    }
    datadir->lock_fd = fd;
    return CO_OK;
}

/* {"layout":1,"version":"0.1.0"} */
static co_status check_layout(const char *path, struct co_error *error) {
    char file[PATH_MAX], text[256];
    snprintf(file, sizeof file, "%s/cohort.json", path);
    co_status status = co_file_read(file, text, sizeof text, error);
    if (status == CO_NOT_FOUND) {
        int size = snprintf(text, sizeof text, "{\"layout\":%d,\"version\":\"%s\"}\n", CO_DATADIR_LAYOUT, CO_VERSION);
        return co_file_replace(file, co_bytes(text, (size_t)size), 0600, error);
    }
    if (status) return status;
    struct co_arena arena = CO_ARENA_INIT;
    struct co_node *root = NULL;
    const struct co_node *layout = NULL;
    if (co_tree_parse_body(&arena, co_bytes_text(text), &root, NULL) == CO_OK && root->kind == CO_NODE_OBJECT)
        layout = co_tree_get(root, "layout");
    if (!layout || layout->kind != CO_NODE_NUMBER || !layout->is_integer)
        status =
            co_fail(error, CO_CORRUPT,
                    "%s cannot be understood; restore the data directory from a backup or choose another one", file);
    else if (layout->integer != CO_DATADIR_LAYOUT)
        status = co_fail(error, CO_UNSUPPORTED,
                         "data_dir %s has layout %lld (written by Cohort %s), this version reads layout %d; run that "
                         "version, or choose an empty "
                         "directory and restore a snapshot",
                         path, (long long)layout->integer, co_tree_text(root, "version", "?"), CO_DATADIR_LAYOUT);
    co_arena_fini(&arena);
    return status;
}

co_status co_datadir_open(struct co_datadir *datadir, const char *path, struct co_error *error) {
    datadir->lock_fd = -1;
    co_status status = make_directory(path, error);
    if (!status) status = lock_directory(datadir, path, error);
    if (!status) status = check_layout(path, error);
    if (status) co_datadir_close(datadir);
    return status;
}

void co_datadir_close(struct co_datadir *datadir) {
    if (datadir->lock_fd >= 0) close(datadir->lock_fd);
    datadir->lock_fd = -1;
}

static bool is_uuid(const char *text) {
    if (strlen(text) != 36) return false;
    for (size_t i = 0; i < 36; i++)
        if (i == 8 || i == 13 || i == 18 || i == 23 ? text[i] != '-' : !isxdigit((unsigned char)text[i])) return false;
    return true;
}

co_status co_datadir_node_id(const char *path, const char *configured, char out[37], struct co_error *error) {
    char file[PATH_MAX], kept[64] = "";
    snprintf(file, sizeof file, "%s/node-id", path);
    co_status status = co_file_read(file, kept, sizeof kept, error);
    if (status && status != CO_NOT_FOUND) return status;
    if (status == CO_OK && !is_uuid(kept) && !*configured)
        return co_fail(error, CO_CORRUPT, "%s does not hold a UUID; remove the file to get a new node id", file);
    if (*configured)
        memcpy(out, configured, 37);
    else if (status == CO_OK)
        memcpy(out, kept, 37);
    else
        co_uuid(out);
    for (char *at = out; *at; at++) *at = (char)tolower((unsigned char)*at);
    if (status == CO_OK && strcmp(kept, out) == 0) return CO_OK;
    return co_file_replace(file, co_bytes(out, 36), 0600, error);
}
