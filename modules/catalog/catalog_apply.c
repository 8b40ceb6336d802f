/* Catalog.Register and Catalog.Deregister: one command after the other, the same on every server. All that can be refused is
 * refused before the first row is written. A node keeps its id: the same id under a new name renames the node, and a name whose
 * node has another id is taken only when that node's agent is known to have failed. */
#include "catalog_slice.h"

#define TRY(expression)                                                                                                \
    do {                                                                                                               \
        co_status status_ = (expression);                                                                              \
        if (status_) return status_;                                                                                   \
    } while (0)

static const char *text(const char *value) {
    return value ? value : "";
}

/* True when `out` holds the node. */
static co_status read_node(struct co_apply *apply, struct co_bytes key, struct catalog_node *out, bool *exists,
                           struct co_error *error) {
    co_status status = catalog_read_node(apply->txn, key, out, apply->arena, error);
    *exists = status == CO_OK;
    return status == CO_NOT_FOUND ? CO_OK : status;
}

static bool has_failed(struct co_apply *apply, const char *node) {
    char room[CO_STORAGE_KEY_MAX];
    const char *parts[] = {node, "serfHealth"};
    struct catalog_check check;
    return catalog_read_check(apply->txn, catalog_key(room, parts, 2), &check, apply->arena, NULL) == CO_OK &&
           strcmp(check.status, "critical") == 0;
}

/* What happens to nodes: nothing, a row to write, a node to remove first because it takes a new name. */
struct plan {
    struct catalog_node row;
    bool writes;
    struct co_bytes renamed; /* key of the node's old row; size 0: it keeps its name */
};

static bool same_map(const struct co_map *a, const struct co_map *b) {
    if (a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++) {
        if (strcmp(a->items[i].key, b->items[i].key) != 0 || strcmp(a->items[i].value, b->items[i].value) != 0)
            return false;
    }
    return true;
}

static bool changes_node(const struct catalog_register *reg, const struct catalog_node *old) {
    return strcmp(text(reg->id), old->id) != 0 || strcmp(reg->node, old->node) != 0 ||
           strcmp(text(reg->address), old->address) != 0 || strcmp(text(reg->datacenter), old->datacenter) != 0 ||
           !same_map(&reg->tagged_addresses, &old->tagged_addresses) || !same_map(&reg->node_meta, &old->meta);
}

static co_status plan_node(struct co_apply *apply, const struct catalog_register *reg, struct plan *plan,
                           struct co_error *error) {
    char room[CO_STORAGE_KEY_MAX], id_room[CO_STORAGE_KEY_MAX];
    struct co_bytes key = catalog_key(room, &reg->node, 1), old_key;
    if (key.size == 0) return co_fail(error, CO_INVALID, "Must provide node");
    struct catalog_node named, known;
    bool is_named, is_known = false;
    TRY(read_node(apply, key, &named, &is_named, error));
    if (is_named && (reg->skip_node_update || !changes_node(reg, &named))) return CO_OK;
    const char *id = text(reg->id);
    plan->writes = true;
    plan->row = (struct catalog_node){.id = id,
                                      .node = reg->node,
                                      .address = reg->address,
                                      .datacenter = reg->datacenter,
                                      .tagged_addresses = reg->tagged_addresses,
                                      .meta = reg->node_meta};
    if (!id[0]) return CO_OK;
    if (co_get(apply->txn, CATALOG_NODE_IDS, catalog_key(id_room, &id, 1), &old_key) == CO_OK) {
        old_key.data = co_arena_copy(apply->arena, old_key.data, old_key.size);
        TRY(read_node(apply, old_key, &known, &is_known, error));
    }
    bool is_renamed = is_known && !co_bytes_equal(old_key, key);
    bool is_clash = is_named && strcmp(named.id, id) != 0 && (named.id[0] || is_renamed);
    if (is_clash && !has_failed(apply, reg->node)) {
        return co_fail(error, CO_INVALID, "Node name %s is reserved by node %s with name %s (%s)", reg->node, named.id,
                       named.node, named.address);
    }
    if (is_renamed) {
        plan->renamed = old_key;
        plan->row.create_index = known.create_index;
    }
    return CO_OK;
}

