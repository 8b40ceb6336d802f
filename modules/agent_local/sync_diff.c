/* The comparison of this node with what the catalog says about it: marks what has to be written, adds what has to be removed
 * there, takes over tags where enable_tag_override allows the catalog to change them. Services and checks that the leader
 * keeps for servers are none of our business. */
#include "agent_local.h"

#include <stdlib.h>
#include <arpa/inet.h>

#define LEADERS_SERVICE "consul"
#define LEADERS_CHECK   "serfHealth"

/* --- equality --- */

static const char *text_of(const char *text) {
    return text ? text : "";
}
static bool text_equal(const char *a, const char *b) {
    return !strcmp(text_of(a), text_of(b));
}

static const char *map_get(struct co_map map, const char *key) {
    for (size_t i = 0; i < map.count; i++)
        if (!strcmp(map.items[i].key, key)) return text_of(map.items[i].value);
    return NULL;
}

bool local_map_equal(struct co_map a, struct co_map b) {
    if (a.count != b.count) return false;
    for (size_t i = 0; i < a.count; i++) {
        const char *other = map_get(b, a.items[i].key);
        if (!other || strcmp(other, text_of(a.items[i].value))) return false;
    }
    return true;
}

static bool strings_equal(struct co_strings a, struct co_strings b) {
    if (a.count != b.count) return false;
    for (size_t i = 0; i < a.count; i++)
        if (!text_equal(a.items[i], b.items[i])) return false;
    return true;
}

static bool addresses_equal(struct co_table_of a, struct co_table_of b) {
    if (a.count != b.count) return false;
    for (size_t i = 0; i < a.count; i++) {
        const struct catalog_service_address *mine = a.items[i].value, *other = NULL;
        for (size_t j = 0; j < b.count && !other; j++)
            if (!strcmp(a.items[i].key, b.items[j].key)) other = b.items[j].value;
        if (!other || mine->port != other->port || !text_equal(mine->address, other->address)) return false;
    }
    return true;
}

bool local_service_equal(const struct catalog_service *a, const struct catalog_service *b) {
    return text_equal(a->kind, b->kind) && text_equal(a->id, b->id) && text_equal(a->service, b->service) &&
           text_equal(a->address, b->address) && a->port == b->port && a->weights.passing == b->weights.passing &&
           a->weights.warning == b->weights.warning && a->enable_tag_override == b->enable_tag_override &&
           strings_equal(a->tags, b->tags) && local_map_equal(a->meta, b->meta) &&
           addresses_equal(a->tagged_addresses, b->tagged_addresses);
}

bool local_check_equal(const struct catalog_check *a, const struct catalog_check *b, bool ignore_output) {
    return text_equal(a->check_id, b->check_id) && text_equal(a->name, b->name) && text_equal(a->status, b->status) &&
           text_equal(a->notes, b->notes) && (ignore_output || text_equal(a->output, b->output)) &&
           text_equal(a->service_id, b->service_id) && text_equal(a->service_name, b->service_name) &&
           strings_equal(a->service_tags, b->service_tags) && text_equal(a->type, b->type);
}

/* --- the node --- */

static void map_put(struct co_map *map, const char *key, const char *value) {
    for (size_t i = 0; i < map->count; i++)
        if (!strcmp(map->items[i].key, key)) {
            map->items[i].value = value;
            return;
        }
    map->items[map->count++] = (struct co_pair){key, value};
}

struct co_map local_node_addresses(const struct agent_local *self, struct co_arena *arena) {
    const struct co_map *given = &self->agent->tagged_addresses;
    struct co_map map = {co_arena_array(arena, struct co_pair, given->count + 4), 0};
    const char *address = self->agent->advertise_addr;
    unsigned char raw[16];
    bool is_v4 = inet_pton(AF_INET, address, raw) == 1;
    map_put(&map, "lan", address);
    map_put(&map, is_v4 ? "lan_ipv4" : "lan_ipv6", address);
    map_put(&map, "wan", address);
    map_put(&map, is_v4 ? "wan_ipv4" : "wan_ipv6", address);
    for (size_t i = 0; i < given->count; i++) map_put(&map, given->items[i].key, given->items[i].value);
    return map;
}

struct co_map local_node_meta(const struct agent_local *self, struct co_arena *arena) {
    const struct co_map *given = &self->agent->node_meta;
    struct co_map map = {co_arena_array(arena, struct co_pair, given->count + 1), 0};
    map_put(&map, "consul-network-segment", "");
    for (size_t i = 0; i < given->count; i++) map_put(&map, given->items[i].key, given->items[i].value);
    return map;
}

/* --- the catalog's answer, kept as a record beyond its snapshot --- */

static void *reply_render(const struct co_view *view, const struct co_ask *ask, uint64_t index, const void *reply,
                          size_t *size) {
    struct co_buffer *record = co_calloc(1, sizeof *record);
    (void)view;
    (void)ask;
    (void)index;
    co_encode_record(&catalog_node_reply_schema, reply, record);
    *size = sizeof *record + record->capacity;
    return record;
}

static void reply_release(void *object) {
    co_buffer_fini(object);
    free(object);
}

static const struct co_view reply_view = {"agent_local", reply_render, reply_release};

/* --- the comparison --- */

struct diff {
    struct agent_local *self;
    const struct catalog_node_reply *reply;
    struct index {
        const char *id;
        const void *row;
    } * services, *checks; /* sorted by id */
};

static int index_order(const void *a, const void *b) {
    return strcmp(((const struct index *)a)->id, ((const struct index *)b)->id);
}

