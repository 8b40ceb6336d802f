/* HCL 1 as Consul's configuration files use it, to a tree with places. No C library reads it.
 *
 * `key = value`, blocks with labels (labels become nested objects), lists, three kinds of comment; tree_hcl_text.c reads
 * strings and numbers. Repeated keys stay repeated entries: what they mean is the binder's business. */
#include "tree_hcl.h"

static co_status value_parse(struct scan *, unsigned depth, struct co_node **out);
static co_status items_parse(struct scan *, unsigned depth, const char *open, struct co_node *object);

static void line_skip(struct scan *scan) {
    while (scan->at < scan->end && *scan->at != '\n') scan->at++;
}

/* Blanks and comments. */
static co_status skip(struct scan *scan) {
    while (scan->at < scan->end) {
        if (hcl_is_blank(*scan->at)) {
            scan->at++;
        } else if (*scan->at == '#' || hcl_next_are(scan, "//")) {
            line_skip(scan);
        } else if (hcl_next_are(scan, "/*")) {
            const char *open = scan->at;
            for (scan->at += 2; !hcl_next_are(scan, "*/"); scan->at++)
                if (scan->at >= scan->end) return scan_fail(scan, open, "the comment is not closed; add */");
            scan->at += 2;
        } else {
            break;
        }
    }
    return CO_OK;
}

/* --- values --- */

static co_status list_parse(struct scan *scan, unsigned depth, struct co_node *node) {
    struct co_item **end = &node->items;
    const char *open = scan->at++;
    for (;;) {
        co_status status = skip(scan);
        if (status) return status;
        if (scan->at == scan->end) return scan_fail(scan, open, "the list is not closed; add ]");
        if (hcl_next_is(scan, ']')) break;
        struct co_item *item = co_arena_new(scan->arena, struct co_item);
        status = value_parse(scan, depth + 1, &item->value);
        if (!status) status = skip(scan);
        if (status) return status;
        *end = item;
        end = &item->next;
        node->count++;
        if (scan->at == scan->end) return scan_fail(scan, open, "the list is not closed; add ]");
        if (hcl_next_is(scan, ','))
            scan->at++;
        else if (!hcl_next_is(scan, ']'))
            return hcl_expected(scan, "\",\" or \"]\"");
    }
    scan->at++;
    return CO_OK;
}

static co_status word_parse(struct scan *scan, struct co_node *node) {
    const char *at = scan->at;
    while (scan->at < scan->end && hcl_is_word(*scan->at)) scan->at++;
    size_t size = (size_t)(scan->at - at);
    node->kind = CO_NODE_BOOL;
    node->boolean = size == 4 && memcmp(at, "true", 4) == 0;
    if (node->boolean || (size == 5 && memcmp(at, "false", 5) == 0)) return CO_OK;
    return scan_fail(scan, at, "unknown word %.*s; strings are written in quotes", size > 40 ? 40 : (int)size, at);
}

static co_status value_parse(struct scan *scan, unsigned depth, struct co_node **out) {
    if (depth > CO_TREE_DEPTH_MAX)
        return scan_fail(scan, scan->at, "nested more than %d levels deep", CO_TREE_DEPTH_MAX);
    if (scan->at == scan->end) return hcl_expected(scan, "a value");
    const char *open = scan->at;
    struct co_node *node = *out = scan_node(scan, CO_NODE_STRING, open);
    if (!node) return CO_INVALID;
    if (*open == '"') return hcl_string(scan, &node->text);
    if (hcl_next_are(scan, "<<")) return hcl_heredoc(scan, &node->text);
    if (*open == '[') return node->kind = CO_NODE_LIST, list_parse(scan, depth, node);
    if (*open == '{') {
        node->kind = CO_NODE_OBJECT;
        scan->at++;
        return items_parse(scan, depth, open, node);
    }
    if (hcl_is_digit(*open) || *open == '-' || *open == '.') return node->kind = CO_NODE_NUMBER, hcl_number(scan, node);
    if (hcl_is_letter(*open)) return word_parse(scan, node);
    return hcl_expected(scan, "a value");
}

/* --- objects --- */

