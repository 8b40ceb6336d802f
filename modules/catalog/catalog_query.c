/* Reads of the catalog. Pure functions of a snapshot; structs point into its pages. */
#include "catalog_slice.h"

co_status catalog_list_nodes(struct co_query *query, const void *request, void *reply, struct co_error *error) {
    const struct catalog_query *wanted = request;
    struct catalog_nodes_reply *answer = reply;
    struct catalog_node *nodes = NULL;
    size_t count = 0, room = 0;
    struct co_bytes key, row;
    catalog_watch_index(query, "nodes");
    query->index = co_index_get(query->txn, "nodes");
    struct co_cursor *cursor = co_cursor_open(query->txn, CATALOG_NODES);
    co_status status = co_cursor_seek(cursor, co_bytes(NULL, 0), &key, &row);
    while (status == CO_OK) {
        nodes = catalog_grow(query->arena, nodes, &room, count, sizeof *nodes);
        status = co_decode_record(&catalog_node_schema, &nodes[count], row, query->arena, error);
        if (status) break;
        if (catalog_has_meta(&nodes[count].meta, &wanted->node_meta)) count++;
        status = co_cursor_next(cursor, &key, &row);
    }
    co_cursor_close(cursor);
    answer->nodes = (struct co_records){nodes, count};
    return status == CO_NOT_FOUND ? CO_OK : status;
}

static bool has_tag(const struct co_strings *tags, const char *tag) {
    for (size_t i = 0; i < tags->count; i++) {
        if (strcmp(tags->items[i], tag) == 0) return true;
    }
    return false;
}

static void add_tags(struct co_arena *arena, struct catalog_tags *service, size_t *room, const char *tag,
                     const char *end) {
    for (; tag < end; tag += strlen(tag) + 1) {
        if (has_tag(&service->tags, tag)) continue;
        service->tags.items =
            catalog_grow(arena, service->tags.items, room, service->tags.count, sizeof *service->tags.items);
        service->tags.items[service->tags.count++] = tag;
    }
}

static co_status node_fits(struct co_query *query, const struct catalog_query *wanted, const char *node_key, bool *fits,
                           struct co_error *error) {
    *fits = true;
    if (wanted->node_meta.count == 0) return CO_OK;
    struct catalog_node node;
    co_status status = catalog_read_node(query->txn, co_bytes_text(node_key), &node, query->arena, error);
    *fits = status == CO_OK && catalog_has_meta(&node.meta, &wanted->node_meta);
    return status == CO_NOT_FOUND ? CO_OK : status;
}

/* Each name once, with the tags of all its instances in the order of their first appearance. One scan of one table: this is asked
 * again with every change of any service, and there may be very many. */
co_status catalog_list_services(struct co_query *query, const void *request, void *reply, struct co_error *error) {
    const struct catalog_query *wanted = request;
    struct catalog_services_reply *answer = reply;
    struct catalog_tags *services = NULL;
    size_t count = 0, room = 0, tag_room = 0;
    struct co_bytes key, packed, last_name = {NULL, 0}, last_packed = {NULL, 0};
    bool is_filtered = wanted->node_meta.count > 0;
    catalog_watch_index(query, "services");
    if (is_filtered) catalog_watch_index(query, "nodes");
    query->index =
        is_filtered ? catalog_index(query->txn, "services", "nodes", NULL) : co_index_get(query->txn, "services");
    struct co_cursor *cursor = co_cursor_open(query->txn, CATALOG_SERVICE_NAMES);
    co_status status = co_cursor_seek(cursor, co_bytes(NULL, 0), &key, &packed);
    for (; status == CO_OK; status = co_cursor_next(cursor, &key, &packed)) {
        struct co_bytes name = co_bytes(key.data, strnlen(key.data, key.size));
        if (name.size == key.size || (packed.size && ((const char *)packed.data)[packed.size - 1] != 0)) {
            status = co_fail(error, CO_CORRUPT, "malformed row in the index of service names");
            break;
        }
        bool is_same = count && co_bytes_equal(name, last_name);
        if (is_same && co_bytes_equal(packed, last_packed) && !is_filtered) continue;
        bool fits;
        status = node_fits(query, wanted, (const char *)key.data + name.size + 1, &fits, error);
        if (status) break;
        if (!fits) continue;
        const char *shown = packed.size ? packed.data : "", *end = shown + packed.size;
        if (!is_same) {
            services = catalog_grow(query->arena, services, &room, count, sizeof *services);
            services[count++] = (struct catalog_tags){.name = shown[0] ? shown : name.data};
            tag_room = 0;
        }
        if (packed.size) add_tags(query->arena, &services[count - 1], &tag_room, shown + strlen(shown) + 1, end);
        last_name = name;
        last_packed = packed;
    }
    co_cursor_close(cursor);
    answer->services = (struct co_records){services, count};
    return status == CO_NOT_FOUND ? CO_OK : status;
}

