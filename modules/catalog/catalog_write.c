/* Single rows of the catalog and everything that goes with them: index rows, and the index of each service that a change shows in
 * (health answers carry node and checks). A row that would be equal is left alone: it wakes nobody and moves no index. */
#include "catalog_slice.h"

#define TRY(expression)                                                                                                \
    do {                                                                                                               \
        co_status status_ = (expression);                                                                              \
        if (status_) return status_;                                                                                   \
    } while (0)

static const struct co_bytes nothing = {"", 0};

static co_status found(co_status status, struct co_error *error) {
    return status == CO_OK || status == CO_NOT_FOUND ? CO_OK : co_fail(error, status, "cannot read the catalog");
}

static co_status drop(struct co_apply *apply, co_table_id table, struct co_bytes key, struct co_error *error) {
    co_status status = co_del(apply->txn, table, key, error);
    return status == CO_NOT_FOUND ? CO_OK : status;
}

/* `create` and `modify` point into `row` and hold the old row's indexes, or zeros. Sets them; puts the row unless it is as before. */
static co_status put_if_changed(struct co_apply *apply, co_table_id table, struct co_bytes key,
                                const struct co_schema *schema, const void *row, uint64_t *create, uint64_t *modify,
                                const struct co_bytes *old, bool *is_changed, struct co_error *error) {
    struct co_buffer bytes = {0};
    *is_changed = true;
    if (old) {
        co_encode_record(schema, row, &bytes);
        *is_changed = !co_bytes_equal(co_bytes(bytes.data, bytes.size), *old);
        bytes.size = 0;
    }
    co_status status = CO_OK;
    if (*is_changed) {
        if (!old) *create = apply->index;
        *modify = apply->index;
        co_encode_record(schema, row, &bytes);
        status = co_put(apply->txn, table, key, co_bytes(bytes.data, bytes.size), error);
    }
    co_buffer_fini(&bytes);
    return status;
}

static co_status touch_service(struct co_apply *apply, const char *name, struct co_error *error) {
    char room[CO_STORAGE_KEY_MAX];
    return co_index_set(apply->txn, catalog_service_index_name(room, name), apply->index, error);
}

/* A node's services, for a change of the node or of a check of the whole node. The services' own table is not written. */
static co_status touch_services_of(struct co_apply *apply, const char *node, struct co_error *error) {
    char room[CO_STORAGE_KEY_MAX];
    struct co_bytes prefix = catalog_prefix(room, &node, 1), key, row;
    struct co_cursor *cursor = co_cursor_open(apply->txn, CATALOG_SERVICES);
    co_status status = co_cursor_seek(cursor, prefix, &key, &row);
    while (status == CO_OK && co_bytes_starts(key, prefix)) {
        struct catalog_service service;
        status = co_decode_record(&catalog_service_schema, &service, row, apply->arena, error);
        if (!status) status = touch_service(apply, service.service, error);
        if (!status) status = co_cursor_next(cursor, &key, &row);
    }
    co_cursor_close(cursor);
    return status == CO_NOT_FOUND ? CO_OK : status;
}

co_status catalog_put_node(struct co_apply *apply, const struct catalog_node *wanted, struct catalog_moved *moved,
                           struct co_error *error) {
    char room[CO_STORAGE_KEY_MAX], id_room[CO_STORAGE_KEY_MAX], old_id_room[CO_STORAGE_KEY_MAX];
    struct co_bytes key = catalog_key(room, &wanted->node, 1), bytes;
    struct catalog_node row = *wanted, old = {0};
    co_status status = co_get(apply->txn, CATALOG_NODES, key, &bytes);
    TRY(found(status, error));
    bool had = status == CO_OK, is_changed;
    if (had) TRY(co_decode_record(&catalog_node_schema, &old, bytes, apply->arena, error));
    if (!row.create_index) row.create_index = old.create_index; /* kept when a node takes a new name */
    row.modify_index = old.modify_index;
    struct co_bytes id = row.id && row.id[0] ? catalog_key(id_room, &row.id, 1) : nothing;
    struct co_bytes old_id = had && old.id[0] ? catalog_key(old_id_room, &old.id, 1) : nothing;
    uint64_t create = row.create_index;
    TRY(put_if_changed(apply, CATALOG_NODES, key, &catalog_node_schema, &row, create ? &create : &row.create_index,
                       &row.modify_index, had ? &bytes : NULL, &is_changed, error));
    if (!is_changed) return CO_OK;
    moved->nodes = true;
    if (!co_bytes_equal(id, old_id)) {
        if (old_id.size) TRY(drop(apply, CATALOG_NODE_IDS, old_id, error));
        if (id.size) TRY(co_put(apply->txn, CATALOG_NODE_IDS, id, key, error));
    }
    return had ? touch_services_of(apply, wanted->node, error) : CO_OK;
}

