/* Finding modules by name and checking their descriptors. */
#ifndef COHORT_LOADER_H
#define COHORT_LOADER_H

#include "core.h"

/* One module that was found. Lives in the arena; the module itself stays resident. */
struct co_loaded {
    const struct co_module *module;
    const char *file;
};

/* Opens module `name`, from `path` (of a file; NULL or "": look in the places below) and checks its descriptor.
 * Places: $COHORT_MODULE_PATH; beside the program in a build tree (../modules) and in an installation that may have been moved
 * (../lib/cohort/modules); the directory that was configured. */
CO_EXPORT co_status co_loader_open(struct co_arena *, const char *name, const char *path, struct co_loaded *out,
                                   struct co_error *);
/* Refuses what is no ELF file or is cut short (loader_elf.c). */
co_status co_loader_check_file(const char *file, struct co_error *);
/* Names of all modules in these places, sorted, each once. */
CO_EXPORT struct co_strings co_loader_names(struct co_arena *);
/* The places, in the order in which they are looked at. */
CO_EXPORT struct co_strings co_loader_places(struct co_arena *);
/* The candidate that is most like `word`, or NULL when none is. */
CO_EXPORT const char *co_nearest(const char *word, struct co_strings candidates);

#endif