static co_status key_parse(struct scan *scan, const char **out) {
    struct co_bytes key;
    if (hcl_next_is(scan, '"')) {
        co_status status = hcl_string(scan, &key);
        if (!status) *out = key.data;
        return status;
    }
    const char *at = scan->at;
    if (at == scan->end || !(hcl_is_letter(*at) || hcl_is_digit(*at))) return hcl_expected(scan, "a key");
    while (scan->at < scan->end && hcl_is_word(*scan->at)) scan->at++;
    *out = co_arena_text(scan->arena, at, (size_t)(scan->at - at));
    return CO_OK;
}

static bool has_line_end(const char *at, const char *end) {
    return memchr(at, '\n', (size_t)(end - at)) != NULL;
}

/* `key = value`, `key { }`, `key "label" "label" { }`: every label is an object around what follows. */
static co_status entry_parse(struct scan *scan, unsigned depth, struct co_entry *entry) {
    for (unsigned keys = 1;; keys++, depth++) {
        const char *open = scan->at;
        entry->place = scan_place(scan, open);
        co_status status = key_parse(scan, &entry->key);
        const char *behind = scan->at;
        if (!status) status = skip(scan);
        if (status) return status;
        if (hcl_next_is(scan, '=')) {
            if (keys > 1) return scan_fail(scan, scan->at, "a block with a label has no \"=\"; remove it");
            scan->at++;
            status = skip(scan);
            return status ? status : value_parse(scan, depth + 1, &entry->value);
        }
        if (hcl_next_is(scan, '{')) {
            status = value_parse(scan, depth + 1, &entry->value);
            if (!status) entry->value->from_block = true;
            return status;
        }
        bool is_label =
            scan->at < scan->end && (*scan->at == '"' || hcl_is_letter(*scan->at)) && !has_line_end(behind, scan->at);
        if (!is_label && (scan->at == scan->end || has_line_end(behind, scan->at)))
            return scan_fail(scan, open, "\"%.60s\" has no value; write %.60s = ... or %.60s { }", entry->key,
                             entry->key, entry->key);
        if (!is_label) return hcl_expected(scan, "\"=\" or \"{\"");
        if (depth >= CO_TREE_DEPTH_MAX)
            return scan_fail(scan, scan->at, "nested more than %d levels deep", CO_TREE_DEPTH_MAX);
        struct co_node *outer = entry->value = scan_node(scan, CO_NODE_OBJECT, scan->at);
        if (!outer) return CO_INVALID;
        outer->from_block = true;
        outer->count = 1;
        entry = outer->entries = co_arena_new(scan->arena, struct co_entry);
    }
}

/* `open`: the brace, or NULL for the whole document. */
static co_status items_parse(struct scan *scan, unsigned depth, const char *open, struct co_node *object) {
    struct co_entry **end = &object->entries;
    for (;;) {
        co_status status = skip(scan);
        if (status) return status;
        if (scan->at == scan->end) return open ? scan_fail(scan, open, "the block is not closed; add }") : CO_OK;
        if (open && hcl_next_is(scan, '}')) break;
        if (hcl_next_is(scan, '}')) return scan_fail(scan, scan->at, "this } closes nothing; remove it");
        struct co_entry *entry = co_arena_new(scan->arena, struct co_entry);
        status = entry_parse(scan, depth, entry);
        if (!status) status = skip(scan);
        if (status) return status;
        *end = entry;
        end = &entry->next;
        object->count++;
        if (hcl_next_is(scan, ',')) scan->at++;
    }
    scan->at++;
    return CO_OK;
}

static co_status document_parse(struct scan *scan, struct co_node **out) {
    const char *first = scan->at;
    while (first < scan->end && hcl_is_blank(*first)) first++;
    if (first < scan->end && *first == '{') return tree_json_document(scan, out);
    *out = scan_node(scan, CO_NODE_OBJECT, scan->at);
    return items_parse(scan, 1, NULL, *out);
}

co_status co_tree_parse_hcl(struct co_arena *arena, const char *file, struct co_bytes text, struct co_node **out,
                            struct co_error *error) {
    struct scan scan;
    co_status status = scan_init(&scan, arena, file, text, error);
    if (!status) status = document_parse(&scan, out);
    if (status) *out = NULL;
    scan_fini(&scan);
    return status;
}