/* After an instance went: the name lives on, or its own index ends and the index of missing services moves. */
static co_status left_name(struct co_apply *apply, const char *name, struct co_error *error) {
    char room[CO_STORAGE_KEY_MAX];
    struct co_bytes prefix = catalog_prefix(room, &name, 1), key, row;
    struct co_cursor *cursor = co_cursor_open(apply->txn, CATALOG_SERVICE_NAMES);
    co_status status = co_cursor_seek(cursor, prefix, &key, &row);
    bool lives = status == CO_OK && co_bytes_starts(key, prefix);
    co_cursor_close(cursor);
    TRY(found(status, error));
    if (lives) return touch_service(apply, name, error);
    char index_room[CO_STORAGE_KEY_MAX];
    TRY(co_index_drop(apply->txn, catalog_service_index_name(index_room, name), error));
    return co_index_set(apply->txn, "service_last_extinction", apply->index, error);
}

/* Keys of the service's checks in CATALOG_CHECKS, copied. */
static co_status checks_of(struct co_apply *apply, const char *node, const struct catalog_service *service,
                           struct co_bytes **out, size_t *out_count, struct co_error *error) {
    char room[CO_STORAGE_KEY_MAX];
    const char *parts[] = {service->service, node};
    struct co_bytes prefix = catalog_prefix(room, parts, 2), key, row, *keys = NULL;
    size_t count = 0, room_count = 0, name_size = strlen(service->service) + 1;
    struct co_cursor *cursor = co_cursor_open(apply->txn, CATALOG_SERVICE_CHECKS);
    co_status status = co_cursor_seek(cursor, prefix, &key, &row);
    for (; status == CO_OK && co_bytes_starts(key, prefix); status = co_cursor_next(cursor, &key, &row)) {
        struct co_bytes check_key = co_bytes((const char *)key.data + name_size, key.size - name_size);
        struct catalog_check check;
        status = catalog_read_check(apply->txn, check_key, &check, apply->arena, error);
        if (status) break;
        if (strcmp(check.service_id, service->id) != 0) continue;
        keys = catalog_grow(apply->arena, keys, &room_count, count, sizeof *keys);
        keys[count++] = co_bytes(co_arena_copy(apply->arena, check_key.data, check_key.size), check_key.size);
    }
    co_cursor_close(cursor);
    *out = keys;
    *out_count = count;
    return found(status, error);
}

static co_status leave_name(struct co_apply *apply, const char *node, const char *name, const char *id,
                            struct co_error *error) {
    char room[CO_STORAGE_KEY_MAX];
    const char *parts[] = {name, node, id};
    TRY(drop(apply, CATALOG_SERVICE_NAMES, catalog_key(room, parts, 3), error));
    return left_name(apply, name, error);
}

static bool same_name(const char *a, const char *b) {
    char room_a[CO_STORAGE_KEY_MAX], room_b[CO_STORAGE_KEY_MAX];
    return co_bytes_equal(catalog_key(room_a, &a, 1), catalog_key(room_b, &b, 1));
}

/* The checks follow a service that takes another name. */
static co_status rename_checks(struct co_apply *apply, const char *node, const struct catalog_service *old,
                               const struct catalog_service *row, struct catalog_moved *moved, struct co_error *error) {
    struct co_bytes *keys;
    size_t count;
    TRY(checks_of(apply, node, old, &keys, &count, error));
    for (size_t i = 0; i < count; i++) {
        struct catalog_check check;
        struct co_bytes bytes;
        TRY(co_get(apply->txn, CATALOG_CHECKS, keys[i], &bytes));
        bytes.data = co_arena_copy(apply->arena, bytes.data, bytes.size); /* outlives the writes below */
        TRY(catalog_decode_check(bytes, &check, apply->arena, error));
        TRY(catalog_drop_check(apply, keys[i], moved, error));
        check.service_name = row->service;
        TRY(catalog_put_check(apply, &check, moved, error));
    }
    return CO_OK;
}

static bool repacks(const struct catalog_service *a, const struct catalog_service *b) {
    if (strcmp(a->service, b->service) != 0 || a->tags.count != b->tags.count) return true;
    for (size_t i = 0; i < a->tags.count; i++) {
        if (strcmp(a->tags.items[i], b->tags.items[i]) != 0) return true;
    }
    return false;
}

