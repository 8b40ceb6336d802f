/* What the leader does without being asked: it registers itself. The node, the service "consul" with the server port, and the
 * check serfHealth, as Consul's leader does for each server; once when it becomes leader and again when a look once a minute finds
 * any of them missing or different. What the agent itself has registered about its node (metadata, addresses) is left alone. */
#include "catalog_slice.h"

enum { RETRY_MS = 250, RECONCILE_MS = 60000 };

static void look(void *arg);

static struct co_map lan_and_wan(const struct co_agent_settings *agent, struct co_arena *arena) {
    static const char *const keys[] = {"lan", "wan"};
    bool is_ipv6 = strchr(agent->advertise_addr, ':') != NULL;
    struct co_map map = {co_arena_array(arena, struct co_pair, 4 + agent->tagged_addresses.count), 0};
    for (size_t i = 0; i < agent->tagged_addresses.count; i++)
        map.items[map.count++] = agent->tagged_addresses.items[i];
    for (size_t i = 0; i < CO_COUNT(keys); i++) {
        const char *versioned = co_arena_printf(arena, "%s_%s", keys[i], is_ipv6 ? "ipv6" : "ipv4");
        const char *const names[] = {keys[i], versioned};
        for (size_t n = 0; n < CO_COUNT(names); n++) {
            size_t at = 0;
            while (at < map.count && strcmp(map.items[at].key, names[n]) != 0) at++;
            if (at == map.count) map.items[map.count++] = (struct co_pair){names[n], agent->advertise_addr};
        }
    }
    return map;
}

static struct co_map meta_of(const struct co_agent_settings *agent, struct co_arena *arena) {
    struct co_map meta = {co_arena_array(arena, struct co_pair, 1 + agent->node_meta.count), 0};
    meta.items[meta.count++] = (struct co_pair){"consul-network-segment", ""};
    for (size_t i = 0; i < agent->node_meta.count; i++) meta.items[meta.count++] = agent->node_meta.items[i];
    return meta;
}

/* True when all is there. `has_node`: at least the node is as it should be, so its row is not to be written. */
static bool is_registered(struct catalog *catalog, struct co_arena *arena, bool *has_node) {
    const struct co_agent_settings *agent = co_ctx_agent(catalog->ctx);
    const struct co_storage *storage = co_ctx_storage(catalog->ctx);
    char room[CO_STORAGE_KEY_MAX];
    struct catalog_node node;
    struct catalog_service service;
    struct catalog_check check;
    struct co_txn *txn;
    *has_node = false;
    if (storage->ops->begin(storage->self, false, &txn, NULL)) return false;
    const char *service_parts[] = {agent->node_name, "consul"}, *check_parts[] = {agent->node_name, "serfHealth"};
    *has_node = catalog_read_node(txn, catalog_key(room, &agent->node_name, 1), &node, arena, NULL) == CO_OK &&
                strcmp(node.id, agent->node_id) == 0 && strcmp(node.address, agent->advertise_addr) == 0;
    bool has_service = catalog_read_service(txn, catalog_key(room, service_parts, 2), &service, arena, NULL) == CO_OK &&
                       service.port == agent->ports.server;
    bool has_check = catalog_read_check(txn, catalog_key(room, check_parts, 2), &check, arena, NULL) == CO_OK &&
                     strcmp(check.status, "passing") == 0;
    txn->ops->abort(txn);
    return *has_node && has_service && has_check;
}

static void registered(void *arg, co_status status, const struct co_error *error, uint64_t index, const void *reply) {
    struct catalog *catalog = arg;
    (void)index;
    (void)reply;
    catalog->is_registering = false;
    if (!status) return;
    if (catalog->is_leader) co_timer_start(co_ctx_loop(catalog->ctx), &catalog->timer, RETRY_MS, look, catalog);
    co_log_warn(co_ctx_log(catalog->ctx), "could not register this server in the catalog; trying again", "error=%s",
                error ? error->text : co_status_text(status));
}

static void reconcile(struct catalog *catalog) {
    const struct co_agent_settings *agent = co_ctx_agent(catalog->ctx);
    struct co_arena arena = CO_ARENA_INIT;
    bool has_node;
    if (!is_registered(catalog, &arena, &has_node)) {
        struct co_pair service_meta[] = {{"non_voter", "false"},         {"raft_version", "3"},
                                         {"serf_protocol_current", "2"}, {"serf_protocol_max", "5"},
                                         {"serf_protocol_min", "1"},     {"version", CATALOG_SPOKEN_VERSION}};
        struct catalog_service service = {.id = "consul",
                                          .service = "consul",
                                          .port = agent->ports.server,
                                          .weights = {1, 1},
                                          .meta = {service_meta, CO_COUNT(service_meta)}};
        struct catalog_check check = {.check_id = "serfHealth",
                                      .name = "Serf Health Status",
                                      .status = "passing",
                                      .output = "Agent alive and reachable"};
        struct catalog_register reg = {.id = agent->node_id,
                                       .node = agent->node_name,
                                       .address = agent->advertise_addr,
                                       .tagged_addresses = lan_and_wan(agent, &arena),
                                       .node_meta = meta_of(agent, &arena),
                                       .service = &service,
                                       .check = &check,
                                       .skip_node_update = has_node};
        catalog->is_registering = true;
        co_write(catalog->ctx, &catalog_methods[CATALOG_REGISTER], &reg, &arena, registered, catalog);
    }
    co_arena_fini(&arena);
}

static void look(void *arg) {
    struct catalog *catalog = arg;
    if (!catalog->is_leader) return;
    co_timer_start(co_ctx_loop(catalog->ctx), &catalog->timer, RECONCILE_MS, look, catalog);
    if (!catalog->is_registering) reconcile(catalog);
}

void catalog_leadership(void *self, bool is_leader) {
    struct catalog *catalog = self;
    catalog->is_leader = is_leader;
    co_timer_stop(&catalog->timer);
    look(catalog);
}

co_status catalog_init(struct co_ctx *ctx, void *self, const void *config, struct co_error *error) {
    (void)config;
    (void)error;
    ((struct catalog *)self)->ctx = ctx;
    return CO_OK;
}

void catalog_stop(void *self, void (*stopped)(void *arg), void *arg) {
    co_timer_stop(&((struct catalog *)self)->timer);
    stopped(arg);
}
