/* From a parsed question to a template: the zone is asked for a method and a request, the core evaluates (or has the answer), and
 * the view below turns the zone's endpoints into records while the snapshot is open. What is answered for which type, and when a
 * name does not exist, follows Consul. */
#include "dns/dns.h"

/* The question that an evaluation is for; rendering happens inside co_ask_now(). */
struct dns_asking {
    struct dns *dns;
    const struct dns_zone *zone;
    const struct co_zone_ask *zone_ask;
    struct dns_shape shape;
};

/* --- rendering --- */

static void *render(const struct co_view *view, const struct co_ask *ask, uint64_t index, const void *reply,
                    size_t *size) {
    const struct dns *dns = (const struct dns *)((const char *)view - offsetof(struct dns, view));
    const struct dns_asking *asking = dns->asking;
    struct co_endpoints endpoints = {0};
    (void)ask;
    (void)index;
    co_assert(asking); /* nobody waits for a change through this view, so evaluation is always inside our call */
    const struct dns_zone *zone = asking->zone;
    co_status status = zone->zone->answer(zone->self, asking->zone_ask, reply, &asking->dns->arena, &endpoints);
    struct dns_template *template = dns_template_new(&asking->shape, status, &endpoints);
    *size = template->size;
    return template;
}

static void release(void *object) {
    dns_template_free(object);
}

struct co_view dns_view_make(void) {
    return (struct co_view){.name = "dns", .render = render, .release = release};
}

/* --- asking a zone --- */

static void report(struct dns *dns, const struct co_error *error) {
    uint64_t held = 0;
    if (!co_log_limit_pass(&dns->failed_limit, co_loop_now_ms(dns->loop), &held)) return;
    co_log_error(dns->log, "DNS lookup failed", "error=\"%s\" held_back=%llu", error->text, (unsigned long long)held);
}

/* The reference is the caller's. NULL: `*rcode` says why. */
static struct co_answer *ask_zone(struct dns *dns, const struct dns_asking *asking, enum dns_rcode *rcode) {
    const struct dns_zone *zone = asking->zone;
    const struct dns_shape *shape = &asking->shape;
    struct co_ask ask = {.view = &dns->view, .variant_data = zone, .consistency = dns->consistency};
    struct co_error error = {0};
    struct co_answer *answer = NULL;
    void *request = NULL;
    co_status status = zone->zone->question(zone->self, asking->zone_ask, &dns->arena, &ask.method, &request);
    if (status == CO_OK) {
        ask.request = request;
        ask.variant = dns->generation << 8 | (uint64_t)shape->kind;
        dns->asking = asking;
        answer = co_ask_now(dns->ctx, &ask, &error);
        dns->asking = NULL;
        if (!answer) {
            status = error.status ? error.status : CO_INTERNAL;
            if (status != CO_NOT_FOUND) report(dns, &error);
        }
    }
    co_arena_reset(&dns->arena);
    *rcode = status == CO_NOT_FOUND || status == CO_INVALID ? DNS_NXDOMAIN : (enum dns_rcode)co_status_rcode(status);
    return answer;
}

static enum dns_kind kind_of(uint16_t type) {
    switch (type) {
    case DNS_A:
        return DNS_KIND_A;
    case DNS_AAAA:
        return DNS_KIND_AAAA;
    case DNS_SRV:
        return DNS_KIND_SRV;
    case DNS_ANY:
        return DNS_KIND_ANY;
    case DNS_TXT:
        return DNS_KIND_TXT;
    default:
        return DNS_KIND_OTHER;
    }
}

static const char *service_of(const struct co_zone_ask *ask) {
    if (ask->is_rfc2782) return ask->labels[0] + 1;
    return ask->count ? ask->labels[ask->count - 1] : "";
}

static struct dns_asking asking_of(struct dns *dns, const struct dns_zone *zone, const struct co_zone_ask *ask,
                                   enum dns_kind kind) {
    bool is_node = zone->zone->is_node;
    struct dns_shape shape = {.kind = kind,
                              .is_node = is_node,
                              .has_meta_txt = dns->settings.config.enable_additional_node_meta_txt,
                              .ttl = is_node || kind == DNS_KIND_SERVERS ? dns->ttls.node
                                                                         : dns_ttl_of(&dns->ttls, service_of(ask)),
                              .domain = &dns->style.domain};
    return (struct dns_asking){.dns = dns, .zone = zone, .zone_ask = ask, .shape = shape};
}

/* --- zones --- */

static const struct dns_zone *find_zone(const struct dns *dns, const char *label) {
    for (size_t i = 0; i < dns->zone_count; i++) {
        if (strcmp(dns->zones[i].zone->label, label) == 0) return &dns->zones[i];
    }
    return NULL;
}

static bool is_zone(void *arg, const char *label) {
    return find_zone(arg, label) || strcmp(label, "addr") == 0;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 0a000001.addr is 10.0.0.1, whoever asks for which type and with whatever behind it. */
static struct dns_template *find_address(struct dns *dns, const struct dns_path *path) {
    uint8_t address[16];
    if (path->left != 1) return &dns_nxdomain;
    const char *text = path->labels[0];
    size_t size = strlen(text) / 2;
    if (strlen(text) != 8 && strlen(text) != 32) return &dns_nothing;
    for (size_t i = 0; i < size; i++) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0) return &dns_nxdomain;
        address[i] = (uint8_t)(high << 4 | low);
    }
    dns_single_address(&dns->single, address, size, dns->ttls.node);
    return &dns->single.template;
}

