/* What the API registered, kept over restarts: data_dir/services, data_dir/checks, and reports of TTL checks in
 * data_dir/checks/state, one JSON file each, written under another name and renamed, readable for the agent alone. The
 * configuration wins over a file with the same id. A file that cannot be read back is set aside, never a reason not to start. */
#include "agent_local.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_SIZE_MAX (1u << 20)
#define SERVICES      "services"
#define CHECKS        "checks"
#define STATES        "checks/state"

static bool is_kept(const struct agent_local *self) {
    return self->agent->data_dir && *self->agent->data_dir;
}

/* The name says nothing about the id, which may hold any byte: 128 bits of FNV-1a. */
static void file_path(const struct agent_local *self, const char *folder, const char *id, char out[PATH_MAX]) {
    uint64_t hash[2] = {UINT64_C(14695981039346656037), UINT64_C(0x9E3779B97F4A7C15)};
    for (const unsigned char *at = (const unsigned char *)id; *at; at++)
        for (int i = 0; i < 2; i++) hash[i] = (hash[i] ^ (*at + (uint64_t)i * 131)) * UINT64_C(1099511628211);
    snprintf(out, PATH_MAX, "%s/%s/%016llx%016llx.json", self->agent->data_dir, folder, (unsigned long long)hash[0],
             (unsigned long long)hash[1]);
}

static bool folders_make(const struct agent_local *self) {
    static const char *const folders[] = {SERVICES, CHECKS, STATES};
    char path[PATH_MAX];
    for (size_t i = 0; i < CO_COUNT(folders); i++) {
        snprintf(path, sizeof path, "%s/%s", self->agent->data_dir, folders[i]);
        if (mkdir(path, 0700) && errno != EEXIST) return false;
    }
    return true;
}

static bool write_all(int fd, struct co_bytes bytes) {
    const char *at = bytes.data;
    for (size_t left = bytes.size; left;) {
        ssize_t size = write(fd, at, left);
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) return false;
        at += size;
        left -= (size_t)size;
    }
    return true;
}

static void file_write(const struct agent_local *self, const char *folder, const char *id, struct co_bytes bytes,
                       bool is_durable) {
    char path[PATH_MAX], fresh[PATH_MAX + 8];
    int fd = -1;
    bool ok = folders_make(self);
    file_path(self, folder, id, path);
    snprintf(fresh, sizeof fresh, "%s.tmp", path);
    if (ok) ok = (fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) >= 0;
    if (ok) ok = write_all(fd, bytes) && (!is_durable || fdatasync(fd) == 0);
    int error = errno;
    if (fd >= 0) close(fd);
    if (ok && rename(fresh, path) == 0) return;
    if (ok) error = errno;
    unlink(fresh);
    co_log_error(self->log, "cannot keep a registration on disk; it will be lost with a restart",
                 "file=%s id=%s error=%s", path, id, strerror(error));
}

static void file_remove(const struct agent_local *self, const char *folder, const char *id) {
    char path[PATH_MAX];
    if (!is_kept(self)) return;
    file_path(self, folder, id, path);
    if (unlink(path) && errno != ENOENT)
        co_log_warn(self->log, "cannot remove a kept registration", "file=%s error=%s", path, strerror(errno));
}

/* --- writing --- */

/* The definition without the named keys, as an object to add to. */
static struct co_node *definition_without(struct co_arena *arena, const char *text, const char *const *keys,
                                          size_t count) {
    struct co_node *all = NULL, *kept = co_tree_object(arena);
    if (!*text || co_tree_parse_body(arena, co_bytes_text(text), &all, NULL)) return kept;
    for (const struct co_entry *entry = all->entries; entry; entry = entry->next) {
        bool is_dropped = false;
        for (size_t i = 0; i < count; i++) is_dropped |= co_key_equal(keys[i], entry->key);
        if (!is_dropped) co_tree_add(arena, kept, entry->key, entry->value);
    }
    return kept;
}

static void keep(struct agent_local *self, const char *folder, const char *kind, const char *id,
                 struct co_node *definition, struct co_arena *arena) {
    struct co_node *document = co_tree_object(arena);
    struct co_buffer text = {0};
    co_tree_add(arena, document, kind, definition);
    co_tree_add(arena, document, "Source", co_tree_string(arena, "remote"));
    co_tree_write_json(&text, document);
    file_write(self, folder, id, co_bytes(text.data, text.size), true);
    co_buffer_fini(&text);
}

