/* Reads configuration files, directories and fragments and lays them end to end as one object.
 *
 * Order is meaning: what comes later overwrites scalars and extends lists, which co_bind does when a key repeats. Flags come last.
 * What the keys mean is not known here. */
#include "conf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 4096 /* in one directory */

struct reading {
    struct co_arena *arena;
    const struct co_conf_input *input;
    struct co_conf_problems *problems;
    struct co_node *root;
};

static bool ends_with(const char *text, const char *end) {
    size_t size = strlen(text), want = strlen(end);
    return size >= want && strcmp(text + size - want, end) == 0;
}

static bool slurp(struct reading *reading, const char *path, struct co_bytes *out) {
    struct co_place place = {path, 0, 0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0) {
        co_conf_error(reading->problems, place, "%s", strerror(errno));
        if (fd >= 0) close(fd);
        return false;
    }
    if (info.st_size > (off_t)CO_TREE_TEXT_MAX) {
        co_conf_error(reading->problems, place, "the file is larger than %u MiB", CO_TREE_TEXT_MAX >> 20);
        close(fd);
        return false;
    }
    struct co_buffer text = {0}; /* the size is only a hint: the file may be a pipe or grow */
    for (;;) {
        ssize_t size = read(fd, co_buffer_room(&text, (size_t)info.st_size + 4096), (size_t)info.st_size + 4096);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) co_conf_error(reading->problems, place, "%s", strerror(errno));
        if (size > 0) text.size += (size_t)size;
        if (text.size > CO_TREE_TEXT_MAX) {
            co_conf_error(reading->problems, place, "the file is larger than %u MiB", CO_TREE_TEXT_MAX >> 20);
            size = -1;
        }
        if (size > 0) continue;
        close(fd);
        if (size == 0) *out = co_bytes(co_arena_text(reading->arena, text.data ? text.data : "", text.size), text.size);
        co_buffer_fini(&text);
        return size == 0;
    }
}

/* The parser's message starts with the place; problems are sorted by it. */
static void add_parse_error(struct reading *reading, const char *file, const char *text) {
    struct co_place place = {file, 0, 0};
    size_t size = strlen(file);
    int used = 0;
    if (strncmp(text, file, size) == 0 && sscanf(text + size, ":%u:%u: %n", &place.line, &place.column, &used) == 2 &&
        used > 0)
        text += size + (size_t)used;
    else
        place.line = place.column = 0;
    co_conf_error(reading->problems, place, "%s", text);
}

static void add_document(struct reading *reading, const char *file, struct co_bytes text, bool is_json) {
    struct co_node *document = NULL;
    struct co_error error = {0};
    co_status status = is_json ? co_tree_parse_json(reading->arena, file, text, &document, &error)
                               : co_tree_parse_hcl(reading->arena, file, text, &document, &error);
    if (status) {
        add_parse_error(reading, file, error.text);
        return;
    }
    if (document->kind != CO_NODE_OBJECT) {
        co_conf_error(reading->problems, (struct co_place){file, 1, 1}, "the file must hold one object");
        return;
    }
    for (struct co_entry *entry = document->entries; entry; entry = entry->next) {
        struct co_entry *copy = co_tree_add(reading->arena, reading->root, entry->key, entry->value);
        copy->place = entry->place;
    }
}

static void read_file(struct reading *reading, const char *path) {
    struct co_bytes text;
    if (!slurp(reading, path, &text)) return;
    const char *format = reading->input->format;
    bool is_json = format ? strcmp(format, "json") == 0 : ends_with(path, ".json");
    add_document(reading, path, text, is_json);
}

static int is_config_name(const struct dirent *entry) {
    return ends_with(entry->d_name, ".hcl") || ends_with(entry->d_name, ".json");
}

static int compare_names(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void read_dir(struct reading *reading, const char *path) {
    struct dirent **names = NULL;
    int count = scandir(path, &names, is_config_name, compare_names);
    struct co_place place = {path, 0, 0};
    if (count < 0) {
        co_conf_error(reading->problems, place, "%s", strerror(errno));
        return;
    }
    if (count > FILES_MAX)
        co_conf_error(reading->problems, place, "more than %d configuration files in one directory", FILES_MAX);
    for (int i = 0; i < count; i++) {
        const char *slash = ends_with(path, "/") ? "" : "/";
        const char *file = co_arena_printf(reading->arena, "%s%s%s", path, slash, names[i]->d_name);
        struct stat info;
        if (count <= FILES_MAX && (stat(file, &info) != 0 || !S_ISDIR(info.st_mode))) read_file(reading, file);
        free(names[i]);
    }
    free(names);
}

static void read_source(struct reading *reading, const struct co_conf_source *source) {
    if (source->kind == CO_CONF_TEXT) {
        size_t size = strlen(source->text);
        if (size > CO_TREE_TEXT_MAX) return;
        const char *text = co_arena_text(reading->arena, source->text, size);
        add_document(reading, co_arena_strdup(reading->arena, source->label), co_bytes(text, size), false);
        return;
    }
    const char *path = co_arena_strdup(reading->arena, source->text);
    struct stat info;
    if (stat(path, &info) != 0)
        co_conf_error(reading->problems, (struct co_place){path, 0, 0}, "%s", strerror(errno));
    else if (S_ISDIR(info.st_mode))
        read_dir(reading, path);
    else if (source->kind == CO_CONF_DIR)
        co_conf_error(reading->problems, (struct co_place){path, 0, 0}, "not a directory; use -config-file");
    else
        read_file(reading, path);
}

struct co_node *co_conf_read(struct co_arena *arena, const struct co_conf_input *input,
                             struct co_conf_problems *problems) {
    struct reading reading = {arena, input, problems, co_tree_object(arena)};
    if (input->is_dev) add_document(&reading, "-dev", co_bytes_text(co_conf_dev_defaults), false);
    for (size_t i = 0; i < input->count; i++) read_source(&reading, &input->sources[i]);
    if (!input->flags) return reading.root;
    for (struct co_entry *entry = input->flags->entries; entry; entry = entry->next)
        co_tree_add(arena, reading.root, entry->key, entry->value)->place = entry->place;
    return reading.root;
}
