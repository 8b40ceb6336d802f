/* Reverse names: which node is at an address. The zone lists its places once per change; they are kept as a table by address, so that
 * a question costs the same however many nodes there are. Addresses of services are not known here. */
#include <arpa/inet.h>
#include <stdlib.h>

#include "dns/dns.h"

struct place {
    uint8_t address[16];
    uint32_t name_at; /* in `names`, plus one; 0: free */
};

struct places {
    struct place *slots;
    size_t slot_count; /* a power of two */
    struct co_buffer names;
};

/* --- names to addresses --- */

/* IPv4 as ::ffff:a.b.c.d, so that all have one size. */
static void map_v4(uint8_t address[16], const uint8_t v4[4]) {
    memset(address, 0, 10);
    address[10] = address[11] = 0xff;
    memcpy(address + 12, v4, 4);
}

static bool read_octet(const uint8_t *label, uint8_t *out) {
    unsigned value = 0;
    if (label[0] < 1 || label[0] > 3) return false;
    for (size_t i = 1; i <= label[0]; i++) {
        if (label[i] < '0' || label[i] > '9') return false;
        value = value * 10 + label[i] - '0';
    }
    *out = (uint8_t)value;
    return value < 256;
}

static bool read_nibble(const uint8_t *label, uint8_t *out) {
    uint8_t c = label[1];
    if (label[0] != 1) return false;
    if (c >= '0' && c <= '9')
        *out = (uint8_t)(c - '0');
    else if (c >= 'a' && c <= 'f')
        *out = (uint8_t)(c - 'a' + 10);
    else
        return false;
    return true;
}

enum dns_reversed dns_reverse_read(const struct dns_query *query, uint8_t address[16]) {
    static const struct dns_name v4_domain = {14, "\7in-addr\4arpa"}, v6_domain = {10, "\3ip6\4arpa"};
    const uint8_t *name = query->name.wire;
    size_t count = dns_labels_below(query, &v4_domain);
    if (count != SIZE_MAX) {
        uint8_t v4[4];
        if (count != 4) return DNS_REVERSE_PART;
        for (size_t i = 0; i < 4; i++)
            if (!read_octet(name + query->labels[i], &v4[3 - i])) return DNS_REVERSE_PART;
        map_v4(address, v4);
        return DNS_REVERSE_WHOLE;
    }
    count = dns_labels_below(query, &v6_domain);
    if (count == SIZE_MAX) return DNS_REVERSE_NOT;
    if (count != 32) return DNS_REVERSE_PART;
    for (size_t i = 0; i < 16; i++) {
        uint8_t low, high;
        if (!read_nibble(name + query->labels[2 * i], &low) || !read_nibble(name + query->labels[2 * i + 1], &high))
            return DNS_REVERSE_PART;
        address[15 - i] = (uint8_t)(high << 4 | low);
    }
    return DNS_REVERSE_WHOLE;
}

/* --- the table --- */

static struct place *find(const struct places *places, const uint8_t address[16]) {
    size_t at = co_hash(address, 16) & (places->slot_count - 1);
    while (places->slots[at].name_at && memcmp(places->slots[at].address, address, 16) != 0)
        at = (at + 1) & (places->slot_count - 1);
    return &places->slots[at];
}

static void add(struct places *places, const struct co_endpoint *endpoint, const struct dns_name *domain) {
    uint8_t address[16], v4[4];
    struct dns_name name;
    if (inet_pton(AF_INET, endpoint->node_address, v4) == 1)
        map_v4(address, v4);
    else if (inet_pton(AF_INET6, endpoint->node_address, address) != 1)
        return;
    struct place *place = find(places, address);
    if (place->name_at || !dns_name_full(&name, endpoint->node, "node", endpoint->datacenter, domain)) return;
    memcpy(place->address, address, 16);
    place->name_at = (uint32_t)places->names.size + 1;
    co_buffer_add(&places->names, &name.size, sizeof name.size);
    co_buffer_add(&places->names, name.wire, name.size);
}

static void *render(const struct co_view *view, const struct co_ask *ask, uint64_t index, const void *reply,
                    size_t *size) {
    struct dns *dns = (struct dns *)((char *)(uintptr_t)view - offsetof(struct dns, places_view));
    const struct dns_zone *zone = ask->variant_data;
    struct co_endpoints endpoints = {0};
    struct places *places = co_calloc(1, sizeof *places);
    (void)index;
    if (zone->zone->places(zone->self, reply, &dns->arena, &endpoints) != CO_OK) endpoints.count = 0;
    for (places->slot_count = 16; places->slot_count < 2 * endpoints.count;) places->slot_count *= 2;
    places->slots = co_calloc(places->slot_count, sizeof *places->slots);
    for (size_t i = 0; i < endpoints.count; i++) add(places, &endpoints.items[i], &dns->style.domain);
    *size = sizeof *places + places->slot_count * sizeof *places->slots + places->names.capacity;
    return places;
}

static void release(void *object) {
    struct places *places = object;
    co_buffer_fini(&places->names);
    free(places->slots);
    free(places);
}

struct co_view dns_places_view_make(void) {
    return (struct co_view){.name = "dns.places", .render = render, .release = release};
}

/* --- asking --- */

static bool find_in_zone(struct dns *dns, const struct dns_zone *zone, const uint8_t address[16],
                         struct dns_name *name) {
    struct co_ask ask = {.view = &dns->places_view, .variant_data = zone, .consistency = dns->consistency};
    struct co_error error = {0};
    void *request = NULL;
    struct co_answer *answer = NULL;
    co_status status = zone->zone->places_question(zone->self, &dns->arena, &ask.method, &request);
    ask.request = request;
    if (status == CO_OK) answer = co_ask_now(dns->ctx, &ask, &error);
    co_arena_reset(&dns->arena);
    if (!answer) return false;
    const struct places *places = answer->object;
    const struct place *place = find(places, address);
    if (place->name_at) {
        const char *at = places->names.data + place->name_at - 1;
        memcpy(&name->size, at, sizeof name->size);
        memcpy(name->wire, at + sizeof name->size, name->size);
    }
    bool is_found = place->name_at > 0;
    co_answer_release(answer);
    return is_found;
}

bool dns_reverse_find(struct dns *dns, const uint8_t address[16], struct dns_name *name) {
    for (size_t i = 0; i < dns->zone_count; i++) {
        if (dns->zones[i].zone->places && find_in_zone(dns, &dns->zones[i], address, name)) return true;
    }
    return false;
}
