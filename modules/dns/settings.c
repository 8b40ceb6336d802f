/* From configuration to what packets need: the domain as a name, TTLs by service, bounds. */
#include "dns/dns.h"

#include <stdlib.h>

enum { DOMAIN_SIZE_MAX = 128, TTL_SECONDS_MAX = INT32_MAX };

static co_status read_domain(const char *key, const char *text, struct dns_name *out, struct co_error *error) {
    struct dns_name name;
    if (!dns_name_from(&name, text)) return co_fail(error, CO_INVALID, "%s = \"%s\" is not a domain name", key, text);
    if (name.size > DOMAIN_SIZE_MAX)
        return co_fail(error, CO_INVALID, "%s = \"%s\" is too long: at most %d characters", key, text,
                       DOMAIN_SIZE_MAX - 2);
    out->size = name.size;
    dns_lower(out->wire, name.wire, name.size);
    return CO_OK;
}

static co_status read_ttl(const char *key, int64_t ns, uint32_t *out, struct co_error *error) {
    if (ns < 0 || ns / CO_SECOND > TTL_SECONDS_MAX)
        return co_fail(error, CO_INVALID, "dns_config.%s must be between 0s and 68 years", key);
    *out = (uint32_t)(ns / CO_SECOND);
    return CO_OK;
}

static int by_precedence(const void *a, const void *b) {
    const struct dns_ttl *left = a, *right = b;
    if (left->is_prefix != right->is_prefix) return left->is_prefix - right->is_prefix;
    return left->size < right->size ? 1 : left->size > right->size ? -1 : 0;
}

co_status dns_ttls_read(struct dns_ttls *ttls, const struct dns_config *config, struct co_error *error) {
    *ttls = (struct dns_ttls){0};
    co_status status = read_ttl("node_ttl", config->node_ttl.ns, &ttls->node, error);
    if (status) return status;
    ttls->items = co_calloc(config->service_ttl.count + 1, sizeof *ttls->items);
    for (size_t i = 0; i < config->service_ttl.count && !status; i++) {
        const struct co_pair *pair = &config->service_ttl.items[i];
        struct dns_ttl *ttl = &ttls->items[ttls->count++];
        int64_t ns = 0;
        ttl->pattern = co_strdup(pair->key);
        ttl->size = strlen(pair->key);
        ttl->is_prefix = ttl->size > 0 && pair->key[ttl->size - 1] == '*';
        if (ttl->is_prefix) ttl->pattern[--ttl->size] = '\0';
        dns_lower((uint8_t *)ttl->pattern, (const uint8_t *)ttl->pattern, ttl->size);
        if (!co_duration_parse(pair->value, &ns))
            status =
                co_fail(error, CO_INVALID, "dns_config.service_ttl[\"%s\"] = \"%s\" is not a duration, e.g. \"10s\"",
                        pair->key, pair->value);
        else
            status = read_ttl("service_ttl", ns, &ttl->seconds, error);
    }
    if (status)
        dns_ttls_free(ttls);
    else
        qsort(ttls->items, ttls->count, sizeof *ttls->items, by_precedence);
    return status;
}

void dns_ttls_free(struct dns_ttls *ttls) {
    for (size_t i = 0; i < ttls->count; i++) free(ttls->items[i].pattern);
    free(ttls->items);
    *ttls = (struct dns_ttls){0};
}

uint32_t dns_ttl_of(const struct dns_ttls *ttls, const char *service) {
    for (size_t i = 0; i < ttls->count; i++) {
        const struct dns_ttl *ttl = &ttls->items[i];
        if (strncmp(service, ttl->pattern, ttl->size) == 0 && (ttl->is_prefix || service[ttl->size] == '\0'))
            return ttl->seconds;
    }
    return 0;
}

static co_status read_number(const char *key, int64_t value, int64_t max, uint32_t *out, struct co_error *error) {
    if (value < 0 || value > max)
        return co_fail(error, CO_INVALID, "%s must be between 0 and %lld", key, (long long)max);
    *out = (uint32_t)value;
    return CO_OK;
}

/* All or nothing: whatever cannot be used leaves the old settings in force. Sockets and domain stay as they were at the start. */
co_status dns_settings_take(struct dns *dns, const struct dns_settings *settings, bool is_first,
                            struct co_error *error) {
    const struct dns_config *config = &settings->config;
    struct dns_style style = dns->style;
    struct dns_name alt = {0};
    struct dns_ttls ttls = {0};
    co_status status = CO_OK;
    if (is_first) {
        style = (struct dns_style){0};
        co_random_bytes(&style.random, sizeof style.random);
        status = read_domain("domain", settings->domain, &style.domain, error);
        if (!status && settings->alt_domain && *settings->alt_domain)
            status = read_domain("alt_domain", settings->alt_domain, &alt, error);
        if (!status && (settings->udp_size_max < DNS_UDP_SMALL || settings->udp_size_max > 65000))
            status = co_fail(error, CO_INVALID, "modules.dns.udp_size_max must be between 512 and 65000");
        if (!status && (settings->tcp_connections_max < 1 || settings->tcp_connections_max > DNS_CONNECTIONS_LIMIT))
            status = co_fail(error, CO_INVALID, "modules.dns.tcp_connections_max must be between 1 and %d",
                             DNS_CONNECTIONS_LIMIT);
        if (!status && settings->tcp_connections_per_client < 1)
            status = co_fail(error, CO_INVALID, "modules.dns.tcp_connections_per_client must be at least 1");
        if (!status && settings->tcp_idle_timeout.ns < CO_MILLISECOND)
            status = co_fail(error, CO_INVALID, "modules.dns.tcp_idle_timeout must be longer than 0s");
        style.udp_size_max = (uint32_t)settings->udp_size_max;
    }
    if (!status)
        status = read_number("dns_config.udp_answer_limit", config->udp_answer_limit, INT32_MAX,
                             &style.udp_answer_limit, error);
    if (!status)
        status =
            read_number("dns_config.a_record_limit", config->a_record_limit, INT32_MAX, &style.a_record_limit, error);
    if (!status)
        status = read_number("dns_config.soa.refresh", config->soa.refresh, UINT32_MAX, &style.soa.refresh, error);
    if (!status) status = read_number("dns_config.soa.retry", config->soa.retry, UINT32_MAX, &style.soa.retry, error);
    if (!status)
        status = read_number("dns_config.soa.expire", config->soa.expire, UINT32_MAX, &style.soa.expire, error);
    if (!status)
        status = read_number("dns_config.soa.min_ttl", config->soa.min_ttl, UINT32_MAX, &style.soa.min_ttl, error);
    if (!status) status = dns_ttls_read(&ttls, config, error);
    if (status) return status;
    style.is_uncompressed = config->disable_compression;
    style.sets_truncated = config->enable_truncate;
    if (is_first) dns->alt_domain = alt;
    dns_ttls_free(&dns->ttls);
    dns->ttls = ttls;
    dns->style = style;
    dns->settings = *settings;
    dns->generation++;
    return CO_OK;
}
