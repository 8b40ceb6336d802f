/* Routes about the agent itself: what it is and counts, and the members it knows: itself, as long as there is no gossip. */
#include "agent_local.h"

#include <sys/utsname.h>
#include <unistd.h>

#define SPOKEN_VERSION CATALOG_SPOKEN_VERSION

static void add_pair(struct co_buffer *out, const char *key, const char *value, bool is_last) {
    co_buffer_add_json_string(out, key, strlen(key));
    co_buffer_add_byte(out, ':');
    co_buffer_add_json_string(out, value, strlen(value));
    if (!is_last) co_buffer_add_byte(out, ',');
}

static void add_number(struct co_buffer *out, const char *key, uint64_t value, bool is_last) {
    co_buffer_printf(out, "\"%s\":\"%llu\"%s", key, (unsigned long long)value, is_last ? "" : ",");
}

static const char *number(struct co_arena *arena, int32_t value) {
    return co_arena_printf(arena, "%d", (int)value);
}

static void add_tags(const struct agent_local *self, struct co_arena *arena, bool is_wan, struct co_buffer *out) {
    const struct co_agent_settings *agent = self->agent;
    co_buffer_add_byte(out, '{');
    add_pair(out, "acls", "0", false);
    if (agent->is_server && agent->bootstrap && !agent->is_dev) add_pair(out, "bootstrap", "1", false);
    add_pair(out, "build", SPOKEN_VERSION ":", false);
    add_pair(out, "dc", agent->datacenter, false);
    if (agent->is_server && agent->bootstrap_expect > 0)
        add_pair(out, "expect", number(arena, agent->bootstrap_expect), false);
    if (agent->is_server) add_pair(out, "ft_fs", "1", false);
    add_pair(out, "id", agent->node_id, false);
    if (agent->is_server) {
        add_pair(out, "port", number(arena, agent->ports.server), false);
        add_pair(out, "raft_vsn", "3", false);
    }
    add_pair(out, "role", agent->is_server ? "consul" : "node", false);
    add_pair(out, "segment", "", false);
    add_pair(out, "vsn", "2", false);
    add_pair(out, "vsn_max", "3", false);
    add_pair(out, "vsn_min", "2", !agent->is_server || is_wan);
    if (agent->is_server && !is_wan) add_pair(out, "wan_join_port", number(arena, agent->ports.serf_wan), true);
    co_buffer_add_byte(out, '}');
}

static void add_member(const struct agent_local *self, struct co_arena *arena, bool is_wan, struct co_buffer *out) {
    co_buffer_add_byte(out, '{');
    const struct co_agent_settings *agent = self->agent;
    add_pair(out, "Name",
             is_wan ? co_arena_printf(arena, "%s.%s", agent->node_name, agent->datacenter) : agent->node_name, false);
    add_pair(out, "Addr", self->agent->advertise_addr, false);
    co_buffer_printf(out, "\"Port\":%d,\"Tags\":", (int)(is_wan ? agent->ports.serf_wan : agent->ports.serf_lan));
    add_tags(self, arena, is_wan, out);
    co_buffer_add_text(out, ",\"Status\":1,\"ProtocolMin\":1,\"ProtocolMax\":5,\"ProtocolCur\":2,\"DelegateMin\":2,"
                            "\"DelegateMax\":5,\"DelegateCur\":4}");
}

void local_http_members(void *state, struct co_http *http) {
    struct agent_local *self = state;
    const char *segment = co_http_query(http, "segment");
    struct co_buffer body = {0};
    if (segment && *segment && strcmp(segment, "_all")) {
        co_http_text(http, 500, "Network segments are not supported in this version of Consul");
        return;
    }
    const char *wan = co_http_query(http, "wan");
    bool is_wan = wan && *wan && strcmp(wan, "0") && strcmp(wan, "false");
    co_buffer_add_byte(&body, '[');
    if (!is_wan || self->agent->is_server) add_member(self, http->arena, is_wan, &body);
    co_buffer_add_byte(&body, ']');
    co_http_reply(http, 200, "application/json", co_bytes(body.data, body.size));
    co_buffer_fini(&body);
}

static void add_config(const struct agent_local *self, struct co_buffer *out) {
    co_buffer_add_text(out, "\"Config\":{");
    add_pair(out, "Datacenter", self->agent->datacenter, false);
    add_pair(out, "NodeName", self->agent->node_name, false);
    add_pair(out, "NodeID", self->agent->node_id, false);
    add_pair(out, "Revision", co_build_revision(), false);
    co_buffer_printf(out, "\"Server\":%s,", self->agent->is_server ? "true" : "false");
    add_pair(out, "Version", SPOKEN_VERSION, true);
    co_buffer_add_text(out, "},\"DebugConfig\":");
    size_t before = out->size;
    co_ctx_write_config(self->ctx, out);
    if (out->size == before) co_buffer_add_text(out, "{}");
}