/* The catalog's order ignores case; ours does not. */
static void index_make(struct diff *diff, struct co_arena *arena) {
    const struct catalog_service *services = diff->reply->services.items;
    const struct catalog_check *checks = diff->reply->checks.items;
    size_t service_count = diff->reply->services.count, check_count = diff->reply->checks.count;
    diff->services = co_arena_array(arena, struct index, service_count + 1);
    diff->checks = co_arena_array(arena, struct index, check_count + 1);
    for (size_t i = 0; i < service_count; i++) diff->services[i] = (struct index){services[i].id, &services[i]};
    for (size_t i = 0; i < check_count; i++) diff->checks[i] = (struct index){checks[i].check_id, &checks[i]};
    qsort(diff->services, service_count, sizeof *diff->services, index_order);
    qsort(diff->checks, check_count, sizeof *diff->checks, index_order);
}

static const void *index_find(const struct index *index, size_t count, const char *id) {
    const struct index key = {id, NULL}, *found = bsearch(&key, index, count, sizeof *index, index_order);
    return found ? found->row : NULL;
}

static void mark(struct agent_local *self, struct local_sync *sync, bool is_equal) {
    if (sync->is_in_flight) return; /* its answer will tell */
    if (is_equal)
        sync->is_in_sync = true;
    else if (sync->is_in_sync)
        local_sync_changed(self, sync);
}

static void tags_adopt(struct agent_local *self, struct local_service *service, struct co_strings tags) {
    const struct catalog_service row = local_service_row(service);
    struct co_strings copy = {0};
    if (strings_equal(row.tags, tags)) return;
    co_arena_fini(&service->tags_arena);
    copy.items = co_arena_array(&service->tags_arena, const char *, tags.count + 1);
    for (size_t i = 0; i < tags.count; i++)
        copy.items[copy.count++] = co_arena_strdup(&service->tags_arena, tags.items[i]);
    service->tags = copy;
    service->has_tags = true;
    local_waiters_wake(self, false);
}

static void services_compare(struct diff *diff) {
    struct agent_local *self = diff->self;
    for (size_t i = 0; i < self->services.count; i++) {
        struct local_service *service = self->services.items[i];
        const struct catalog_service *remote = index_find(diff->services, diff->reply->services.count, service->id);
        struct catalog_service row;
        if (!service->def) {
            mark(self, &service->sync, !remote);
            continue;
        }
        if (remote && service->def->row.enable_tag_override && service->sync.is_in_sync)
            tags_adopt(self, service, remote->tags);
        row = local_service_row(service);
        mark(self, &service->sync, remote && local_service_equal(&row, remote));
    }
    for (size_t i = 0; i < diff->reply->services.count; i++) {
        const struct catalog_service *remote = &((const struct catalog_service *)diff->reply->services.items)[i];
        struct local_service *gone;
        if (local_set_find(&self->services, remote->id) ||
            (self->agent->is_server && !strcmp(remote->id, LEADERS_SERVICE)))
            continue;
        gone = co_calloc(1, sizeof *gone);
        gone->id = co_strdup(remote->id);
        local_set_add(&self->services, gone);
        local_sync_changed(self, &gone->sync);
    }
}

static void checks_compare(struct diff *diff) {
    struct agent_local *self = diff->self;
    for (size_t i = 0; i < self->checks.count; i++) {
        struct local_check *check = self->checks.items[i];
        const struct catalog_check *remote = index_find(diff->checks, diff->reply->checks.count, check->id);
        struct catalog_check row;
        if (!check->def) {
            mark(self, &check->sync, !remote);
            continue;
        }
        row = local_check_row(self, check);
        mark(self, &check->sync, remote && local_check_equal(&row, remote, co_timer_is_armed(&check->deferred)));
    }
    for (size_t i = 0; i < diff->reply->checks.count; i++) {
        const struct catalog_check *remote = &((const struct catalog_check *)diff->reply->checks.items)[i];
        struct local_check *gone;
        if (local_set_find(&self->checks, remote->check_id) || !strcmp(remote->check_id, LEADERS_CHECK)) continue;
        gone = co_calloc(1, sizeof *gone);
        gone->id = co_strdup(remote->check_id);
        gone->output = co_strdup("");
        gone->owner = self;
        gone->sync.is_check = true;
        local_set_add(&self->checks, gone);
        local_sync_changed(self, &gone->sync);
    }
}

static void node_compare(struct diff *diff, struct co_arena *arena) {
    struct agent_local *self = diff->self;
    const struct catalog_node *node = diff->reply->node;
    mark(self, &self->node_sync,
         node && text_equal(node->id, self->agent->node_id) && text_equal(node->address, self->agent->advertise_addr) &&
             local_map_equal(node->tagged_addresses, local_node_addresses(self, arena)) &&
             local_map_equal(node->meta, local_node_meta(self, arena)));
}

co_status local_sync_diff(struct agent_local *self, struct co_error *error) {
    struct catalog_node_request request = {.datacenter = self->agent->datacenter, .node = self->agent->node_name};
    struct co_ask ask = {
        .method = self->node_method, .request = &request, .view = &reply_view, .consistency = CO_READ_STALE};
    struct catalog_node_reply reply = {0};
    struct diff diff = {.self = self, .reply = &reply};
    struct co_arena arena = CO_ARENA_INIT;
    struct co_answer *answer = co_ask_now(self->ctx, &ask, error);
    co_status status;
    if (!answer) return error->status;
    const struct co_buffer *record = answer->object;
    status = co_decode_record(&catalog_node_reply_schema, &reply, co_bytes(record->data, record->size), &arena, error);
    if (!status) {
        index_make(&diff, &arena);
        node_compare(&diff, &arena);
        services_compare(&diff);
        checks_compare(&diff);
    }
    co_arena_fini(&arena);
    co_answer_release(answer);
    return status;
}