struct instances {
    struct co_arena *arena;
    struct catalog_instance *items;
    size_t count, room;
};

static co_status take(void *arg, struct catalog_node *node, struct catalog_service *service, struct co_error *error) {
    struct instances *all = arg;
    (void)error;
    all->items = catalog_grow(all->arena, all->items, &all->room, all->count, sizeof *all->items);
    all->items[all->count++] = (struct catalog_instance){node, service};
    return CO_OK;
}

co_status catalog_service_nodes(struct co_query *query, const void *request, void *reply, struct co_error *error) {
    struct catalog_instances_reply *answer = reply;
    struct instances all = {.arena = query->arena};
    co_status status = catalog_instances(query, request, false, take, &all, error);
    answer->instances = (struct co_records){all.items, all.count};
    return status;
}

static co_status services_of(struct co_query *query, struct co_bytes prefix, const char *node, struct co_records *out,
                             struct co_error *error) {
    struct catalog_service *services = NULL;
    size_t count = 0, room = 0;
    struct co_bytes key, row;
    struct co_cursor *cursor = co_cursor_open(query->txn, CATALOG_SERVICES);
    co_status status = co_cursor_seek(cursor, prefix, &key, &row);
    while (status == CO_OK && co_bytes_starts(key, prefix)) {
        services = catalog_grow(query->arena, services, &room, count, sizeof *services);
        status = co_decode_record(&catalog_service_schema, &services[count], row, query->arena, error);
        if (status) break;
        services[count++].node = node;
        status = co_cursor_next(cursor, &key, &row);
    }
    co_cursor_close(cursor);
    *out = (struct co_records){services, count};
    return status == CO_NOT_FOUND ? CO_OK : status;
}

static co_status checks_of(struct co_query *query, struct co_bytes prefix, struct co_records *out,
                           struct co_error *error) {
    struct catalog_check *checks = NULL;
    size_t count = 0, room = 0;
    struct co_bytes key, row;
    struct co_cursor *cursor = co_cursor_open(query->txn, CATALOG_CHECKS);
    co_status status = co_cursor_seek(cursor, prefix, &key, &row);
    while (status == CO_OK && co_bytes_starts(key, prefix)) {
        checks = catalog_grow(query->arena, checks, &room, count, sizeof *checks);
        status = catalog_decode_check(row, &checks[count], query->arena, error);
        if (status) break;
        count++;
        status = co_cursor_next(cursor, &key, &row);
    }
    co_cursor_close(cursor);
    *out = (struct co_records){checks, count};
    return status == CO_NOT_FOUND ? CO_OK : status;
}

/* An unknown node too answers with the index of the tables, so that whoever waited for the node learns that it went. */
co_status catalog_node_services(struct co_query *query, const void *request, void *reply, struct co_error *error) {
    const struct catalog_node_request *wanted = request;
    struct catalog_node_reply *answer = reply;
    char room[CO_STORAGE_KEY_MAX], prefix_room[CO_STORAGE_KEY_MAX];
    const char *name = wanted->node ? wanted->node : "";
    struct co_bytes key = catalog_find_node(query->txn, name, room);
    query->index = catalog_index(query->txn, "nodes", "services", NULL);
    if (key.size == 0) { /* it may come under this name or with this id */
        catalog_watch_index(query, "nodes");
        return CO_OK;
    }
    const char *node = co_arena_text(query->arena, key.data, key.size);
    struct co_bytes prefix = catalog_prefix(prefix_room, &node, 1);
    co_query_watch(query, CATALOG_NODES, key, true);
    co_query_watch(query, CATALOG_SERVICES, prefix, false);
    answer->node = co_arena_new(query->arena, struct catalog_node);
    co_status status = catalog_read_node(query->txn, key, answer->node, query->arena, error);
    if (!status) status = services_of(query, prefix, answer->node->node, &answer->services, error);
    if (status || wanted->no_checks) return status;
    co_query_watch(query, CATALOG_CHECKS, prefix, false);
    return checks_of(query, prefix, &answer->checks, error);
}

co_status catalog_list_datacenters(struct co_query *query, const void *request, void *reply, struct co_error *error) {
    struct catalog *catalog = query->self;
    struct catalog_datacenters_reply *answer = reply;
    (void)request;
    (void)error;
    const char **names = co_arena_array(query->arena, const char *, 1);
    names[0] = co_ctx_agent(catalog->ctx)->datacenter;
    answer->names = (struct co_strings){names, 1};
    return CO_OK;
}
