/* From endpoints to the records of an answer: which types, which targets, what goes along. The rules are Consul's: addresses once
 * each, SRV once per target and port, a host name becomes a CNAME where there is no address to give, tagged lan_ipv4 and lan_ipv6
 * addresses go before the plain one. Bytes are record.c's, limits and order the writer's. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "dns/record.h"

enum { SERVERS_MAX = 3 };

/* An address text, read. size 4 or 16; 0: a host name. */
struct place {
    const char *text;
    uint8_t address[16];
    size_t size;
};

static bool is_given(const char *text) {
    return text && *text;
}

/* The address that suits the question, as Consul's translation of addresses chooses it. */
static struct place choose(enum dns_kind kind, const char *plain, const char *v4, const char *v6) {
    struct place place = {.text = plain ? plain : ""};
    if (kind != DNS_KIND_AAAA && is_given(v4)) place.text = v4;
    if (kind != DNS_KIND_A && is_given(v6)) place.text = v6;
    if (inet_pton(AF_INET, place.text, place.address) == 1)
        place.size = 4;
    else if (inet_pton(AF_INET6, place.text, place.address) == 1)
        place.size = 16;
    return place;
}

static bool wants(enum dns_kind kind, size_t address_size) {
    if (kind == DNS_KIND_ANY || kind == DNS_KIND_TXT) return true;
    return address_size == 4 ? kind == DNS_KIND_A : kind == DNS_KIND_AAAA;
}

static bool address_name(const struct dns_builder *builder, struct dns_name *name, const struct place *place,
                         const char *datacenter) {
    char hex[33];
    for (size_t i = 0; i < place->size; i++) snprintf(hex + 2 * i, 3, "%02x", place->address[i]);
    return dns_name_full(name, hex, "addr", datacenter, builder->shape->domain);
}

static void own_owner(struct dns_builder *builder, struct dns_record *record, const struct dns_name *owner) {
    record->owner = DNS_OWNER_NAME;
    record->owner_at = (uint32_t)builder->bytes.size;
    record->owner_size = (uint8_t)owner->size;
    co_buffer_add(&builder->bytes, owner->wire, owner->size);
}

/* --- services --- */

static void add_srv(struct dns_builder *builder, const struct co_endpoint *endpoint, const struct place *place,
                    bool is_own) {
    struct dns_name node, target;
    bool has_node = dns_name_full(&node, endpoint->node, "node", endpoint->datacenter, builder->shape->domain), is_good;
    if (place->size == 0)
        is_good = dns_name_from(&target, place->text);
    else if (is_own)
        is_good = address_name(builder, &target, place, endpoint->datacenter);
    else
        is_good = has_node, target = node;
    if (!is_good || !dns_add_srv(builder, &builder->answers, endpoint->weight, endpoint->port, &target)) return;
    if (dns_drop_repeated(builder, &builder->answers, DNS_SRV_PORT)) return;
    size_t first = builder->extras.count;
    if (place->size && dns_add_address(builder, &builder->extras, place->address, place->size))
        dns_last(&builder->extras)->owner = DNS_OWNER_TARGET;
    for (size_t i = 0; i < endpoint->node_meta.count && !is_own && has_node && builder->shape->has_meta_txt; i++) {
        const struct co_pair *pair = &endpoint->node_meta.items[i];
        if (!dns_add_txt(builder, &builder->extras, pair->key, pair->value)) continue;
        dns_last(&builder->extras)->owner = DNS_OWNER_TARGET;
        if (place->size == 0) own_owner(builder, dns_last(&builder->extras), &node);
    }
    struct dns_record *answer = dns_last(&builder->answers);
    answer->extra_first = (uint32_t)first;
    answer->extra_count = (uint16_t)(builder->extras.count - first);
}

static void add_instance(struct dns_builder *builder, const struct co_endpoint *endpoint) {
    enum dns_kind kind = builder->shape->kind;
    struct place place = choose(kind, endpoint->address, endpoint->address_v4, endpoint->address_v6);
    bool is_own = *place.text != '\0';
    if (!is_own) place = choose(kind, endpoint->node_address, endpoint->node_address_v4, endpoint->node_address_v6);
    if (kind == DNS_KIND_SRV) {
        add_srv(builder, endpoint, &place, is_own);
        return;
    }
    struct dns_name name;
    if (place.size == 0) {
        if (builder->answers.count == 0 && dns_name_from(&name, place.text))
            dns_add_name(builder, &builder->names, DNS_CNAME, &name);
    } else if (wants(kind, place.size) && dns_add_address(builder, &builder->answers, place.address, place.size)) {
        dns_drop_repeated(builder, &builder->answers, DNS_BODY_FIXED);
    }
}

/* --- nodes --- */

static void add_node(struct dns_builder *builder, const struct co_endpoint *endpoint) {
    enum dns_kind kind = builder->shape->kind;
    struct place place = choose(kind, endpoint->node_address, endpoint->node_address_v4, endpoint->node_address_v6);
    struct dns_name name;
    if (kind == DNS_KIND_OTHER || kind == DNS_KIND_SRV) return;
    if (kind != DNS_KIND_TXT && place.size == 0 && dns_name_from(&name, place.text))
        dns_add_name(builder, &builder->answers, DNS_CNAME, &name);
    if (kind != DNS_KIND_TXT && place.size && wants(kind, place.size))
        dns_add_address(builder, &builder->answers, place.address, place.size);
    bool is_asked = kind == DNS_KIND_TXT || kind == DNS_KIND_ANY;
    if (!is_asked && !builder->shape->has_meta_txt) return;
    for (size_t i = 0; i < endpoint->node_meta.count; i++) {
        const struct co_pair *pair = &endpoint->node_meta.items[i];
        dns_add_txt(builder, is_asked ? &builder->answers : &builder->extras, pair->key, pair->value);
    }
}

