/* Single records: their data made by ldns, kept as bytes without an owner. Knows nothing of services and nodes. */
#include "dns/record.h" /* first: without <stdbool.h> ldns makes bool a char */

#include <ldns/ldns.h>
#include <stdlib.h>

enum { RECORDS_MAX = 1 << 20, TEXT_PIECE = 255, DATA_MAX = 60000 };

struct dns_record *dns_last(struct dns_list *list) {
    return &list->items[list->count - 1];
}

/* Takes the data fields over. */
static bool add(struct dns_builder *builder, struct dns_list *list, enum dns_type type, ldns_rdf *const *data,
                size_t count) {
    ldns_rr *rr = ldns_rr_new();
    uint8_t *wire = NULL;
    size_t size = 0;
    bool is_good = rr && list->count < RECORDS_MAX;
    for (size_t i = 0; i < count; i++) {
        is_good = is_good && data[i] && ldns_rr_push_rdf(rr, data[i]);
        if (!is_good) ldns_rdf_deep_free(data[i]);
    }
    if (rr) {
        ldns_rr_set_owner(rr, ldns_dname_new_frm_str("."));
        ldns_rr_set_type(rr, (ldns_rr_type)type);
        ldns_rr_set_class(rr, LDNS_RR_CLASS_IN);
        ldns_rr_set_ttl(rr, builder->shape->ttl);
    }
    is_good = is_good && ldns_rr2wire(&wire, rr, LDNS_SECTION_ANSWER, &size) == LDNS_STATUS_OK &&
              size > DNS_BODY_FIXED && size <= DATA_MAX;
    if (is_good) {
        if (list->count == list->capacity) {
            list->capacity = list->capacity ? list->capacity * 2 : 8;
            list->items = co_realloc(list->items, list->capacity * sizeof *list->items);
        }
        /* The owner, a single 0 for the root, is left out: the writer puts a pointer there. */
        list->items[list->count++] =
            (struct dns_record){.at = (uint32_t)builder->bytes.size, .size = (uint16_t)(size - 1)};
        co_buffer_add(&builder->bytes, wire + 1, size - 1);
    }
    LDNS_FREE(wire);
    ldns_rr_free(rr);
    return is_good;
}

static ldns_rdf *name_field(const struct dns_name *name) {
    return ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, name->size, name->wire);
}

bool dns_add_address(struct dns_builder *builder, struct dns_list *list, const uint8_t *address, size_t size) {
    bool is_v4 = size == 4;
    ldns_rdf *data = ldns_rdf_new_frm_data(is_v4 ? LDNS_RDF_TYPE_A : LDNS_RDF_TYPE_AAAA, size, address);
    return add(builder, list, is_v4 ? DNS_A : DNS_AAAA, &data, 1);
}

bool dns_add_srv(struct dns_builder *builder, struct dns_list *list, uint16_t weight, uint16_t port,
                 const struct dns_name *target) {
    ldns_rdf *data[] = {ldns_native2rdf_int16(LDNS_RDF_TYPE_INT16, 1),
                        ldns_native2rdf_int16(LDNS_RDF_TYPE_INT16, weight),
                        ldns_native2rdf_int16(LDNS_RDF_TYPE_INT16, port), name_field(target)};
    if (!add(builder, list, DNS_SRV, data, CO_COUNT(data))) return false;
    dns_last(list)->target = DNS_SRV_TARGET;
    return true;
}

bool dns_add_name(struct dns_builder *builder, struct dns_list *list, enum dns_type type,
                  const struct dns_name *target) {
    ldns_rdf *data = name_field(target);
    if (!add(builder, list, type, &data, 1)) return false;
    dns_last(list)->target = DNS_BODY_FIXED;
    return true;
}

/* RFC 1464: "key=value", with ` before whatever of the key would mislead: =, ` itself, and blanks at the ends. */
static void add_pair(struct co_buffer *out, const char *key, const char *value) {
    size_t size = strlen(key), first = strspn(key, " \t"), last = size;
    while (last > first && (key[last - 1] == ' ' || key[last - 1] == '\t')) last--;
    for (size_t i = 0; i < size; i++) {
        if (key[i] == '=' || key[i] == '`' || i < first || i >= last) co_buffer_add_byte(out, '`');
        co_buffer_add_byte(out, (uint8_t)key[i]);
    }
    co_buffer_add_byte(out, '=');
    co_buffer_add_text(out, value);
}

bool dns_add_txt(struct dns_builder *builder, struct dns_list *list, const char *key, const char *value) {
    enum { PIECES_MAX = 8 };
    struct co_buffer text = {0};
    ldns_rdf *data[PIECES_MAX];
    size_t count = 0;
    if (strncasecmp(key, "rfc1035-", 8) == 0)
        co_buffer_add_text(&text, value);
    else
        add_pair(&text, key, value);
    for (size_t at = 0; count < PIECES_MAX && (count == 0 || at < text.size);) {
        uint8_t piece[1 + TEXT_PIECE];
        size_t size = text.size - at < TEXT_PIECE ? text.size - at : TEXT_PIECE;
        piece[0] = (uint8_t)size;
        if (size) memcpy(piece + 1, text.data + at, size);
        data[count++] = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_STR, 1 + size, piece);
        at += size;
    }
    co_buffer_fini(&text);
    return add(builder, list, DNS_TXT, data, count);
}

/* --- repeated answers --- */

/* Where an equal record stands, or the free place for this one. */
static uint32_t *seen_slot(struct dns_builder *builder, const struct dns_list *list, const struct dns_record *record,
                           size_t from) {
    const char *bytes = builder->bytes.data;
    struct co_bytes key = co_bytes(bytes + record->at + from, record->size - from);
    size_t at = co_hash(key.data, key.size) & (builder->seen_size - 1);
    while (builder->seen[at]) {
        const struct dns_record *other = &list->items[builder->seen[at] - 1];
        if (other != record && co_bytes_equal(key, co_bytes(bytes + other->at + from, other->size - from))) break;
        at = (at + 1) & (builder->seen_size - 1);
    }
    return &builder->seen[at];
}

static void seen_grow(struct dns_builder *builder, const struct dns_list *list, size_t from) {
    free(builder->seen);
    builder->seen_size = builder->seen_size ? builder->seen_size * 4 : 64;
    builder->seen = co_calloc(builder->seen_size, sizeof *builder->seen);
    for (size_t i = 0; i + 1 < list->count; i++) *seen_slot(builder, list, &list->items[i], from) = (uint32_t)(i + 1);
}

bool dns_drop_repeated(struct dns_builder *builder, struct dns_list *list, size_t from) {
    if (list->count * 2 > builder->seen_size) seen_grow(builder, list, from);
    uint32_t *slot = seen_slot(builder, list, dns_last(list), from);
    if (*slot == 0) {
        *slot = (uint32_t)list->count;
        return false;
    }
    builder->bytes.size = dns_last(list)->at; /* it was the newest */
    list->count--;
    return true;
}

void dns_builder_fini(struct dns_builder *builder) {
    co_buffer_fini(&builder->bytes);
    free(builder->answers.items);
    free(builder->extras.items);
    free(builder->names.items);
    free(builder->seen);
}
