/* A text being parsed, with places: shared by the JSON and the HCL parser. */
#ifndef COHORT_CORE_TREE_SCAN_H
#define COHORT_CORE_TREE_SCAN_H

#include "cohort/tree.h"

#define TREE_NODES_MAX 1000000 /* values in one document; bounds its memory to about 120 MB */

struct scan {
    struct co_arena *arena;
    const char *file;
    const char *begin, *at, *end;
    struct co_error *error;
    size_t nodes;
    struct co_buffer text; /* a string under construction */
    /* The place counted last; places are asked for from front to back, so counting stays linear. */
    const char *counted;
    uint32_t line, column;
};

/* Bounds the size, refuses invalid UTF-8 with its place, steps over a byte order mark. */
co_status scan_init(struct scan *, struct co_arena *, const char *file, struct co_bytes text, struct co_error *);
void scan_fini(struct scan *);
struct co_place scan_place(struct scan *, const char *at);
/* "file:line:column: message" */
co_status scan_fail(struct scan *, const char *at, const char *format, ...) CO_PRINTF(3, 4);
/* NULL (and the error set) when the document has too many values. */
struct co_node *scan_node(struct scan *, enum co_node_kind, const char *at);
/* Names what stands at the cursor, for "expected ..., not ...". */
const char *scan_here(struct scan *, char out[24]);
/* Four (or `digits`) hexadecimal digits at the cursor. */
bool scan_hex(struct scan *, unsigned digits, uint32_t *out);
/* The finished string in the arena. */
struct co_bytes scan_take(struct scan *);
/* Turns the digits [at, end) into a NUMBER. `base` 8 and 16 want digits only (behind 0 or 0x). */
co_status scan_number(struct scan *, const char *at, const char *end, bool is_negative, unsigned base,
                      struct co_node *);

/* Parses JSON whose scan is set up. */
co_status tree_json_document(struct scan *, struct co_node **out);

#endif