static bool offers_service(const struct catalog_register *reg, const char *id) {
    char a[CO_STORAGE_KEY_MAX], b[CO_STORAGE_KEY_MAX];
    return reg->service && co_bytes_equal(catalog_key(a, &reg->service->id, 1), catalog_key(b, &id, 1));
}

static co_status check_checks(struct co_apply *apply, const struct catalog_register *reg, bool is_renamed,
                              struct co_error *error) {
    const struct catalog_check *checks = reg->checks.items;
    for (size_t i = 0; i < reg->checks.count; i++) {
        const char *id = text(checks[i].service_id);
        if (!id[0] || offers_service(reg, id)) continue;
        char room[CO_STORAGE_KEY_MAX];
        const char *parts[] = {reg->node, id};
        struct co_bytes row;
        co_status status = co_get(apply->txn, CATALOG_SERVICES, catalog_key(room, parts, 2), &row);
        if (status && status != CO_NOT_FOUND) return co_fail(error, status, "cannot read a service");
        if (status || is_renamed) {
            return co_fail(error, CO_INVALID, "failed inserting check: Missing service registration on node \"%s\"",
                           reg->node);
        }
    }
    return CO_OK;
}

/* Name and tags of the check's service, as they are now. */
static co_status put_check(struct co_apply *apply, const struct catalog_register *reg,
                           const struct catalog_check *wanted, struct catalog_moved *moved, struct co_error *error) {
    char room[CO_STORAGE_KEY_MAX];
    struct catalog_check row = *wanted;
    const char *parts[] = {reg->node, row.service_id};
    row.node = reg->node;
    row.service_name = "";
    if (text(row.service_id)[0] && offers_service(reg, row.service_id)) {
        row.service_name = reg->service->service;
        row.service_tags = reg->service->tags;
    } else if (text(row.service_id)[0]) {
        struct co_bytes bytes;
        struct catalog_service service;
        TRY(co_get(apply->txn, CATALOG_SERVICES, catalog_key(room, parts, 2), &bytes));
        bytes.data = co_arena_copy(apply->arena, bytes.data, bytes.size); /* outlives the writes of the row */
        TRY(co_decode_record(&catalog_service_schema, &service, bytes, apply->arena, error));
        row.service_name = service.service;
        row.service_tags = service.tags;
    }
    return catalog_put_check(apply, &row, moved, error);
}

co_status catalog_register_apply(struct co_apply *apply, const void *request, void *reply, struct co_error *error) {
    const struct catalog_register *reg = request;
    struct plan plan = {.writes = false};
    struct catalog_moved moved = {false, false, false};
    (void)reply;
    TRY(plan_node(apply, reg, &plan, error));
    TRY(check_checks(apply, reg, plan.renamed.size > 0, error));
    if (plan.renamed.size) TRY(catalog_drop_node(apply, plan.renamed, &moved, error));
    if (plan.writes) TRY(catalog_put_node(apply, &plan.row, &moved, error));
    if (reg->service) TRY(catalog_put_service(apply, reg->node, reg->service, &moved, error));
    const struct catalog_check *checks = reg->checks.items;
    for (size_t i = 0; i < reg->checks.count; i++) TRY(put_check(apply, reg, &checks[i], &moved, error));
    return catalog_set_moved(apply, &moved, error);
}

co_status catalog_deregister_apply(struct co_apply *apply, const void *request, void *reply, struct co_error *error) {
    const struct catalog_deregister *dereg = request;
    struct catalog_moved moved = {false, false, false};
    char room[CO_STORAGE_KEY_MAX];
    bool is_service = text(dereg->service_id)[0], is_check = !is_service && text(dereg->check_id)[0];
    const char *parts[] = {dereg->node, is_service ? dereg->service_id : dereg->check_id};
    struct co_bytes key = catalog_key(room, parts, is_service || is_check ? 2 : 1);
    (void)reply;
    if (key.size == 0) return CO_OK; /* a name that long cannot have been registered */
    if (is_service)
        TRY(catalog_drop_service(apply, key, &moved, error));
    else if (is_check)
        TRY(catalog_drop_check(apply, key, &moved, error));
    else
        TRY(catalog_drop_node(apply, key, &moved, error));
    return catalog_set_moved(apply, &moved, error);
}