/* --- the zone's servers --- */

static bool is_host_label(const char *text) {
    return text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")] == '\0';
}

static void add_server(struct dns_builder *builder, const struct co_endpoint *endpoint) {
    struct place place =
        choose(DNS_KIND_ANY, endpoint->node_address, endpoint->node_address_v4, endpoint->node_address_v6);
    struct dns_name name;
    if (!is_host_label(endpoint->node) ||
        !dns_name_full(&name, endpoint->node, "node", endpoint->datacenter, builder->shape->domain))
        return;
    if (!dns_add_name(builder, &builder->answers, DNS_NS, &name)) return;
    if (dns_drop_repeated(builder, &builder->answers, DNS_BODY_FIXED)) return;
    struct dns_record *answer = dns_last(&builder->answers);
    answer->owner = DNS_OWNER_DOMAIN;
    if (place.size == 0 || !dns_add_address(builder, &builder->extras, place.address, place.size)) return;
    dns_last(&builder->extras)->owner = DNS_OWNER_TARGET;
    answer->extra_first = (uint32_t)builder->extras.count - 1;
    answer->extra_count = 1;
}

/* --- templates --- */

static struct dns_template *finish(struct dns_builder *builder) {
    const struct dns_shape *shape = builder->shape;
    struct dns_template *template = co_calloc(1, sizeof *template);
    bool is_alias = builder->answers.count == 0 && builder->names.count > 0;
    const struct dns_list *answers = is_alias ? &builder->names : &builder->answers;
    size_t count = answers->count, all = count + builder->extras.count;
    template->records = co_calloc(all ? all : 1, sizeof *template->records);
    template->order = co_calloc(count ? count : 1, sizeof *template->order);
    if (count) memcpy(template->records, answers->items, count * sizeof *template->records);
    if (all > count)
        memcpy(template->records + count, builder->extras.items, (all - count) * sizeof *template->records);
    for (size_t i = 0; i < count; i++) {
        template->order[i] = (uint32_t)i;
        template->records[i].extra_first += (uint32_t)count;
    }
    template->answer_count = (uint32_t)count;
    template->is_shuffled = !shape->is_node;
    template->is_limited = !shape->is_node && shape->kind != DNS_KIND_SERVERS;
    template->is_addresses = !shape->is_node && shape->kind != DNS_KIND_SRV;
    template->pick_max = shape->kind == DNS_KIND_SERVERS ? SERVERS_MAX : is_alias ? 1 : 0;
    template->has_soa = count == 0 && !shape->is_node;
    if (shape->is_node) {
        template->loose_first = (uint32_t)count;
        template->loose_count = (uint32_t)builder->extras.count;
    }
    template->bytes = (uint8_t *)co_buffer_take(&builder->bytes);
    template->size =
        sizeof *template + all * sizeof *template->records + count * sizeof *template->order + builder->bytes.capacity;
    return template;
}

struct dns_template *dns_template_new(const struct dns_shape *shape, co_status status,
                                      const struct co_endpoints *endpoints) {
    struct dns_builder builder = {.shape = shape};
    for (size_t i = 0; status == CO_OK && i < endpoints->count; i++) {
        if (shape->kind == DNS_KIND_SERVERS)
            add_server(&builder, &endpoints->items[i]);
        else if (shape->is_node)
            add_node(&builder, &endpoints->items[i]);
        else
            add_instance(&builder, &endpoints->items[i]);
    }
    size_t bytes = builder.bytes.capacity;
    struct dns_template *template = finish(&builder);
    template->size += bytes;
    if (status) {
        template->rcode = (uint8_t)co_status_rcode(status);
        template->has_soa = status == CO_NOT_FOUND;
    }
    dns_builder_fini(&builder);
    return template;
}

void dns_template_free(struct dns_template *template) {
    if (!template) return;
    free(template->records);
    free(template->order);
    free(template->bytes);
    free(template);
}

struct dns_template dns_nxdomain = {.rcode = DNS_NXDOMAIN, .has_soa = true};
struct dns_template dns_nothing = {.rcode = DNS_NOERROR};

static void single(struct dns_single *out, enum dns_type type, uint32_t ttl, const void *data, size_t size,
                   enum dns_owner owner) {
    dns_put16(out->bytes, (uint16_t)type);
    dns_put16(out->bytes + 2, 1);
    dns_put32(out->bytes + 4, ttl);
    dns_put16(out->bytes + 8, (uint16_t)size);
    memcpy(out->bytes + DNS_BODY_FIXED, data, size);
    out->record = (struct dns_record){.size = (uint16_t)(DNS_BODY_FIXED + size), .owner = (uint8_t)owner};
    out->order = 0;
    out->template =
        (struct dns_template){.answer_count = 1, .records = &out->record, .order = &out->order, .bytes = out->bytes};
}

void dns_single_address(struct dns_single *out, const uint8_t *address, size_t size, uint32_t ttl) {
    single(out, size == 4 ? DNS_A : DNS_AAAA, ttl, address, size, DNS_OWNER_LOWER);
}

void dns_single_pointer(struct dns_single *out, const struct dns_name *name, uint32_t ttl) {
    single(out, DNS_PTR, ttl, name->wire, name->size, DNS_OWNER_QUESTION);
}
