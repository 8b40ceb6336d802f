/* From loading to listening and back; one packet from bytes to bytes; the metrics of a batch. */
#include "dns/dns.h"

#include <stdlib.h>

#include "cohort/consensus.h"

/* --- packets --- */

static enum dns_metric_type type_index(uint16_t type) {
    switch (type) {
    case DNS_A:
        return DNS_COUNT_A;
    case DNS_AAAA:
        return DNS_COUNT_AAAA;
    case DNS_SRV:
        return DNS_COUNT_SRV;
    case DNS_ANY:
        return DNS_COUNT_ANY;
    case DNS_PTR:
        return DNS_COUNT_PTR;
    default:
        return DNS_COUNT_TYPE_OTHER;
    }
}

static size_t serve(void *arg, const uint8_t *packet, size_t size, bool is_tcp, uint8_t *out) {
    struct dns *dns = arg;
    struct dns_query query;
    enum dns_rcode rcode;
    enum dns_verdict verdict = dns_parse(&query, packet, size, &rcode);
    if (verdict == DNS_IGNORE) return 0;
    size_t answer = verdict == DNS_PARSED ? dns_answer(dns, &query, is_tcp, out) : dns_write_header(packet, rcode, out);
    unsigned code = out[3] & 15;
    dns->types[verdict == DNS_PARSED ? type_index(query.type) : DNS_COUNT_TYPE_OTHER]++;
    if (code < DNS_COUNT_RCODES) dns->rcodes[code]++;
    return answer;
}

/* Nothing can be applied while a batch is answered, so these are read once. */
static void begin(void *arg) {
    struct dns *dns = arg;
    const struct dns_config *config = &dns->settings.config;
    dns->began_ns = co_mono_ns();
    uint64_t applied = co_state_applied(dns->ctx);
    if (applied < dns->applied)
        dns_cache_clear(dns); /* a snapshot was restored: the same indexes mean other data now */
    dns->applied = applied;
    dns->style.serial = (uint32_t)(co_wall_ns() / CO_SECOND);
    dns->consistency = CO_READ_DEFAULT;
    if (!config->allow_stale) return;
    struct co_consensus_status status = {0};
    const struct co_consensus *consensus = co_ctx_consensus(dns->ctx);
    consensus->ops->status(consensus->self, &status);
    if ((int64_t)status.last_contact_ms <= config->max_stale.ns / CO_MILLISECOND) dns->consistency = CO_READ_STALE;
}

static void finish(void *arg, size_t count) {
    struct dns *dns = arg;
    if (count == 0) return;
    double ms = (double)(co_mono_ns() - dns->began_ns) / 1e6 / (double)count;
    for (size_t i = 0; i < count; i++) co_metric_sample(dns->query_sample, ms);
    for (size_t i = 0; i < DNS_COUNT_TYPES; i++) {
        if (dns->types[i]) co_metric_add(dns->type_counters[i], dns->types[i]);
        dns->types[i] = 0;
    }
    for (size_t i = 0; i < DNS_COUNT_RCODES; i++) {
        if (dns->rcodes[i]) co_metric_add(dns->rcode_counters[i], dns->rcodes[i]);
        dns->rcodes[i] = 0;
    }
    if (dns->server.dropped != dns->dropped_told)
        co_metric_add(dns->dropped_counter, (double)(dns->server.dropped - dns->dropped_told));
    dns->dropped_told = dns->server.dropped;
}

/* --- life --- */