void local_persist_service(struct agent_local *self, const struct local_service_def *def) {
    static const char *const dropped[] = {"check", "checks"}; /* in files of their own */
    struct co_arena arena = CO_ARENA_INIT;
    if (!is_kept(self)) return;
    keep(self, SERVICES, "Service", def->row.id, definition_without(&arena, def->text, dropped, 2), &arena);
    co_arena_fini(&arena);
}

void local_persist_check(struct agent_local *self, const struct local_check_def *def) {
    static const char *const dropped[] = {"id", "check_id", "name", "service_id", "notes"};
    struct co_arena arena = CO_ARENA_INIT;
    struct co_node *definition;
    if (!is_kept(self)) return;
    definition = definition_without(&arena, def->text, dropped, CO_COUNT(dropped));
    co_tree_add(&arena, definition, "ID", co_tree_string(&arena, def->id));
    co_tree_add(&arena, definition, "Name", co_tree_string(&arena, def->name));
    co_tree_add(&arena, definition, "Notes", co_tree_string(&arena, def->notes));
    co_tree_add(&arena, definition, "ServiceID", co_tree_string(&arena, def->service_id));
    keep(self, CHECKS, def->kind ? "Check" : "Maintenance", def->id, definition, &arena);
    co_arena_fini(&arena);
}

void local_persist_state(struct agent_local *self, const struct local_check *check) {
    struct co_buffer text = {0};
    uint64_t now_ms = co_loop_now_ms(self->loop), left_ms = check->ttl_due_ms > now_ms ? check->ttl_due_ms - now_ms : 0;
    if (!is_kept(self)) return;
    int64_t expires = co_wall_ns() / CO_SECOND + (int64_t)(left_ms / 1000);
    co_buffer_add_text(&text, "{\"CheckID\":");
    co_buffer_add_json_string(&text, check->id, strlen(check->id));
    co_buffer_add_text(&text, ",\"Output\":");
    co_buffer_add_json_string(&text, check->output, strlen(check->output));
    co_buffer_printf(&text, ",\"Status\":\"%s\",\"Expires\":%lld}", co_health_text(check->health), (long long)expires);
    file_write(self, STATES, check->id, co_bytes(text.data, text.size), false);
    co_buffer_fini(&text);
}

void local_persist_forget_service(struct agent_local *self, const char *id) {
    file_remove(self, SERVICES, id);
}

void local_persist_forget_check(struct agent_local *self, const char *id) {
    file_remove(self, CHECKS, id);
    file_remove(self, STATES, id);
}

/* --- reading --- */

static co_status file_read(const char *path, struct co_arena *arena, struct co_node **out, struct co_error *error) {
    struct co_bytes text = {0};
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    co_status status = CO_OK;
    if (fd < 0) return co_fail_errno(error, errno, "cannot open it");
    if (fstat(fd, &info)) {
        status = co_fail_errno(error, errno, "cannot read it");
    } else if (!S_ISREG(info.st_mode) || info.st_size > FILE_SIZE_MAX) {
        status = co_fail(error, CO_CORRUPT, "not a file of at most %u bytes", FILE_SIZE_MAX);
    } else {
        char *data = co_arena_alloc(arena, (size_t)info.st_size + 1);
        ssize_t size = read(fd, data, (size_t)info.st_size);
        if (size < 0)
            status = co_fail_errno(error, errno, "cannot read it");
        else
            text = co_bytes(data, (size_t)size);
    }
    close(fd);
    if (!status) status = co_tree_parse_body(arena, text, out, error);
    if (!status && (*out)->kind != CO_NODE_OBJECT) status = co_fail(error, CO_CORRUPT, "not an object");
    return status;
}

static void set_aside(struct agent_local *self, const char *path, const struct co_error *error) {
    char aside[PATH_MAX + 8];
    snprintf(aside, sizeof aside, "%s.broken", path);
    co_log_error(self->log, "cannot use a kept registration, set aside", "file=%s kept_as=%s error=%s", path, aside,
                 error->text);
    rename(path, aside);
}