co_status catalog_put_service(struct co_apply *apply, const char *node, const struct catalog_service *wanted,
                              struct catalog_moved *moved, struct co_error *error) {
    char room[CO_STORAGE_KEY_MAX], name_room[CO_STORAGE_KEY_MAX];
    const char *parts[] = {node, wanted->id}, *name_parts[] = {wanted->service, node, wanted->id};
    struct co_bytes key = catalog_key(room, parts, 2), bytes;
    struct catalog_service row = *wanted, old = {0};
    co_status status = co_get(apply->txn, CATALOG_SERVICES, key, &bytes);
    TRY(found(status, error));
    bool had = status == CO_OK, is_changed;
    if (had) TRY(co_decode_record(&catalog_service_schema, &old, bytes, apply->arena, error));
    bool is_renamed = had && !same_name(old.service, row.service),
         is_repacked = !had || is_renamed || repacks(&old, &row);
    if (is_renamed) { /* the old row's strings are needed behind the write */
        old.service = co_arena_strdup(apply->arena, old.service);
        old.id = co_arena_strdup(apply->arena, old.id);
    }
    row.node = NULL; /* the row's key says it */
    row.create_index = old.create_index;
    row.modify_index = old.modify_index;
    TRY(put_if_changed(apply, CATALOG_SERVICES, key, &catalog_service_schema, &row, &row.create_index,
                       &row.modify_index, had ? &bytes : NULL, &is_changed, error));
    if (!is_changed) return CO_OK;
    moved->services = true;
    if (is_repacked) {
        struct co_buffer packed = {0};
        catalog_pack(&packed, row.service, &row.tags);
        struct co_bytes name_key = catalog_key(name_room, name_parts, 3);
        status = co_put(apply->txn, CATALOG_SERVICE_NAMES, name_key, co_bytes(packed.data, packed.size), error);
        co_buffer_fini(&packed);
        if (status) return status;
    }
    if (is_renamed) {
        TRY(rename_checks(apply, node, &old, &row, moved, error));
        TRY(leave_name(apply, node, old.service, old.id, error));
    }
    return touch_service(apply, row.service, error);
}

static co_status touch_for_check(struct co_apply *apply, const char *node, const char *service_id,
                                 const char *service_name, struct co_error *error) {
    return service_id[0] ? touch_service(apply, service_name, error) : touch_services_of(apply, node, error);
}

co_status catalog_put_check(struct co_apply *apply, const struct catalog_check *wanted, struct catalog_moved *moved,
                            struct co_error *error) {
    char room[CO_STORAGE_KEY_MAX], other[CO_STORAGE_KEY_MAX];
    const char *parts[] = {wanted->node, wanted->check_id};
    struct co_bytes key = catalog_key(room, parts, 2), bytes;
    struct catalog_check row = *wanted, old = {0};
    co_status status = co_get(apply->txn, CATALOG_CHECKS, key, &bytes);
    TRY(found(status, error));
    bool had = status == CO_OK, is_changed;
    if (had) {
        TRY(catalog_decode_check(bytes, &old, apply->arena, error));
        row.create_index = old.create_index;
    } /* else a create_index that is given is kept: the check follows its service to another name */
    row.modify_index = old.modify_index;
    bool status_moves = had && strcmp(old.status, row.status) != 0,
         service_moves = had && !same_name(old.service_name, row.service_name);
    if (status_moves) old.status = co_arena_strdup(apply->arena, old.status);
    if (service_moves) {
        old.service_name = co_arena_strdup(apply->arena, old.service_name);
        old.service_id = co_arena_strdup(apply->arena, old.service_id);
    }
    uint64_t kept = row.create_index;
    TRY(put_if_changed(apply, CATALOG_CHECKS, key, &catalog_check_schema, &row, kept ? &kept : &row.create_index,
                       &row.modify_index, had ? &bytes : NULL, &is_changed, error));
    if (!is_changed) return CO_OK;
    moved->checks = true;
    if (status_moves)
        TRY(drop(apply, CATALOG_CHECK_STATES, catalog_state_key(other, old.status, row.node, row.check_id), error));
    /* Put even when it is there: whoever watches this state's checks sees the change by it. */
    TRY(co_put(apply->txn, CATALOG_CHECK_STATES, catalog_state_key(other, row.status, row.node, row.check_id), nothing,
               error));
    if (service_moves) {
        const char *old_parts[] = {old.service_name, row.node, row.check_id};
        TRY(drop(apply, CATALOG_SERVICE_CHECKS, catalog_key(other, old_parts, 3), error));
        TRY(touch_for_check(apply, row.node, old.service_id, old.service_name, error));
    }
    const char *new_parts[] = {row.service_name, row.node, row.check_id};
    if (!had || service_moves)
        TRY(co_put(apply->txn, CATALOG_SERVICE_CHECKS, catalog_key(other, new_parts, 3), nothing, error));
    return touch_for_check(apply, row.node, row.service_id, row.service_name, error);
}

