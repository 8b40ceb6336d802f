/* Module agent_local: the services and checks of this node. Tables only; agent_local.h is the map of the files. */
#include "agent_local.h"

CO_SCHEMA(local_settings_schema, struct local_settings, "AgentLocal",
          CO_FIELD(0, struct local_settings, service, "Service", CO_AGENT_KEY | CO_ONE_OR_MANY,
                   .doc = "A service of this node; may be repeated."),
          CO_FIELD(0, struct local_settings, services, "Services", CO_AGENT_KEY | CO_ONE_OR_MANY,
                   .doc = "A list of services of this node."),
          CO_FIELD(0, struct local_settings, check, "Check", CO_AGENT_KEY | CO_ONE_OR_MANY,
                   .doc = "A health check of this node; may be repeated."),
          CO_FIELD(0, struct local_settings, checks, "Checks", CO_AGENT_KEY | CO_ONE_OR_MANY,
                   .doc = "A list of health checks of this node."),
          CO_FIELD(0, struct local_settings, enable_script_checks, "EnableScriptChecks", CO_AGENT_KEY,
                   .doc = "Run scripts of checks, also of those registered over HTTP."),
          CO_FIELD(0, struct local_settings, enable_local_script_checks, "EnableLocalScriptChecks", CO_AGENT_KEY,
                   .doc = "Run scripts of checks that stand in configuration files."),
          CO_FIELD(0, struct local_settings, discard_check_output, "DiscardCheckOutput", CO_AGENT_KEY,
                   .doc = "Keep no output of checks."),
          CO_FIELD(0, struct local_settings, check_update_interval, "CheckUpdateInterval", CO_AGENT_KEY,
                   .fallback = "5m",
                   .doc = "A check whose output alone has changed is synced at most once in this time; 0: always."),
          CO_FIELD(0, struct local_settings, check_output_max_size, "CheckOutputMaxSize", CO_AGENT_KEY,
                   .fallback = "4096", .doc = "Bytes of output kept per check."));

static co_status init(struct co_ctx *ctx, void *state, const void *config, struct co_error *error) {
    struct agent_local *self = state;
    (void)error;
    self->ctx = ctx;
    self->loop = co_ctx_loop(ctx);
    self->log = co_ctx_log(ctx);
    self->agent = co_ctx_agent(ctx);
    self->config = config;
    return CO_OK;
}

static co_status start(void *state, struct co_error *error) {
    struct agent_local *self = state;
    const struct local_settings *config = self->config;
    co_status status;
    self->config = NULL;
    local_checkers_gather(self);
    local_persist_load_services(self);
    status = local_config_load(self, config, error);
    if (!status) status = local_sync_start(self, error);
    if (status) return status;
    local_persist_load_checks(self);
    local_reaper_start(self);
    return CO_OK;
}

static co_status reload(void *self, const void *config, struct co_error *error) {
    co_status status = local_config_load(self, config, error);
    if (!status) local_sync_node_changed(self);
    return status;
}

static void stop(void *state, void (*stopped)(void *arg), void *arg) {
    struct agent_local *self = state;
    co_timer_stop(&self->reap);
    local_waiters_wake(self, true);
    for (size_t i = 0; i < self->checks.count; i++) local_check_stop(self->checks.items[i]);
    local_sync_stop(self, stopped, arg);
}

static void fini(void *self) {
    local_state_fini(self);
}

static const struct co_route routes[] = {
    {CO_GET, "/v1/agent/self", local_http_self, "This agent: settings, counters, member.", 0},
    {CO_GET, "/v1/agent/members", local_http_members, "The members that this agent knows.", 0},
    {CO_GET, "/v1/agent/services", local_http_services, "The services of this node.", 0},
    {CO_GET, "/v1/agent/service/:id", local_http_service, "One service; ?hash waits for a change.", 0},
    {CO_GET, "/v1/agent/checks", local_http_checks, "The checks of this node.", 0},
    {CO_PUT, "/v1/agent/service/register", local_http_service_register, "Registers a service with its checks.", 0},
    {CO_PUT, "/v1/agent/service/deregister/:id", local_http_service_deregister, "Removes a service and its checks.", 0},
    {CO_PUT, "/v1/agent/service/maintenance/:id", local_http_service_maintenance, "Takes a service out of use or back.",
     0},
    {CO_PUT, "/v1/agent/check/register", local_http_check_register, "Registers a check.", 0},
    {CO_PUT, "/v1/agent/check/deregister/:id", local_http_check_deregister, "Removes a check.", 0},
    {CO_PUT, "/v1/agent/check/pass/:id", local_http_check_pass, "Reports a TTL check as passing; ?note.", 0},
    {CO_PUT, "/v1/agent/check/warn/:id", local_http_check_warn, "Reports a TTL check as warning; ?note.", 0},
    {CO_PUT, "/v1/agent/check/fail/:id", local_http_check_fail, "Reports a TTL check as critical; ?note.", 0},
    {CO_PUT, "/v1/agent/check/update/:id", local_http_check_update, "Reports status and output of a TTL check.", 0},
    {CO_GET, "/v1/agent/health/service/id/:id", local_http_health_id, "The health of one service; ?format=text.", 0},
    {CO_GET, "/v1/agent/health/service/name/:name", local_http_health_name, "The health of a service's instances.", 0},
    {CO_PUT, "/v1/agent/maintenance", local_http_maintenance, "Takes the node out of use or back.", 0},
    {CO_PUT, "/v1/agent/reload", local_http_reload, "Reads the configuration files again.", 0},
    {CO_PUT, "/v1/agent/leave", local_http_leave, "Leaves the cluster and ends the agent.", 0},
    {CO_GET, "/v1/agent/metrics", local_http_metrics, "Metrics; ?format=prometheus.", 0},
    {CO_GET, "/v1/status/leader", local_http_status_leader, "The address of the leader.", 0},
    {CO_GET, "/v1/status/peers", local_http_status_peers, "The addresses of the voters.", 0},
};

static const char *const needs[] = {"consensus", "catalog", NULL};
static const struct co_offer offers[] = {{CO_OFFER_ROUTES, "agent_local", routes, CO_COUNT(routes)},
                                         {CO_OFFER_END, NULL, NULL, 0}};

const struct co_module CO_MODULE_SYMBOL(agent_local) = {
    .abi = CO_MODULE_ABI,
    .size = sizeof(struct co_module),
    .name = "agent_local",
    .summary = "services and health checks of this node",
    .needs = needs,
    .config = &local_settings_schema,
    .state_size = sizeof(struct agent_local),
    .offers = offers,
    .check = local_config_check,
    .init = init,
    .start = start,
    .reload = reload,
    .stop = stop,
    .fini = fini,
};
