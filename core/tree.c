/* Parsed documents: building, looking up, writing as JSON, and comparing keys.
 *
 * Knows no syntax: the parsers are conf_hcl.c, tree_json.c and codec_json.c. */
#include "codec.h"

#include <stdlib.h>

static inline char fold(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool co_key_equal(const char *a, const char *b) {
    for (;;) {
        while (*a == '_') a++;
        while (*b == '_') b++;
        if (fold(*a) != fold(*b)) return false;
        if (*a == '\0') return true;
        a++, b++;
    }
}

/* Optimal string alignment; keys longer than the limit are never near anything. */
unsigned co_key_distance(const char *a, const char *b) {
    enum { LIMIT = 99 };
    size_t m = strlen(a), n = strlen(b);
    if (m > LIMIT || n > LIMIT) return LIMIT;
    unsigned rows[3][LIMIT + 1];
    unsigned *before = rows[0], *last = rows[1], *now = rows[2];
    for (unsigned j = 0; j <= n; j++) last[j] = j;
    for (size_t i = 1; i <= m; i++) {
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= n; j++) {
            unsigned best = last[j - 1] + (a[i - 1] != b[j - 1]);
            if (last[j] + 1 < best) best = last[j] + 1;
            if (now[j - 1] + 1 < best) best = now[j - 1] + 1;
            bool is_swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (is_swap && before[j - 2] + 1 < best) best = before[j - 2] + 1;
            now[j] = best;
        }
        unsigned *oldest = before;
        before = last, last = now, now = oldest;
    }
    return last[n];
}

struct co_node *co_tree_get(const struct co_node *object, const char *key) {
    if (!object || object->kind != CO_NODE_OBJECT) return NULL;
    for (struct co_entry *entry = object->entries; entry; entry = entry->next)
        if (co_key_equal(entry->key, key)) return entry->value;
    return NULL;
}

const char *co_tree_text(const struct co_node *object, const char *key, const char *fallback) {
    const struct co_node *value = co_tree_get(object, key);
    return value && value->kind == CO_NODE_STRING ? value->text.data : fallback;
}

struct co_node *co_tree_object(struct co_arena *arena) {
    struct co_node *node = co_arena_new(arena, struct co_node);
    node->kind = CO_NODE_OBJECT;
    return node;
}

struct co_node *co_tree_string(struct co_arena *arena, const char *text) {
    struct co_node *node = co_arena_new(arena, struct co_node);
    node->kind = CO_NODE_STRING;
    node->text = co_bytes_text(co_arena_strdup(arena, text ? text : ""));
    return node;
}

struct co_entry *co_tree_add(struct co_arena *arena, struct co_node *object, const char *key, struct co_node *value) {
    co_assert(object->kind == CO_NODE_OBJECT);
    struct co_entry *entry = co_arena_new(arena, struct co_entry), **end = &object->entries;
    entry->key = co_arena_strdup(arena, key);
    entry->value = value;
    entry->place = value->place;
    while (*end) end = &(*end)->next;
    *end = entry;
    object->count++;
    return entry;
}

struct co_item *co_tree_append(struct co_arena *arena, struct co_node *list, struct co_node *value) {
    co_assert(list->kind == CO_NODE_LIST);
    struct co_item *item = co_arena_new(arena, struct co_item), **end = &list->items;
    item->value = value;
    while (*end) end = &(*end)->next;
    *end = item;
    list->count++;
    return item;
}

void co_tree_write_json(struct co_buffer *out, const struct co_node *node) {
    if (!node) {
        co_buffer_add(out, "null", 4);
        return;
    }
    switch (node->kind) {
    case CO_NODE_NULL:
        co_buffer_add(out, "null", 4);
        break;
    case CO_NODE_BOOL:
        co_buffer_add_text(out, node->boolean ? "true" : "false");
        break;
    case CO_NODE_NUMBER:
        if (node->is_integer)
            codec_add_i64(out, node->integer);
        else if (node->text.size)
            co_buffer_add(out, node->text.data, node->text.size);
        else
            codec_add_f64(out, node->number);
        break;
    case CO_NODE_STRING:
        co_buffer_add_json_string(out, node->text.data, node->text.size);
        break;
    case CO_NODE_LIST:
        co_buffer_add_byte(out, '[');
        for (struct co_item *item = node->items; item; item = item->next) {
            if (item != node->items) co_buffer_add_byte(out, ',');
            co_tree_write_json(out, item->value);
        }
        co_buffer_add_byte(out, ']');
        break;
    case CO_NODE_OBJECT:
        co_buffer_add_byte(out, '{');
        for (struct co_entry *entry = node->entries; entry; entry = entry->next) {
            if (entry != node->entries) co_buffer_add_byte(out, ',');
            co_buffer_add_json_string(out, entry->key, strlen(entry->key));
            co_buffer_add_byte(out, ':');
            co_tree_write_json(out, entry->value);
        }
        co_buffer_add_byte(out, '}');
        break;
    }
}