static void add_counts(const struct agent_local *self, struct co_buffer *out) {
    uint64_t monitors = 0, ttls = 0, checks = 0, services = 0;
    for (size_t i = 0; i < self->services.count; i++)
        services += ((const struct local_service *)self->services.items[i])->def != NULL;
    for (size_t i = 0; i < self->checks.count; i++) {
        const struct local_check_def *def = ((const struct local_check *)self->checks.items[i])->def;
        if (!def) continue;
        checks++;
        ttls += def->kind && def->kind->checker->is_passive;
        monitors += def->kind && !strcmp(def->type, "script");
    }
    co_buffer_add_text(out, "\"agent\":{");
    add_number(out, "check_monitors", monitors, false);
    add_number(out, "check_ttls", ttls, false);
    add_number(out, "checks", checks, false);
    add_number(out, "services", services, true);
    co_buffer_add_text(out, "},");
}

static void add_build(struct co_buffer *out) {
    co_buffer_add_text(out, "\"build\":{");
    add_pair(out, "prerelease", "", false);
    add_pair(out, "revision", co_build_revision(), false);
    add_pair(out, "version", SPOKEN_VERSION, false);
    add_pair(out, "cohort", CO_VERSION, true);
    co_buffer_add_text(out, "},");
}

static void add_consensus(const struct agent_local *self, struct co_buffer *out) {
    const struct co_consensus *consensus = co_ctx_consensus(self->ctx);
    struct co_consensus_status status = {0};
    consensus->ops->status(consensus->self, &status);
    co_buffer_add_text(out, "\"consul\":{");
    add_pair(out, "acl", "disabled", false);
    add_pair(out, "bootstrap", self->agent->bootstrap ? "true" : "false", false);
    add_pair(out, "known_datacenters", "1", false);
    add_pair(out, "leader", status.is_leader ? "true" : "false", false);
    add_pair(out, "leader_addr", status.leader_address ? status.leader_address : "", false);
    add_pair(out, "server", self->agent->is_server ? "true" : "false", true);
    co_buffer_add_text(out, "},\"raft\":{");
    add_number(out, "applied_index", co_state_applied(self->ctx), false);
    add_number(out, "commit_index", status.commit_index, false);
    add_number(out, "last_contact", status.last_contact_ms, false);
    add_number(out, "last_log_index", status.last_index, false);
    add_number(out, "num_peers", status.voters > 0 ? status.voters - 1 : 0, false);
    add_pair(out, "state", status.state ? status.state : "", false);
    add_number(out, "term", status.term, true);
    co_buffer_add_text(out, "},");
}

static void add_runtime(struct co_arena *arena, struct co_buffer *out) {
    struct utsname name = {0};
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    uname(&name);
    co_buffer_add_text(out, "\"runtime\":{");
    add_pair(out, "arch",
             !strcmp(name.machine, "x86_64")    ? "amd64"
             : !strcmp(name.machine, "aarch64") ? "arm64"
                                                : co_arena_strdup(arena, name.machine),
             false);
    add_number(out, "cpu_count", cpus > 0 ? (uint64_t)cpus : 1, false);
    add_pair(out, "os", "linux", false);
    add_pair(out, "version", "c11", true);
    co_buffer_add_text(out, "}");
}

void local_http_self(void *state, struct co_http *http) {
    struct agent_local *self = state;
    struct co_map meta = local_node_meta(self, http->arena);
    struct co_buffer body = {0};
    co_buffer_add_byte(&body, '{');
    add_config(self, &body);
    co_buffer_add_text(&body, ",\"Coord\":null,\"Member\":");
    add_member(self, http->arena, false, &body);
    co_buffer_add_text(&body, ",\"Stats\":{");
    add_counts(self, &body);
    add_build(&body);
    add_consensus(self, &body);
    add_runtime(http->arena, &body);
    co_buffer_add_text(&body, "},\"Meta\":{");
    for (size_t i = 0; i < meta.count; i++)
        add_pair(&body, meta.items[i].key, meta.items[i].value, i + 1 == meta.count);
    co_buffer_add_text(&body, "}}");
    co_http_reply(http, 200, "application/json", co_bytes(body.data, body.size));
    co_buffer_fini(&body);
}
