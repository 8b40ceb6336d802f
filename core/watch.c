/* Who depends on which keys: an exact hash index over (table, key or prefix). Per table it is known which prefix lengths are
 * being watched, so a touched key costs one look-up per such length, however many watchers there are. */
#include "state.h"

#include <stdlib.h>

struct watch_group {
    struct watch_group *next; /* in the bucket */
    struct watch *first;
    uint64_t hash;
    co_table_id table;
    bool whole_key;
    uint16_t size;
    uint8_t key[];
};

struct watch_lengths {
    size_t groups;                              /* of the table, whole and prefix */
    uint32_t by_length[CO_STORAGE_KEY_MAX + 1]; /* prefix groups of this length */
    uint16_t longest;
};

enum { BUCKETS_FIRST = 256 };

static uint64_t group_hash(co_table_id table, struct co_bytes key, bool whole_key) {
    return co_hash(key.data, key.size) + UINT64_C(0x9e3779b97f4a7c15) * (uint64_t)(table * 2u + whole_key + 1u);
}

static struct watch_group **group_find(struct watches *watches, uint64_t hash, co_table_id table, struct co_bytes key,
                                       bool whole_key) {
    struct watch_group **link = &watches->buckets[hash & (watches->bucket_count - 1)];
    for (; *link; link = &(*link)->next) {
        struct watch_group *group = *link;
        if (group->hash == hash && group->table == table && group->whole_key == whole_key &&
            co_bytes_equal(key, co_bytes(group->key, group->size)))
            break;
    }
    return link;
}

static void buckets_grow(struct watches *watches) {
    size_t count = watches->bucket_count ? watches->bucket_count * 2 : BUCKETS_FIRST;
    struct watch_group **buckets = co_calloc(count, sizeof *buckets);
    for (size_t i = 0; i < watches->bucket_count; i++) {
        for (struct watch_group *group = watches->buckets[i], *next; group; group = next) {
            next = group->next;
            group->next = buckets[group->hash & (count - 1)];
            buckets[group->hash & (count - 1)] = group;
        }
    }
    free(watches->buckets);
    watches->buckets = buckets;
    watches->bucket_count = count;
}

static struct watch_lengths *table_of(struct watches *watches, co_table_id table) {
    if (table >= watches->table_count) {
        size_t count = (size_t)table + 1;
        watches->tables = co_realloc(watches->tables, count * sizeof *watches->tables);
        memset(watches->tables + watches->table_count, 0, (count - watches->table_count) * sizeof *watches->tables);
        watches->table_count = count;
    }
    if (!watches->tables[table]) watches->tables[table] = co_calloc(1, sizeof **watches->tables);
    return watches->tables[table];
}

struct watch *watches_add(struct watches *watches, struct question *question, co_table_id table, struct co_bytes key,
                          bool whole_key) {
    co_assert(key.size <= CO_STORAGE_KEY_MAX);
    if (watches->group_count >= watches->bucket_count) buckets_grow(watches);
    uint64_t hash = group_hash(table, key, whole_key);
    struct watch_group **link = group_find(watches, hash, table, key, whole_key);
    if (!*link) {
        struct watch_group *group = co_malloc(sizeof *group + key.size);
        *group = (struct watch_group){.hash = hash, .table = table, .whole_key = whole_key, .size = (uint16_t)key.size};
        if (key.size) memcpy(group->key, key.data, key.size);
        *link = group;
        watches->group_count++;
        struct watch_lengths *lengths = table_of(watches, table);
        lengths->groups++;
        if (!whole_key) lengths->by_length[key.size]++;
        if (!whole_key && key.size > lengths->longest) lengths->longest = (uint16_t)key.size;
    }
    struct watch_group *group = *link;
    struct watch *watch = co_malloc(sizeof *watch);
    *watch = (struct watch){
        .group = group, .question = question, .next_in_group = group->first, .link_in_group = &group->first};
    if (group->first) group->first->link_in_group = &watch->next_in_group;
    group->first = watch;
    return watch;
}

void watches_remove(struct watches *watches, struct watch *watch) {
    struct watch_group *group = watch->group;
    *watch->link_in_group = watch->next_in_group;
    if (watch->next_in_group) watch->next_in_group->link_in_group = watch->link_in_group;
    free(watch);
    if (group->first) return;
    struct watch_lengths *lengths = watches->tables[group->table];
    lengths->groups--;
    if (!group->whole_key) lengths->by_length[group->size]--;
    while (lengths->longest > 0 && lengths->by_length[lengths->longest] == 0) lengths->longest--;
    struct watch_group **link =
        group_find(watches, group->hash, group->table, co_bytes(group->key, group->size), group->whole_key);
    *link = group->next;
    watches->group_count--;
    free(group);
}

static void mark_group(const struct watch_group *group, void (*mark)(struct question *)) {
    for (struct watch *watch = group ? group->first : NULL; watch; watch = watch->next_in_group) mark(watch->question);
}

void watches_touch(struct watches *watches, co_table_id table, struct co_bytes key, void (*mark)(struct question *)) {
    if (table >= watches->table_count || !watches->tables[table] || watches->tables[table]->groups == 0) return;
    if (key.size == 0) { /* the whole table */
        for (size_t i = 0; i < watches->bucket_count; i++)
            for (struct watch_group *group = watches->buckets[i]; group; group = group->next)
                if (group->table == table) mark_group(group, mark);
        return;
    }
    const struct watch_lengths *lengths = watches->tables[table];
    mark_group(*group_find(watches, group_hash(table, key, true), table, key, true), mark);
    for (size_t size = 0; size <= lengths->longest && size <= key.size; size++) {
        if (lengths->by_length[size] == 0) continue;
        struct co_bytes prefix = co_bytes(key.data, size);
        mark_group(*group_find(watches, group_hash(table, prefix, false), table, prefix, false), mark);
    }
}

void watches_fini(struct watches *watches) {
    co_assert(watches->group_count == 0);
    free(watches->buckets);
    for (size_t i = 0; i < watches->table_count; i++) free(watches->tables[i]);
    free(watches->tables);
    *watches = (struct watches){0};
}