/* Before the configuration, which may define checks for these services, and which replaces those with the same id. */
static co_status service_load(struct agent_local *self, const struct co_node *document, struct co_error *error) {
    struct local_report report = {.error = error};
    const struct co_node *node = co_tree_get(document, "Service");
    struct local_service_def *def;
    if (!node) return co_fail(error, CO_CORRUPT, "it holds no Service");
    def = local_service_parse(self, node, true, &report);
    return def ? local_service_add(self, def, false, error) : error->status;
}

static co_status check_load(struct agent_local *self, const struct co_node *document, struct co_error *error) {
    struct local_report report = {.error = error};
    const struct co_node *node = co_tree_get(document, "Check"), *maintenance = co_tree_get(document, "Maintenance");
    struct local_check_def *def;
    if (!node && !maintenance) return co_fail(error, CO_CORRUPT, "it holds no Check");
    if (node)
        def = local_check_parse(self, node, true, NULL, 0, &report);
    else
        def = local_maintenance_def(co_tree_text(maintenance, "ID", ""), co_tree_text(maintenance, "Name", ""),
                                    co_tree_text(maintenance, "ServiceID", ""), co_tree_text(maintenance, "Notes", ""),
                                    true);
    if (!def) return error->status;
    if (local_check_find(self, def->id) || (*def->service_id && !local_service_find(self, def->service_id))) {
        /* The configuration has it, or its service is gone. */
        local_persist_forget_check(self, def->id);
        local_check_def_free(def);
        return CO_OK;
    }
    return local_check_add(self, def, error);
}

static co_status state_load(struct agent_local *self, const struct co_node *document, struct co_error *error) {
    const char *id = co_tree_text(document, "CheckID", NULL), *status = co_tree_text(document, "Status", "");
    const char *output = co_tree_text(document, "Output", "");
    const struct co_node *expires = co_tree_get(document, "Expires");
    enum co_health health = !strcmp(status, "passing")   ? CO_PASSING
                            : !strcmp(status, "warning") ? CO_WARNING
                                                         : CO_CRITICAL;
    struct local_check *check;
    if (!id || !expires || expires->kind != CO_NODE_NUMBER)
        return co_fail(error, CO_CORRUPT, "it holds no CheckID or Expires");
    check = local_check_find(self, id);
    if (!check || !check->def->kind || !check->def->kind->checker->is_passive ||
        expires->integer < co_wall_ns() / CO_SECOND) {
        file_remove(self, STATES, id);
        return CO_OK;
    }
    local_check_set(check, health, output, strlen(output));
    return CO_OK;
}

static void folder_load(struct agent_local *self, const char *folder,
                        co_status (*load)(struct agent_local *, const struct co_node *, struct co_error *)) {
    char path[PATH_MAX];
    struct co_strings names = {0};
    struct co_arena arena = CO_ARENA_INIT;
    struct dirent *entry;
    DIR *dir;
    snprintf(path, sizeof path, "%s/%s", self->agent->data_dir, folder);
    dir = opendir(path);
    if (!dir) return;
    /* Listed first: loading removes and renames files. */
    while ((entry = readdir(dir))) {
        const char *dot = strrchr(entry->d_name, '.');
        if (!dot || strcmp(dot, ".json")) continue;
        names.items = co_realloc(names.items, (names.count + 1) * sizeof *names.items);
        names.items[names.count++] = co_arena_strdup(&arena, entry->d_name);
    }
    closedir(dir);
    for (size_t i = 0; i < names.count; i++) {
        struct co_arena one = CO_ARENA_INIT;
        struct co_error error = {0};
        struct co_node *document = NULL;
        char file[PATH_MAX + NAME_MAX + 2];
        snprintf(file, sizeof file, "%s/%s", path, names.items[i]);
        co_status status = file_read(file, &one, &document, &error);
        if (!status) status = load(self, document, &error);
        if (status == CO_INVALID || status == CO_CORRUPT)
            set_aside(self, file, &error);
        else if (status)
            co_log_warn(self->log, "a kept registration is not used now", "file=%s error=%s", file, error.text);
        co_arena_fini(&one);
    }
    free(names.items);
    co_arena_fini(&arena);
}

void local_persist_load_services(struct agent_local *self) {
    if (is_kept(self)) folder_load(self, SERVICES, service_load);
}

void local_persist_load_checks(struct agent_local *self) {
    if (!is_kept(self)) return;
    folder_load(self, CHECKS, check_load);
    folder_load(self, STATES, state_load);
}