/* At most one label between the zone's and the domain: the datacenter. */
static bool is_here(const struct dns *dns, const struct dns_path *path) {
    const char *datacenter = co_ctx_agent(dns->ctx)->datacenter;
    return path->right == 0 || (path->right == 1 && strcasecmp(path->labels[path->count - 1], datacenter) == 0);
}

static size_t write_found(struct dns *dns, const struct dns_query *query, struct co_answer *answer,
                          enum dns_rcode rcode, bool is_tcp, uint8_t *out) {
    if (answer) return dns_write(&dns->style, query, answer->object, is_tcp, out);
    if (rcode == DNS_NXDOMAIN) return dns_write(&dns->style, query, &dns_nxdomain, is_tcp, out);
    return dns_write_empty(query, rcode, false, false, out);
}

static size_t answer_zone(struct dns *dns, const struct dns_query *query, size_t count, uint64_t hash, bool is_tcp,
                          uint8_t *out) {
    struct dns_path path;
    enum dns_rcode rcode;
    enum dns_kind kind = kind_of(query->type);
    if (!dns_path_find(&path, query, count, is_zone, dns))
        return dns_write(&dns->style, query, &dns_nxdomain, is_tcp, out);
    const struct dns_zone *zone = path.is_bare ? dns->services : find_zone(dns, path.labels[path.left]);
    if (!zone && !path.is_bare) return dns_write(&dns->style, query, find_address(dns, &path), is_tcp, out);
    if (!zone || path.left == 0 || path.right > 1) return dns_write(&dns->style, query, &dns_nxdomain, is_tcp, out);
    if (zone->zone->is_node && (kind == DNS_KIND_OTHER || kind == DNS_KIND_SRV))
        return dns_write(&dns->style, query, &dns_nothing, is_tcp,
                         out); /* such records no node has: not even looked up */
    if (!is_here(dns, &path)) return dns_write(&dns->style, query, &dns_nxdomain, is_tcp, out);
    struct co_zone_ask ask = {.labels = path.labels,
                              .count = path.left,
                              .datacenter = co_ctx_agent(dns->ctx)->datacenter,
                              .is_rfc2782 = path.left == 2 && path.labels[0][0] == '_' && path.labels[1][0] == '_',
                              .only_passing = dns->settings.config.only_passing,
                              .allow_stale = dns->settings.config.allow_stale};
    struct dns_asking asking = asking_of(dns, zone, &ask, kind);
    struct co_answer *answer = ask_zone(dns, &asking, &rcode);
    size_t size = write_found(dns, query, answer, rcode, is_tcp, out);
    if (answer) dns_cache_keep(dns, query, hash, answer);
    co_answer_release(answer);
    return size;
}

/* SOA and NS are answered for every name of the domain: the servers are the instances of service "consul". */
static size_t answer_apex(struct dns *dns, const struct dns_query *query, bool is_tcp, uint8_t *out) {
    static const char *const labels[] = {"consul"};
    struct co_zone_ask ask = {
        .labels = labels, .count = 1, .datacenter = co_ctx_agent(dns->ctx)->datacenter, .allow_stale = true};
    enum dns_rcode rcode = DNS_NXDOMAIN;
    struct co_answer *answer = NULL;
    if (dns->services) {
        struct dns_asking asking = asking_of(dns, dns->services, &ask, DNS_KIND_SERVERS);
        answer = ask_zone(dns, &asking, &rcode);
    }
    size_t size = dns_write_apex(&dns->style, query, answer ? answer->object : &dns_nothing, is_tcp, out);
    co_answer_release(answer);
    return size;
}

/* Whatever the type; what is not known is another server's, which we do not ask: SERVFAIL, as with Consul. Pointers have no TTL. */
static size_t answer_outside(struct dns *dns, const struct dns_query *query, bool is_tcp, uint8_t *out) {
    uint8_t address[16];
    struct dns_name name;
    enum dns_reversed reversed = dns_reverse_read(query, address);
    if (reversed == DNS_REVERSE_NOT) return dns_write_empty(query, DNS_REFUSED, false, false, out);
    if (reversed == DNS_REVERSE_PART || !dns_reverse_find(dns, address, &name))
        return dns_write_empty(query, DNS_SERVFAIL, false, true, out);
    dns_single_pointer(&dns->single, &name, 0);
    return dns_write(&dns->style, query, &dns->single.template, is_tcp, out);
}

size_t dns_answer(struct dns *dns, const struct dns_query *query, bool is_tcp, uint8_t *out) {
    uint64_t hash = dns_cache_hash(query);
    struct co_answer *known = dns_cache_find(dns, query, hash);
    if (known) return dns_write(&dns->style, query, known->object, is_tcp, out);
    size_t count = dns_labels_below(query, &dns->style.domain);
    if (count == SIZE_MAX && dns->alt_domain.size) count = dns_labels_below(query, &dns->alt_domain);
    if (count == SIZE_MAX) return answer_outside(dns, query, is_tcp, out);
    if (query->type == DNS_SOA || query->type == DNS_NS) return answer_apex(dns, query, is_tcp, out);
    if (query->type == DNS_AXFR) return dns_write_empty(query, DNS_NOTIMP, true, false, out);
    return answer_zone(dns, query, count, hash, is_tcp, out);
}
