/* A parsed document (HCL or JSON): one tree for configuration files and for request bodies.
 *
 * Everything lives in the arena given to the parser. Places are 1-based; line 0 means "not from a text".
 * A key that stands twice in an object: in HCL the later blocks follow as further entries with the same
 * key; in JSON the last one wins. Source: HCL 1 as Consul reads it; RFC 8259. */
#ifndef COHORT_TREE_H
#define COHORT_TREE_H

#include "arena.h"
#include "buffer.h"

enum co_node_kind { CO_NODE_NULL, CO_NODE_BOOL, CO_NODE_NUMBER, CO_NODE_STRING, CO_NODE_LIST, CO_NODE_OBJECT };

struct co_place {
    const char *file; /* as the user named it; NULL for request bodies */
    uint32_t line, column;
};

struct co_node {
    enum co_node_kind kind;
    bool boolean;
    bool is_integer; /* NUMBER: `integer` is exact */
    bool from_block; /* HCL: OBJECT written as a block (`name "label" { }`), not as `name = { }` */
    double number;
    int64_t integer;
    struct co_bytes text;     /* STRING: NUL follows; UTF-8. NUMBER: the digits of an integer beyond int64, or empty */
    struct co_entry *entries; /* OBJECT: in source order, linked by next */
    struct co_item *items;    /* LIST: likewise */
    size_t count;             /* entries or items */
    struct co_place place;
};

struct co_entry {
    const char *key;
    struct co_node *value;
    struct co_place place; /* of the key */
    struct co_entry *next;
};

struct co_item {
    struct co_node *value;
    struct co_item *next;
};

#define CO_TREE_DEPTH_MAX 64
#define CO_TREE_TEXT_MAX  (16u << 20) /* bytes of one document */

/* Parses a whole document. On failure the error text starts with "file:line:column: ".
 * `file` is borrowed for as long as the tree. HCL accepts `key = value`, blocks with labels (labels become
 * nested objects), heredocs, # // and C comments, and numbers with 0x/octal; a text that starts with { is JSON. */
CO_EXPORT co_status co_tree_parse_hcl(struct co_arena *, const char *file, struct co_bytes text, struct co_node **out,
                                      struct co_error *);
/* Strict JSON with places (for configuration files). */
CO_EXPORT co_status co_tree_parse_json(struct co_arena *, const char *file, struct co_bytes text, struct co_node **out,
                                       struct co_error *);
/* Strict JSON without places, faster (for request bodies). */
CO_EXPORT co_status co_tree_parse_body(struct co_arena *, struct co_bytes text, struct co_node **out,
                                       struct co_error *);
/* Writes compact JSON. */
CO_EXPORT void co_tree_write_json(struct co_buffer *, const struct co_node *);

/* The value of the first entry whose key matches (see co_key_equal), or NULL. */
CO_EXPORT struct co_node *co_tree_get(const struct co_node *object, const char *key);
/* The string value of a key, or `fallback`. */
CO_EXPORT const char *co_tree_text(const struct co_node *object, const char *key, const char *fallback);

/* Building. */
CO_EXPORT struct co_node *co_tree_object(struct co_arena *);
CO_EXPORT struct co_node *co_tree_string(struct co_arena *, const char *text);
CO_EXPORT struct co_entry *co_tree_add(struct co_arena *, struct co_node *object, const char *key,
                                       struct co_node *value);
CO_EXPORT struct co_item *co_tree_append(struct co_arena *, struct co_node *list, struct co_node *value);

/* Keys match when they are equal ignoring ASCII case and underscores: "ServiceID", "service_id", "serviceid". */
CO_EXPORT bool co_key_equal(const char *a, const char *b);
/* Edit distance with transpositions, at most 99. For "did you mean". */
CO_EXPORT unsigned co_key_distance(const char *a, const char *b);

#endif
