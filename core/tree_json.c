/* JSON (RFC 8259) with places, for configuration files. Strict: no comments, no commas at the end, no NUL in strings.
 * A key that stands twice: the last one wins. */
#include "tree_scan.h"

#include "codec.h"

#include <stdlib.h>

static co_status value_parse(struct scan *, unsigned depth, struct co_node **out);

static void skip(struct scan *scan) {
    while (scan->at < scan->end && (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\t' || *scan->at == '\r'))
        scan->at++;
}

static bool next_is(struct scan *scan, char c) {
    return scan->at < scan->end && *scan->at == c;
}

static co_status expected(struct scan *scan, const char *what) {
    char here[24];
    return scan_fail(scan, scan->at, "expected %s, not %s", what, scan_here(scan, here));
}

/* Behind "\u". A pair of surrogates makes one character. */
static co_status unicode_parse(struct scan *scan) {
    const char *at = scan->at - 2;
    uint32_t code, low;
    char utf8[4];
    if (!scan_hex(scan, 4, &code)) return scan_fail(scan, at, "\\u wants four hexadecimal digits");
    if (code == 0) return scan_fail(scan, at, "strings must not contain \\u0000");
    if (code >= 0xd800 && code <= 0xdfff) {
        bool is_pair = code < 0xdc00 && scan->end - scan->at >= 6 && scan->at[0] == '\\' && scan->at[1] == 'u';
        if (is_pair) scan->at += 2;
        if (!is_pair || !scan_hex(scan, 4, &low) || low < 0xdc00 || low > 0xdfff)
            return scan_fail(scan, at, "half of a surrogate pair; write both halves");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    co_buffer_add(&scan->text, utf8, codec_utf8_put(utf8, code));
    return CO_OK;
}

static co_status escape_parse(struct scan *scan) {
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    scan->at++;
    char c = scan->at < scan->end ? *scan->at : '\0';
    if (c == 'u') return scan->at++, unicode_parse(scan);
    const char *name = c ? strchr(names, c) : NULL;
    if (!name) return scan_fail(scan, scan->at - 1, "unknown escape; a backslash is written \\\\");
    co_buffer_add_byte(&scan->text, (uint8_t)values[name - names]);
    scan->at++;
    return CO_OK;
}

static co_status string_parse(struct scan *scan, struct co_bytes *out) {
    const char *open = scan->at++;
    scan->text.size = 0;
    for (;;) {
        const char *run = scan->at;
        while (scan->at < scan->end && *scan->at != '"' && *scan->at != '\\' && (unsigned char)*scan->at >= 0x20)
            scan->at++;
        co_buffer_add(&scan->text, run, (size_t)(scan->at - run));
        if (scan->at == scan->end || *scan->at == '\n')
            return scan_fail(scan, open, "the string is not closed; add \"");
        if (*scan->at == '"') break;
        if (*scan->at != '\\')
            return scan_fail(scan, scan->at, "control characters in strings must be written as escapes");
        co_status status = escape_parse(scan);
        if (status) return status;
    }
    scan->at++;
    *out = scan_take(scan);
    return CO_OK;
}

static size_t digits_skip(struct scan *scan) {
    const char *at = scan->at;
    while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9') scan->at++;
    return (size_t)(scan->at - at);
}

static co_status number_parse(struct scan *scan, struct co_node *node) {
    bool is_negative = next_is(scan, '-');
    if (is_negative) scan->at++;
    const char *at = scan->at;
    size_t digits = digits_skip(scan);
    if (digits == 0) return expected(scan, "a digit");
    if (digits > 1 && *at == '0') return scan_fail(scan, at, "numbers must not start with 0");
    if (next_is(scan, '.')) {
        scan->at++;
        if (digits_skip(scan) == 0) return expected(scan, "a digit");
    }
    if (next_is(scan, 'e') || next_is(scan, 'E')) {
        scan->at++;
        if (next_is(scan, '+') || next_is(scan, '-')) scan->at++;
        if (digits_skip(scan) == 0) return expected(scan, "a digit");
    }
    return scan_number(scan, at, scan->at, is_negative, 10, node);
}

static co_status list_parse(struct scan *scan, unsigned depth, struct co_node *node) {
    struct co_item **end = &node->items;
    const char *open = scan->at++;
    for (skip(scan); !next_is(scan, ']'); skip(scan)) {
        struct co_item *item = co_arena_new(scan->arena, struct co_item);
        co_status status = value_parse(scan, depth + 1, &item->value);
        if (status) return status;
        *end = item;
        end = &item->next;
        node->count++;
        skip(scan);
        if (scan->at == scan->end) return scan_fail(scan, open, "the list is not closed; add ]");
        if (next_is(scan, ']')) break;
        if (!next_is(scan, ',')) return expected(scan, "\",\" or \"]\"");
        scan->at++;
        skip(scan);
        if (next_is(scan, ']')) return scan_fail(scan, scan->at, "expected a value behind the comma; remove the comma");
    }
    scan->at++;
    return CO_OK;
}

static co_status entry_parse(struct scan *scan, unsigned depth, struct co_entry *entry) {
    struct co_bytes key;
    if (!next_is(scan, '"')) return expected(scan, "a key in quotes");
    entry->place = scan_place(scan, scan->at);
    co_status status = string_parse(scan, &key);
    if (status) return status;
    entry->key = key.data;
    skip(scan);
    if (!next_is(scan, ':')) return expected(scan, "\":\"");
    scan->at++;
    return value_parse(scan, depth + 1, &entry->value);
}

static int entry_compare(const void *left, const void *right) {
    const struct co_entry *a = *(struct co_entry *const *)left, *b = *(struct co_entry *const *)right;
    int order = strcmp(a->key, b->key);
    if (order) return order;
    if (a->place.line != b->place.line) return a->place.line < b->place.line ? -1 : 1;
    return (a->place.column > b->place.column) - (a->place.column < b->place.column);
}

/* Drops all but the last of equal keys. Sorting keeps this from being quadratic. */
static void drop_repeated(struct co_node *node) {
    if (node->count < 2) return;
    struct co_entry **sorted = co_malloc(node->count * sizeof *sorted), **end = sorted;
    for (struct co_entry *entry = node->entries; entry; entry = entry->next) *end++ = entry;
    qsort(sorted, node->count, sizeof *sorted, entry_compare);
    for (struct co_entry **at = sorted; at + 1 < end; at++)
        if (strcmp(at[0]->key, at[1]->key) == 0) at[0]->value = NULL;
    free(sorted);
    for (struct co_entry **link = &node->entries; *link;) {
        if ((*link)->value) {
            link = &(*link)->next;
            continue;
        }
        *link = (*link)->next;
        node->count--;
    }
}

static co_status object_parse(struct scan *scan, unsigned depth, struct co_node *node) {
    struct co_entry **end = &node->entries;
    const char *open = scan->at++;
    for (skip(scan); !next_is(scan, '}'); skip(scan)) {
        if (scan->at == scan->end) return scan_fail(scan, open, "the object is not closed; add }");
        struct co_entry *entry = co_arena_new(scan->arena, struct co_entry);
        co_status status = entry_parse(scan, depth, entry);
        if (status) return status;
        *end = entry;
        end = &entry->next;
        node->count++;
        skip(scan);
        if (scan->at == scan->end) return scan_fail(scan, open, "the object is not closed; add }");
        if (next_is(scan, '}')) break;
        if (!next_is(scan, ',')) return expected(scan, "\",\" or \"}\"");
        scan->at++;
        skip(scan);
        if (next_is(scan, '}')) return scan_fail(scan, scan->at, "expected a key behind the comma; remove the comma");
    }
    scan->at++;
    drop_repeated(node);
    return CO_OK;
}

static co_status word_parse(struct scan *scan, const char *word) {
    size_t size = strlen(word);
    if ((size_t)(scan->end - scan->at) < size || memcmp(scan->at, word, size) != 0)
        return scan_fail(scan, scan->at, "expected a value; strings are written in quotes");
    scan->at += size;
    return CO_OK;
}

static co_status value_parse(struct scan *scan, unsigned depth, struct co_node **out) {
    skip(scan);
    if (depth > CO_TREE_DEPTH_MAX)
        return scan_fail(scan, scan->at, "nested more than %d levels deep", CO_TREE_DEPTH_MAX);
    if (scan->at == scan->end) return expected(scan, "a value");
    struct co_node *node = *out = scan_node(scan, CO_NODE_NULL, scan->at);
    if (!node) return CO_INVALID;
    switch (*scan->at) {
    case '{':
        node->kind = CO_NODE_OBJECT;
        return object_parse(scan, depth, node);
    case '[':
        node->kind = CO_NODE_LIST;
        return list_parse(scan, depth, node);
    case '"':
        node->kind = CO_NODE_STRING;
        return string_parse(scan, &node->text);
    case 't':
    case 'f':
        node->kind = CO_NODE_BOOL;
        node->boolean = *scan->at == 't';
        return word_parse(scan, node->boolean ? "true" : "false");
    case 'n':
        return word_parse(scan, "null");
    case '-':
    case '0' ... '9':
        node->kind = CO_NODE_NUMBER;
        return number_parse(scan, node);
    default:
        return expected(scan, "a value");
    }
}

co_status tree_json_document(struct scan *scan, struct co_node **out) {
    co_status status = value_parse(scan, 1, out);
    if (status) return status;
    skip(scan);
    return scan->at == scan->end ? CO_OK : expected(scan, "the end of the file");
}

co_status co_tree_parse_json(struct co_arena *arena, const char *file, struct co_bytes text, struct co_node **out,
                             struct co_error *error) {
    struct scan scan;
    co_status status = scan_init(&scan, arena, file, text, error);
    if (!status) status = tree_json_document(&scan, out);
    if (status) *out = NULL;
    scan_fini(&scan);
    return status;
}