static void name_metrics(struct dns *dns) {
    static const char *const types[] = {"type=A", "type=AAAA", "type=SRV", "type=ANY", "type=PTR", "type=other"};
    static const char *const rcodes[] = {"rcode=NOERROR",  "rcode=FORMERR", "rcode=SERVFAIL",
                                         "rcode=NXDOMAIN", "rcode=NOTIMP",  "rcode=REFUSED"};
    struct co_buffer node = {0};
    co_buffer_printf(&node, "node=%s", co_ctx_agent(dns->ctx)->node_name);
    dns->query_sample = co_metric(dns->ctx, CO_METRIC_SAMPLE, "dns.domain_query", co_buffer_text(&node));
    dns->dropped_counter = co_metric(dns->ctx, CO_METRIC_COUNTER, "dns.answers_dropped", NULL);
    for (size_t i = 0; i < DNS_COUNT_TYPES; i++)
        dns->type_counters[i] = co_metric(dns->ctx, CO_METRIC_COUNTER, "dns.queries", types[i]);
    for (size_t i = 0; i < DNS_COUNT_RCODES; i++)
        dns->rcode_counters[i] = co_metric(dns->ctx, CO_METRIC_COUNTER, "dns.answers", rcodes[i]);
    co_buffer_fini(&node);
}

co_status dns_init(struct co_ctx *ctx, void *self, const void *config, struct co_error *error) {
    struct dns *dns = self;
    dns->ctx = ctx;
    dns->loop = co_ctx_loop(ctx);
    dns->log = co_ctx_log(ctx);
    dns->view = dns_view_make();
    dns->places_view = dns_places_view_make();
    return dns_settings_take(dns, config, true, error);
}

static void add_zones(void *arg, const struct co_module *module, void *self, const struct co_offer *offer) {
    struct dns *dns = arg;
    const struct co_zone *zones = offer->table;
    (void)module;
    dns->zones = co_realloc(dns->zones, (dns->zone_count + offer->count) * sizeof *dns->zones);
    for (size_t i = 0; i < offer->count; i++) dns->zones[dns->zone_count++] = (struct dns_zone){&zones[i], self};
}

co_status dns_start(void *self, struct co_error *error) {
    struct dns *dns = self;
    const struct co_agent_settings *agent = co_ctx_agent(dns->ctx);
    const char *addresses = agent->addresses.dns && *agent->addresses.dns ? agent->addresses.dns : agent->client_addr;
    if (agent->ports.dns < 0) {
        co_log_info(dns->log, "DNS is off", "reason=%s", "ports.dns is negative");
        return CO_OK;
    }
    co_ctx_offers(dns->ctx, CO_OFFER_ZONES, add_zones, dns);
    for (size_t i = 0; i < dns->zone_count; i++) {
        if (strcmp(dns->zones[i].zone->label, "service") == 0) dns->services = &dns->zones[i];
    }
    name_metrics(dns);
    dns->slots = co_calloc(DNS_SLOTS, sizeof *dns->slots);
    int64_t per_client = dns->settings.tcp_connections_per_client;
    dns->server = (struct dns_server){
        .loop = dns->loop,
        .log = dns->log,
        .arg = dns,
        .begin = begin,
        .finish = finish,
        .serve = serve,
        .udp_out_max = dns->style.udp_size_max,
        .receive_buffer =
            (int)(dns->settings.udp_receive_buffer.bytes < INT32_MAX ? dns->settings.udp_receive_buffer.bytes
                                                                     : INT32_MAX),
        .connections_max = (uint32_t)dns->settings.tcp_connections_max,
        .connections_per_client = (uint32_t)(per_client < DNS_CONNECTIONS_LIMIT ? per_client : DNS_CONNECTIONS_LIMIT),
        .idle_ms = (uint64_t)(dns->settings.tcp_idle_timeout.ns / CO_MILLISECOND)};
    return dns_listen(&dns->server, addresses ? addresses : "", agent->ports.dns, error);
}

co_status dns_reload(void *self, const void *config, struct co_error *error) {
    struct dns *dns = self;
    co_status status = dns_settings_take(dns, config, false, error);
    if (!status) dns_cache_clear(dns);
    return status;
}

void dns_stop(void *self, void (*stopped)(void *), void *arg) {
    struct dns *dns = self;
    dns_server_close(&dns->server);
    dns_cache_clear(dns); /* while the answers' owner still stands */
    stopped(arg);
}

void dns_fini(void *self) {
    struct dns *dns = self;
    dns_server_close(&dns->server);
    dns_cache_clear(dns);
    free(dns->slots);
    free(dns->zones);
    dns_ttls_free(&dns->ttls);
    co_arena_fini(&dns->arena);
}
