/* Reads of health: pure functions of a snapshot of the catalog's tables. A question about one service watches that service's own
 * index alone, which every change of its instances, their nodes and the checks of both sets. */
#include "health.h"

#include <stdlib.h>

struct checks {
    struct co_arena *arena;
    struct catalog_check *items;
    size_t count, room;
};

static struct catalog_check *check_next(struct checks *checks) {
    checks->items = catalog_grow(checks->arena, checks->items, &checks->room, checks->count, sizeof *checks->items);
    return &checks->items[checks->count];
}

static struct co_records check_list(const struct checks *checks) {
    return (struct co_records){checks->items, checks->count};
}

static co_status ended(co_status status) {
    return status == CO_NOT_FOUND ? CO_OK : status;
}

/* Keeps the check that stands at the end of the list when its node has the metadata. Checks come ordered by node, so the last
 * verdict is kept. */
struct node_filter {
    const struct co_map *wanted;
    const char *node;
    bool fits;
};

static co_status node_fits(struct co_query *query, struct node_filter *filter, const char *node, bool *fits,
                           struct co_error *error) {
    *fits = true;
    if (filter->wanted->count == 0) return CO_OK;
    if (!filter->node || strcmp(filter->node, node) != 0) {
        char room[CO_STORAGE_KEY_MAX];
        struct catalog_node row;
        co_status status = catalog_read_node(query->txn, catalog_key(room, &node, 1), &row, query->arena, error);
        if (status) return status == CO_NOT_FOUND ? co_fail(error, CO_CORRUPT, "a check without its node") : status;
        filter->fits = catalog_has_meta(&row.meta, filter->wanted);
        filter->node = node;
    }
    *fits = filter->fits;
    return CO_OK;
}

/* Rows of CATALOG_CHECKS below a prefix. */
static co_status checks_below(struct co_query *query, struct co_bytes prefix, struct node_filter *filter,
                              struct checks *checks, struct co_error *error) {
    struct co_bytes key, row;
    struct co_cursor *cursor = co_cursor_open(query->txn, CATALOG_CHECKS);
    co_status status = co_cursor_seek(cursor, prefix, &key, &row);
    while (status == CO_OK && co_bytes_starts(key, prefix)) {
        struct catalog_check *check = check_next(checks);
        bool fits = true;
        status = catalog_decode_check(row, check, query->arena, error);
        if (!status && filter) status = node_fits(query, filter, check->node, &fits, error);
        if (status) break;
        if (fits) checks->count++;
        status = co_cursor_next(cursor, &key, &row);
    }
    co_cursor_close(cursor);
    return ended(status);
}

/* Rows of CATALOG_CHECKS whose keys stand in an index table, behind the first part of the index's keys. */
static co_status checks_at(struct co_query *query, struct co_cursor *cursor, struct co_bytes prefix, size_t head,
                           struct node_filter *filter, struct checks *checks, struct co_error *error) {
    struct co_bytes key, empty;
    co_status status = co_cursor_seek(cursor, prefix, &key, &empty);
    while (status == CO_OK && co_bytes_starts(key, prefix)) {
        struct catalog_check *check = check_next(checks);
        struct co_bytes row_key = co_bytes((const char *)key.data + head, key.size - head);
        bool fits = true;
        status = catalog_read_check(query->txn, row_key, check, query->arena, error);
        if (status == CO_NOT_FOUND) status = co_fail(error, CO_CORRUPT, "an index names a check that does not exist");
        if (!status && filter) status = node_fits(query, filter, check->node, &fits, error);
        if (status) break;
        if (fits) checks->count++;
        status = co_cursor_next(cursor, &key, &empty);
    }
    return ended(status);
}

static co_status checks_by_index(struct co_query *query, co_table_id index, struct co_bytes prefix,
                                 struct node_filter *filter, struct checks *checks, struct co_error *error) {
    struct co_cursor *cursor = co_cursor_open(query->txn, index);
    co_status status = checks_at(query, cursor, prefix, prefix.size, filter, checks, error);
    co_cursor_close(cursor);
    return status;
}

co_status health_node_checks(struct co_query *query, const void *request, void *reply, struct co_error *error) {
    const struct catalog_query *wanted = request;
    struct health_checks_reply *answer = reply;
    char room[CO_STORAGE_KEY_MAX];
    struct checks checks = {.arena = query->arena};
    struct co_bytes prefix = catalog_prefix(room, &wanted->name, 1);
    query->index = co_index_get(query->txn, "checks");
    if (prefix.size == 0) return CO_OK;
    co_query_watch(query, CATALOG_CHECKS, prefix, false);
    co_status status = checks_below(query, prefix, NULL, &checks, error);
    answer->checks = check_list(&checks);
    return status;
}

co_status health_service_checks(struct co_query *query, const void *request, void *reply, struct co_error *error) {
    const struct catalog_query *wanted = request;
    struct health_checks_reply *answer = reply;
    char room[CO_STORAGE_KEY_MAX], index_room[CO_STORAGE_KEY_MAX];
    struct node_filter filter = {.wanted = &wanted->node_meta};
    struct checks checks = {.arena = query->arena};
    struct co_bytes prefix = catalog_prefix(room, &wanted->name, 1);
    const char *index_name = catalog_service_index_name(index_room, wanted->name);
    query->index = co_index_get(query->txn, "checks");
    if (prefix.size <= 1 || !index_name[0]) return CO_OK; /* below no name stand the checks of nodes */
    catalog_watch_index(query, index_name);
    if (filter.wanted->count) query->index = catalog_index(query->txn, "checks", index_name, NULL);
    co_status status = checks_by_index(query, CATALOG_SERVICE_CHECKS, prefix, &filter, &checks, error);
    answer->checks = check_list(&checks);
    return status;
}

