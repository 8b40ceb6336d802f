/* service.consul: [TAG.]NAME.service and _NAME._TAG.service (RFC 2782; "tcp" stands for no tag) to the instances that are well.
 * A critical check of the instance or of its node excludes it; only_passing excludes warnings too. */
#include "health.h"

co_status health_zone_question(void *self, const struct co_zone_ask *ask, struct co_arena *arena,
                               const struct co_method **method, void **request) {
    const char *name, *tag = NULL;
    (void)self;
    if (ask->count == 0) return CO_NOT_FOUND;
    if (ask->is_rfc2782) {
        if (ask->count != 2 || ask->labels[0][0] != '_' || ask->labels[1][0] != '_') return CO_NOT_FOUND;
        name = ask->labels[0] + 1;
        if (strcmp(ask->labels[1], "_tcp") != 0) tag = ask->labels[1] + 1;
    } else {
        name = ask->labels[ask->count - 1];
        if (ask->count > 1) tag = ask->labels[0]; /* tags may hold dots */
        for (size_t i = 1; i + 1 < ask->count; i++) tag = co_arena_printf(arena, "%s.%s", tag, ask->labels[i]);
    }
    if (name[0] == 0) return CO_NOT_FOUND;
    struct catalog_query *wanted = co_arena_new(arena, struct catalog_query);
    wanted->name = co_arena_strdup(arena, name);
    if (tag) {
        wanted->tags = (struct co_strings){co_arena_array(arena, const char *, 1), 1};
        wanted->tags.items[0] = co_arena_strdup(arena, tag);
    }
    *method = &health_methods[HEALTH_SERVICE_NODES];
    *request = wanted;
    return CO_OK;
}

enum state { STATE_PASSING, STATE_WARNING, STATE_CRITICAL };

static enum state state_of(const struct health_instance *instance) {
    const struct catalog_check *checks = instance->checks.items;
    enum state state = STATE_PASSING;
    for (size_t i = 0; i < instance->checks.count; i++) {
        if (strcmp(checks[i].status, "critical") == 0) return STATE_CRITICAL;
        if (strcmp(checks[i].status, "passing") != 0) state = STATE_WARNING;
    }
    return state;
}

static uint16_t to_u16(int64_t value) {
    return value < 0 ? 0 : value > UINT16_MAX ? UINT16_MAX : (uint16_t)value;
}

static const char *node_tagged(const struct catalog_node *node, const char *tag) {
    for (size_t i = 0; i < node->tagged_addresses.count; i++) {
        if (strcmp(node->tagged_addresses.items[i].key, tag) == 0) return node->tagged_addresses.items[i].value;
    }
    return NULL;
}

static const char *service_tagged(const struct catalog_service *service, const char *tag) {
    for (size_t i = 0; i < service->tagged_addresses.count; i++) {
        const struct co_named *named = &service->tagged_addresses.items[i];
        if (strcmp(named->key, tag) == 0) return ((const struct catalog_service_address *)named->value)->address;
    }
    return NULL;
}

co_status health_zone_answer(void *self, const struct co_zone_ask *ask, const void *reply, struct co_arena *arena,
                             struct co_endpoints *out) {
    const struct health_instances_reply *answer = reply;
    const struct health_instance *instances = answer->instances.items;
    (void)self;
    *out = (struct co_endpoints){co_arena_array(arena, struct co_endpoint, answer->instances.count), 0};
    for (size_t i = 0; i < answer->instances.count; i++) {
        enum state state = state_of(&instances[i]);
        if (state == STATE_CRITICAL || (ask->only_passing && state != STATE_PASSING)) continue;
        const struct catalog_node *node = instances[i].node;
        const struct catalog_service *service = instances[i].service;
        int64_t weight = state == STATE_WARNING ? service->weights.warning : service->weights.passing;
        out->items[out->count++] = (struct co_endpoint){.node = node->node,
                                                        .datacenter = node->datacenter,
                                                        .address = service->address,
                                                        .node_address = node->address,
                                                        .address_v4 = service_tagged(service, "lan_ipv4"),
                                                        .address_v6 = service_tagged(service, "lan_ipv6"),
                                                        .node_address_v4 = node_tagged(node, "lan_ipv4"),
                                                        .node_address_v6 = node_tagged(node, "lan_ipv6"),
                                                        .service_id = service->id,
                                                        .port = to_u16(service->port),
                                                        .weight = to_u16(weight),
                                                        .node_meta = node->meta};
    }
    return out->count ? CO_OK : CO_NOT_FOUND;
}
