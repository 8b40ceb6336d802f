/* Finds module files and reads their descriptors; the only file that knows libltdl.
 *
 * libltdl binds lazily and calls every failure "file not found", so the search is done here and the dynamic linker is asked
 * once more for the true reason when opening fails. Modules stay resident: their code may be on the stack of a late callback. */
#include "loader.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <ltdl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_MAX_BYTES 64
#define SYMBOL_SUFFIX  "_LTX_cohort_module"

static void add_place(struct co_arena *arena, struct co_strings *places, const char *place) {
    if (!*place) return;
    for (size_t i = 0; i < places->count; i++)
        if (strcmp(places->items[i], place) == 0) return;
    const char **items = co_arena_array(arena, const char *, places->count + 1);
    for (size_t i = 0; i < places->count; i++) items[i] = places->items[i];
    items[places->count] = co_arena_strdup(arena, place);
    places->items = items;
    places->count++;
}

struct co_strings co_loader_places(struct co_arena *arena) {
    struct co_strings places = {NULL, 0};
    const char *path = secure_getenv("COHORT_MODULE_PATH");
    if (path) {
        char *copy = co_arena_strdup(arena, path), *save = NULL;
        for (char *one = strtok_r(copy, ":", &save); one; one = strtok_r(NULL, ":", &save))
            add_place(arena, &places, one);
    }
    char program[PATH_MAX], resolved[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", program, sizeof program - 1);
    if (size > 0) {
        program[size] = '\0';
        char *slash = strrchr(program, '/');
        if (slash) *slash = '\0';
        const char *beside = co_arena_printf(arena, "%s/../modules", program);
        if (realpath(beside, resolved)) add_place(arena, &places, resolved);
        const char *installed = co_arena_printf(arena, "%s/" COHORT_RELATIVE_MODULE_DIR, program);
        if (realpath(installed, resolved)) add_place(arena, &places, resolved);
    }
    for (size_t i = 0; i < places.count; i++)
        if (strcmp(places.items[i], COHORT_INSTALL_MODULE_DIR) == 0) return places;
    add_place(arena, &places, COHORT_INSTALL_MODULE_DIR);
    return places;
}

static int compare_texts(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

struct co_strings co_loader_names(struct co_arena *arena) {
    struct co_strings places = co_loader_places(arena), names = {NULL, 0};
    size_t room = 0;
    for (size_t i = 0; i < places.count; i++) {
        DIR *dir = opendir(places.items[i]);
        if (!dir) continue;
        for (struct dirent *entry; (entry = readdir(dir));) {
            size_t size = strlen(entry->d_name);
            if (size <= 3 || strcmp(entry->d_name + size - 3, ".so") != 0 || entry->d_name[0] == '.') continue;
            if (names.count == room) {
                const char **grown = co_arena_array(arena, const char *, room = room ? room * 2 : 32);
                for (size_t n = 0; n < names.count; n++) grown[n] = names.items[n];
                names.items = grown;
            }
            names.items[names.count++] = co_arena_text(arena, entry->d_name, size - 3);
        }
        closedir(dir);
    }
    if (names.count) qsort(names.items, names.count, sizeof *names.items, compare_texts);
    size_t kept = 0;
    for (size_t i = 0; i < names.count; i++)
        if (kept == 0 || strcmp(names.items[kept - 1], names.items[i]) != 0) names.items[kept++] = names.items[i];
    names.count = kept;
    return names;
}

const char *co_nearest(const char *word, struct co_strings candidates) {
    const char *best = NULL;
    unsigned best_distance = (unsigned)strlen(word) / 3 + 1;
    for (size_t i = 0; i < candidates.count; i++) {
        unsigned distance = co_key_distance(word, candidates.items[i]);
        if (distance <= best_distance && (!best || distance < best_distance)) {
            best = candidates.items[i];
            best_distance = distance;
        }
    }
    return best;
}

static bool is_name(const char *name) {
    size_t size = strlen(name);
    if (size == 0 || size > NAME_MAX_BYTES) return false;
    for (size_t i = 0; i < size; i++) {
        char c = name[i];
        bool letter = (c >= 'a' && c <= 'z') || c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
        if (!letter) return false;
    }
    return true;
}

static co_status find_file(struct co_arena *arena, const char *name, const char **out, struct co_error *error) {
    struct co_strings places = co_loader_places(arena);
    struct co_buffer looked = {0};
    for (size_t i = 0; i < places.count; i++) {
        const char *file = co_arena_printf(arena, "%s/%s.so", places.items[i], name);
        struct stat info;
        if (stat(file, &info) == 0) {
            *out = file;
            co_buffer_fini(&looked);
            return CO_OK;
        }
        co_buffer_printf(&looked, "%s%s", i ? ", " : "", places.items[i]);
    }
    const char *near = co_nearest(name, co_loader_names(arena));
    co_status status = co_fail(error, CO_NOT_FOUND, "there is no %s.so in %s%s%s%s", name, co_buffer_text(&looked),
                               near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    co_buffer_fini(&looked);
    return status;
}

static lt_dlhandle open_file(const char *file, struct co_error *error) {
    static bool is_ready;
    if (!is_ready && lt_dlinit() != 0) {
        co_fail(error, CO_INTERNAL, "cannot start the module loader: %s", lt_dlerror());
        return NULL;
    }
    is_ready = true;
    lt_dladvise advise;
    if (lt_dladvise_init(&advise) != 0) {
        co_fail(error, CO_INTERNAL, "cannot start the module loader: %s", lt_dlerror());
        return NULL;
    }
    lt_dladvise_local(&advise);
    lt_dladvise_resident(&advise);
    lt_dlhandle handle = lt_dlopenadvise(file, advise);
    const char *reason = handle ? NULL : lt_dlerror();
    lt_dladvise_destroy(&advise);
    if (handle) return handle;
    dlerror();
    if (!dlopen(file, RTLD_NOW | RTLD_LOCAL)) reason = dlerror();
    size_t size = strlen(file);
    if (reason && strncmp(reason, file, size) == 0 && strncmp(reason + size, ": ", 2) == 0) reason += size + 2;
    co_fail(error, CO_INVALID, "%s cannot be loaded: %s", file, reason ? reason : "unknown reason");
    return NULL;
}

static co_status check_descriptor(const struct co_module *module, const char *name, const char *file,
                                  struct co_error *error) {
    if (module->abi != CO_MODULE_ABI)
        return co_fail(error, CO_INVALID,
                       "%s is built for module ABI %u, this agent has %d; rebuild it against this version's headers",
                       file, module->abi, CO_MODULE_ABI);
    if (module->size < CO_MODULE_SIZE_MIN)
        return co_fail(error, CO_INVALID,
                       "%s has a descriptor of %u bytes, at least %zu are needed; set .size = sizeof(struct co_module)",
                       file, module->size, (size_t)CO_MODULE_SIZE_MIN);
    if (!module->name || strcmp(module->name, name) != 0)
        return co_fail(error, CO_INVALID,
                       "%s calls itself \"%s\" instead of \"%s\"; the file, the symbol and .name must agree", file,
                       module->name ? module->name : "", name);
    if (!module->offers) return co_fail(error, CO_INVALID, "%s has no .offers; end the list with {CO_OFFER_END}", file);
    return CO_OK;
}

co_status co_loader_open(struct co_arena *arena, const char *name, const char *path, struct co_loaded *out,
                         struct co_error *error) {
    const char *file = path;
    if (!is_name(name))
        return co_fail(error, CO_INVALID, "\"%s\" is not a module name: letters, digits and _ only", name);
    if (!file || !*file) {
        co_status status = find_file(arena, name, &file, error);
        if (status) return status;
    } else if (access(file, F_OK) != 0) {
        return co_fail_errno(error, errno, "%s cannot be loaded", file);
    }
    co_status whole = co_loader_check_file(file, error);
    if (whole) return whole;
    lt_dlhandle handle = open_file(file, error);
    if (!handle) return CO_INVALID;
    const char *symbol = co_arena_printf(arena, "%s%s", name, SYMBOL_SUFFIX);
    const struct co_module *module = lt_dlsym(handle, symbol);
    if (!module)
        return co_fail(error, CO_INVALID,
                       "%s has no symbol %s; define the module with CO_MODULE_SYMBOL(%s) and export it", file, symbol,
                       name);
    co_status status = check_descriptor(module, name, file, error);
    if (status) return status;
    *out = (struct co_loaded){module, co_arena_strdup(arena, file)};
    return CO_OK;
}