co_status health_checks_in_state(struct co_query *query, const void *request, void *reply, struct co_error *error) {
    const struct catalog_query *wanted = request;
    struct health_checks_reply *answer = reply;
    char room[CO_STORAGE_KEY_MAX];
    struct node_filter filter = {.wanted = &wanted->node_meta};
    struct checks checks = {.arena = query->arena};
    co_status status = CO_OK;
    query->index = co_index_get(query->txn, "checks");
    if (strcmp(wanted->name, "any") == 0) {
        catalog_watch_index(query, "checks");
        status = checks_below(query, co_bytes(NULL, 0), &filter, &checks, error);
    } else {
        struct co_bytes prefix = catalog_state_key(room, wanted->name, "", "");
        if (prefix.size == 0) return CO_OK;
        co_query_watch(query, CATALOG_CHECK_STATES, prefix, false);
        status = checks_by_index(query, CATALOG_CHECK_STATES, prefix, &filter, &checks, error);
    }
    if (filter.wanted->count) catalog_watch_index(query, "nodes");
    answer->checks = check_list(&checks);
    return status;
}

struct instances {
    struct co_query *query;
    struct co_cursor *cursor;              /* on CATALOG_SERVICE_CHECKS */
    const char *service;                   /* as asked for */
    const struct catalog_node *node;       /* whose checks stand in the lists below */
    struct checks node_checks, own_checks; /* own_checks: of all the service's instances there, ordered by service id */
    struct health_instance *items;
    size_t count, room;
};

static co_status checks_on(struct instances *all, const char *service, struct checks *checks, struct co_error *error) {
    char room[CO_STORAGE_KEY_MAX];
    const char *parts[] = {service, all->node->node};
    struct co_bytes prefix = catalog_prefix(room, parts, 2);
    *checks = (struct checks){.arena = all->query->arena};
    return checks_at(all->query, all->cursor, prefix, strlen(service) + 1, NULL, checks, error);
}

static int by_service(const void *left, const void *right) {
    const struct catalog_check *const *a = left, *const *b = right;
    int order = strcmp((*a)->service_id, (*b)->service_id);
    return order ? order : (*a > *b) - (*a < *b); /* those of one service stay in the order of their ids */
}

/* A node may run hundreds of instances of one service; each shall find its own checks at once. */
static void order_by_service(struct checks *checks) {
    if (checks->count < 2) return;
    const struct catalog_check **order = co_arena_alloc(checks->arena, checks->count * sizeof *order);
    struct catalog_check *items = co_arena_alloc(checks->arena, checks->count * sizeof *items);
    for (size_t i = 0; i < checks->count; i++) order[i] = &checks->items[i];
    qsort(order, checks->count, sizeof *order, by_service);
    for (size_t i = 0; i < checks->count; i++) items[i] = *order[i];
    checks->items = items;
}

static struct co_records checks_of(const struct checks *checks, const char *service_id) {
    size_t low = 0, high = checks->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(checks->items[middle].service_id, service_id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    size_t end = low;
    while (end < checks->count && strcmp(checks->items[end].service_id, service_id) == 0) end++;
    return (struct co_records){checks->items + low, end - low};
}

/* Instances of one service on one node follow each other: their node's checks are read once. */
static co_status take(void *arg, struct catalog_node *node, struct catalog_service *service, struct co_error *error) {
    struct instances *all = arg;
    if (all->node != node) {
        all->node = node;
        co_status status = checks_on(all, "", &all->node_checks, error);
        if (!status) status = checks_on(all, all->service, &all->own_checks, error);
        if (status) return status;
        order_by_service(&all->own_checks);
    }
    all->items = catalog_grow(all->query->arena, all->items, &all->room, all->count, sizeof *all->items);
    struct health_instance *instance = &all->items[all->count++];
    struct co_records own = checks_of(&all->own_checks, service->id);
    *instance = (struct health_instance){node, service, own};
    size_t node_count = all->node_checks.count;
    if (own.count == 0) instance->checks = check_list(&all->node_checks);
    if (own.count == 0 || node_count == 0) return CO_OK;
    struct catalog_check *checks = co_arena_alloc(all->query->arena, (node_count + own.count) * sizeof *checks);
    memcpy(checks, all->node_checks.items, node_count * sizeof *checks);
    memcpy(checks + node_count, own.items, own.count * sizeof *checks);
    instance->checks = (struct co_records){checks, node_count + own.count};
    return CO_OK;
}

co_status health_service_nodes(struct co_query *query, const void *request, void *reply, struct co_error *error) {
    const struct catalog_query *wanted = request;
    struct health_instances_reply *answer = reply;
    struct instances all = {.query = query, .service = wanted->name};
    all.cursor = co_cursor_open(query->txn, CATALOG_SERVICE_CHECKS);
    co_status status = catalog_instances(query, wanted, true, take, &all, error);
    co_cursor_close(all.cursor);
    answer->instances = (struct co_records){all.items, all.count};
    return status;
}
