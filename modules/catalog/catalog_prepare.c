/* What a registration may say: checked and completed on the leader before it is proposed. Fills in ids from names, the node of
 * its checks, weights; bounds all names, so that every key of every index fits. Texts are those that Consul's users know. */
#include "catalog_slice.h"

#include <stdlib.h>
#include <strings.h>

static const char *text(const char *value) {
    return value ? value : "";
}

static co_status bounded(const char *what, const char *value, size_t max, struct co_error *error) {
    size_t size = strlen(text(value));
    if (size <= max) return CO_OK;
    return co_fail(error, CO_INVALID, "%s is too long: %zu bytes, at most %zu are allowed", what, size, max);
}

static co_status check_id(const char *id, struct co_error *error) {
    if (id[0] == 0) return CO_OK;
    if (strlen(id) != 36) return co_fail(error, CO_INVALID, "Bad node ID: uuid string is wrong length");
    for (int i = 0; i < 36; i++) {
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (is_dash ? id[i] == '-' : strchr("0123456789abcdefABCDEF", id[i]) != NULL) continue;
        return co_fail(error, CO_INVALID, "Bad node ID: uuid is improperly formatted");
    }
    return CO_OK;
}

static co_status check_datacenter(struct co_prepare *prepare, const char **datacenter, struct co_error *error) {
    const char *own = co_ctx_agent(prepare->ctx)->datacenter;
    if (text(*datacenter)[0] && strcmp(*datacenter, own) != 0)
        return co_fail(error, CO_INTERNAL, "No path to datacenter");
    *datacenter = own;
    return CO_OK;
}

static co_status complete_service(struct catalog_service *service, struct co_error *error) {
    if (!text(service->id)[0]) service->id = service->service;
    if (!text(service->service)[0]) {
        return co_fail(error, CO_INVALID,
                       text(service->id)[0] ? "Must provide service name with ID" : "Must provide service name");
    }
    if (strcasecmp(text(service->kind), "typical") == 0) service->kind = "";
    if (text(service->kind)[0]) {
        return co_fail(error, CO_INVALID, "Service kind \"%.64s\" is not supported by this version yet", service->kind);
    }
    co_status status = bounded("Service name", service->service, CATALOG_NAME_MAX, error);
    if (!status) status = bounded("Service ID", service->id, CATALOG_NAME_MAX, error);
    if (status) return status;
    const struct catalog_weights *weights = &service->weights;
    if (weights->passing < 1 || weights->passing > 65535 || weights->warning < 0 || weights->warning > 65535) {
        service->weights = (struct catalog_weights){1, 1};
    }
    service->node = NULL;
    service->create_index = service->modify_index = 0;
    return CO_OK;
}

static co_status complete_check(struct catalog_check *check, const char *node, struct co_error *error) {
    if (!text(check->check_id)[0]) check->check_id = check->name;
    if (!text(check->check_id)[0]) return co_fail(error, CO_INVALID, "Must provide a check ID or name");
    if (!text(check->node)[0]) check->node = node;
    if (strcasecmp(check->node, node) != 0) {
        return co_fail(error, CO_INVALID, "check node \"%s\" does not match node \"%s\"", check->node, node);
    }
    check->node = node;
    if (!text(check->status)[0]) check->status = "critical";
    if (!text(check->type)[0] && check->definition.interval.ns > 0) { /* a probe that is described but not named */
        check->type = text(check->definition.http)[0] ? "http" : text(check->definition.tcp)[0] ? "tcp" : "";
    }
    co_status status = bounded("Check ID", check->check_id, CATALOG_CHECK_ID_MAX, error);
    if (!status) status = bounded("Check status", check->status, CATALOG_STATUS_MAX, error);
    if (!status) status = bounded("Service ID of the check", check->service_id, CATALOG_NAME_MAX, error);
    /* Name and tags of the service come from its own row. */
    check->service_name = NULL;
    check->service_tags = (struct co_strings){NULL, 0};
    check->create_index = check->modify_index = 0;
    return status;
}

/* Rows are compared as bytes, so a tagged address that stands twice must not depend on the order of the request. */
static int by_key(const void *a, const void *b) {
    return strcmp(((const struct co_pair *)a)->key, ((const struct co_pair *)b)->key);
}
static int by_name(const void *a, const void *b) {
    return strcmp(((const struct co_named *)a)->key, ((const struct co_named *)b)->key);
}

static void sort_map(struct co_map *map) {
    if (map->count > 1) qsort(map->items, map->count, sizeof *map->items, by_key);
    if (map->count == 0) map->items = NULL;
}

co_status catalog_register_complete(struct catalog_register *reg, struct co_arena *arena, struct co_error *error) {
    if (!text(reg->node)[0]) return co_fail(error, CO_INVALID, "Must provide node");
    if (!text(reg->address)[0] && !reg->skip_node_update) {
        return co_fail(error, CO_INVALID, "Must provide address if SkipNodeUpdate is not set");
    }
    reg->id = text(reg->id);
    co_status status = check_id(reg->id, error);
    if (!status) status = bounded("Node name", reg->node, CATALOG_NAME_MAX, error);
    if (status) return status;
    sort_map(&reg->tagged_addresses);
    sort_map(&reg->node_meta);
    if (reg->service) {
        status = complete_service(reg->service, error);
        if (status) return status;
        sort_map(&reg->service->meta);
        struct co_table_of *addresses = &reg->service->tagged_addresses;
        if (addresses->count > 1) qsort(addresses->items, addresses->count, sizeof *addresses->items, by_name);
    }
    if (reg->check) { /* one more of the list */
        struct catalog_check *checks = co_arena_array(arena, struct catalog_check, reg->checks.count + 1);
        if (reg->checks.count) memcpy(checks, reg->checks.items, reg->checks.count * sizeof *checks);
        checks[reg->checks.count] = *reg->check;
        reg->checks = (struct co_records){checks, reg->checks.count + 1};
        reg->check = NULL;
    }
    struct catalog_check *checks = reg->checks.items;
    for (size_t i = 0; i < reg->checks.count; i++) {
        status = complete_check(&checks[i], reg->node, error);
        if (status) return status;
    }
    return CO_OK;
}

co_status catalog_register_prepare(struct co_prepare *prepare, void *request, struct co_error *error) {
    struct catalog_register *reg = request;
    co_status status = catalog_register_complete(reg, prepare->arena, error);
    return status ? status : check_datacenter(prepare, &reg->datacenter, error);
}

co_status catalog_deregister_prepare(struct co_prepare *prepare, void *request, struct co_error *error) {
    struct catalog_deregister *dereg = request;
    if (!text(dereg->node)[0]) return co_fail(error, CO_INVALID, "Must provide node");
    return check_datacenter(prepare, &dereg->datacenter, error);
}