co_status catalog_drop_check(struct co_apply *apply, struct co_bytes key, struct catalog_moved *moved,
                             struct co_error *error) {
    char room[CO_STORAGE_KEY_MAX];
    struct co_bytes bytes;
    struct catalog_check old;
    co_status status = co_get(apply->txn, CATALOG_CHECKS, key, &bytes);
    if (status) return found(status, error);
    bytes.data = co_arena_copy(apply->arena, bytes.data, bytes.size);
    TRY(catalog_decode_check(bytes, &old, apply->arena, error));
    moved->checks = true;
    TRY(drop(apply, CATALOG_CHECKS, key, error));
    TRY(drop(apply, CATALOG_CHECK_STATES, catalog_state_key(room, old.status, old.node, old.check_id), error));
    const char *parts[] = {old.service_name, old.node, old.check_id};
    TRY(drop(apply, CATALOG_SERVICE_CHECKS, catalog_key(room, parts, 3), error));
    return touch_for_check(apply, old.node, old.service_id, old.service_name, error);
}

co_status catalog_drop_service(struct co_apply *apply, struct co_bytes key, struct catalog_moved *moved,
                               struct co_error *error) {
    struct co_bytes bytes, *checks;
    struct catalog_service old;
    size_t count;
    co_status status = co_get(apply->txn, CATALOG_SERVICES, key, &bytes);
    if (status) return found(status, error);
    bytes.data = co_arena_copy(apply->arena, bytes.data, bytes.size);
    TRY(co_decode_record(&catalog_service_schema, &old, bytes, apply->arena, error));
    const char *node = co_arena_strdup(apply->arena, key.data); /* up to the NUL between the key's parts */
    TRY(checks_of(apply, node, &old, &checks, &count, error));
    for (size_t i = 0; i < count; i++) TRY(catalog_drop_check(apply, checks[i], moved, error));
    moved->services = moved->checks = true; /* Consul moves the checks' index even when there was none */
    TRY(drop(apply, CATALOG_SERVICES, key, error));
    return leave_name(apply, node, old.service, old.id, error);
}

static co_status keys_below(struct co_apply *apply, co_table_id table, struct co_bytes prefix, struct co_bytes **out,
                            size_t *out_count, struct co_error *error) {
    struct co_bytes key, row, *keys = NULL;
    size_t count = 0, room = 0;
    struct co_cursor *cursor = co_cursor_open(apply->txn, table);
    co_status status = co_cursor_seek(cursor, prefix, &key, &row);
    for (; status == CO_OK && co_bytes_starts(key, prefix); status = co_cursor_next(cursor, &key, &row)) {
        keys = catalog_grow(apply->arena, keys, &room, count, sizeof *keys);
        keys[count++] = co_bytes(co_arena_copy(apply->arena, key.data, key.size), key.size);
    }
    co_cursor_close(cursor);
    *out = keys;
    *out_count = count;
    return found(status, error);
}

co_status catalog_drop_node(struct co_apply *apply, struct co_bytes key, struct catalog_moved *moved,
                            struct co_error *error) {
    char room[CO_STORAGE_KEY_MAX];
    struct catalog_node old;
    struct co_bytes *keys;
    size_t count;
    co_status status = catalog_read_node(apply->txn, key, &old, apply->arena, error);
    if (status) return found(status, error);
    const char *id = co_arena_strdup(apply->arena, old.id), *node = co_arena_text(apply->arena, key.data, key.size);
    struct co_bytes prefix = catalog_prefix(room, &node, 1);
    TRY(keys_below(apply, CATALOG_SERVICES, prefix, &keys, &count, error));
    for (size_t i = 0; i < count; i++) TRY(catalog_drop_service(apply, keys[i], moved, error));
    TRY(keys_below(apply, CATALOG_CHECKS, prefix, &keys, &count, error));
    for (size_t i = 0; i < count; i++) TRY(catalog_drop_check(apply, keys[i], moved, error));
    moved->nodes = true;
    if (id[0]) TRY(drop(apply, CATALOG_NODE_IDS, catalog_key(room, &id, 1), error));
    return drop(apply, CATALOG_NODES, co_bytes_text(node), error);
}

co_status catalog_set_moved(struct co_apply *apply, const struct catalog_moved *moved, struct co_error *error) {
    if (moved->nodes) TRY(co_index_set(apply->txn, "nodes", apply->index, error));
    if (moved->services) TRY(co_index_set(apply->txn, "services", apply->index, error));
    return moved->checks ? co_index_set(apply->txn, "checks", apply->index, error) : CO_OK;
}
