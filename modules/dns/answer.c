/* The writer: question and template become a packet. Chooses the order, keeps within what the client can take, compresses by
 * pointing at the question. Additional records go along with their answer or not at all. Limits and flags are Consul's habits. */
#include "dns/packet.h"

enum {
    FLAG_QR = 0x8000,
    FLAG_AA = 0x0400,
    FLAG_TC = 0x0200,
    FLAG_RD = 0x0100,
    FLAG_RA = 0x0080,
    FLAG_CD = 0x0010,
    OPCODE_BITS = 0x7800,
    POINTER = 0xC000,
    POINTER_TO_QUESTION = POINTER | DNS_HEADER_SIZE,
    OPT_SIZE = 11,
    SOA_DATA_SIZE = 20,
};

struct writer {
    struct dns_style *style;
    const struct dns_query *query;
    const uint8_t *bytes; /* of the template */
    uint8_t *out;
    size_t size, limit;
    size_t domain_at; /* where the zone's name stands in the packet; 0: nowhere yet */
    bool is_udp, is_small, is_cut;
};

/* wyrand by Wang Yi (public domain): quick, and good enough to spread load. */
static uint64_t draw(uint64_t *state) {
    *state += UINT64_C(0xa0761d6478bd642f);
    __uint128_t product = (__uint128_t)*state * (*state ^ UINT64_C(0xe7037ed1a0b428db));
    return (uint64_t)(product >> 64) ^ (uint64_t)product;
}

static uint32_t draw_below(uint64_t *state, uint32_t bound) {
    return (uint32_t)((draw(state) >> 32) * bound >> 32);
}

/* --- headers --- */

static void put_header(uint8_t *out, uint16_t id, uint16_t flags, uint16_t questions) {
    dns_put16(out, id);
    dns_put16(out + 2, flags);
    dns_put16(out + 4, questions);
    memset(out + 6, 0, 6);
}

static uint16_t reply_flags(const struct dns_query *query, unsigned rcode) {
    uint16_t kept = query->flags & OPCODE_BITS;
    if (kept == 0) kept = query->flags & (FLAG_RD | FLAG_CD); /* of plain queries only */
    return (uint16_t)(FLAG_QR | kept | rcode);
}

size_t dns_write_header(const uint8_t *packet, enum dns_rcode rcode, uint8_t *out) {
    uint16_t flags = dns_get16(packet + 2) & (uint16_t) ~(FLAG_AA | 0xf);
    if (rcode != DNS_NOTIMP) flags &= (uint16_t)~OPCODE_BITS;
    put_header(out, dns_get16(packet), (uint16_t)(flags | FLAG_QR | rcode), 0);
    return DNS_HEADER_SIZE;
}

size_t dns_write_empty(const struct dns_query *query, enum dns_rcode rcode, bool is_authoritative,
                       bool offers_recursion, uint8_t *out) {
    uint16_t flags =
        (uint16_t)(reply_flags(query, rcode) | (is_authoritative ? FLAG_AA : 0) | (offers_recursion ? FLAG_RA : 0));
    put_header(out, query->id, flags, 1);
    memcpy(out + DNS_HEADER_SIZE, query->question, query->question_size);
    return DNS_HEADER_SIZE + query->question_size;
}

/* --- pieces --- */

static void put(struct writer *writer, const void *data, size_t size) {
    memcpy(writer->out + writer->size, data, size);
    writer->size += size;
}

static void put16(struct writer *writer, uint16_t value) {
    dns_put16(writer->out + writer->size, value);
    writer->size += 2;
}

static void put32(struct writer *writer, uint32_t value) {
    dns_put32(writer->out + writer->size, value);
    writer->size += 4;
}

static bool can_point(const struct writer *writer, size_t at) {
    return at > 0 && at < DNS_POINTER_REACH && !writer->style->is_uncompressed;
}

static uint16_t name_size(const struct writer *writer) {
    return (uint16_t)(writer->query->question_size - 4);
}

static bool is_lower(const struct writer *writer) {
    return memcmp(writer->query->question, writer->query->name.wire, name_size(writer)) == 0;
}

/* `target_at`: where the name that DNS_OWNER_TARGET means stands in the packet. */
static size_t owner_size(const struct writer *writer, const struct dns_record *record, const struct dns_record *answer,
                         size_t target_at) {
    bool compresses = !writer->style->is_uncompressed;
    switch ((enum dns_owner)record->owner) {
    case DNS_OWNER_QUESTION:
        return compresses ? 2 : name_size(writer);
    case DNS_OWNER_LOWER:
        return compresses && is_lower(writer) ? 2 : name_size(writer);
    case DNS_OWNER_DOMAIN:
        return can_point(writer, writer->domain_at) ? 2 : writer->style->domain.size;
    case DNS_OWNER_TARGET:
        return can_point(writer, target_at) ? 2 : (size_t)(answer->size - answer->target);
    case DNS_OWNER_NAME:
        break;
    }
    return record->owner_size;
}

static void put_domain(struct writer *writer) {
    if (can_point(writer, writer->domain_at)) {
        put16(writer, (uint16_t)(POINTER | writer->domain_at));
        return;
    }
    put(writer, writer->style->domain.wire, writer->style->domain.size);
}

static void put_owner(struct writer *writer, const struct dns_record *record, const struct dns_record *answer,
                      size_t target_at) {
    bool compresses = !writer->style->is_uncompressed;
    switch ((enum dns_owner)record->owner) {
    case DNS_OWNER_QUESTION:
        if (compresses)
            put16(writer, POINTER_TO_QUESTION);
        else
            put(writer, writer->query->question, name_size(writer));
        return;
    case DNS_OWNER_LOWER:
        if (compresses && is_lower(writer))
            put16(writer, POINTER_TO_QUESTION);
        else
            put(writer, writer->query->name.wire, name_size(writer));
        return;
    case DNS_OWNER_DOMAIN:
        put_domain(writer);
        return;
    case DNS_OWNER_TARGET:
        if (can_point(writer, target_at))
            put16(writer, (uint16_t)(POINTER | target_at));
        else
            put(writer, writer->bytes + answer->at + answer->target, (size_t)(answer->size - answer->target));
        return;
    case DNS_OWNER_NAME:
        put(writer, writer->bytes + record->owner_at, record->owner_size);
        return;
    }
}

static void put_record(struct writer *writer, const struct dns_record *record, const struct dns_record *answer,
                       size_t target_at) {
    put_owner(writer, record, answer, target_at);
    put(writer, writer->bytes + record->at, record->size);
}

/* --- the authority's SOA --- */

static size_t soa_size(const struct writer *writer) {
    size_t domain = writer->style->domain.size, names = writer->style->is_uncompressed ? 2 * domain : 4;
    size_t owner = can_point(writer, writer->domain_at) ? 2 : domain;
    return owner + 10 + sizeof "ns" + sizeof "hostmaster" + names + SOA_DATA_SIZE;
}

static void put_label(struct writer *writer, const char *label) {
    size_t size = strlen(label);
    writer->out[writer->size++] = (uint8_t)size;
    put(writer, label, size);
}

static void put_soa(struct writer *writer) {
    const struct dns_soa *soa = &writer->style->soa;
    size_t at = writer->size;
    put_domain(writer);
    if (writer->domain_at == 0) writer->domain_at = at;
    put16(writer, DNS_SOA);
    put16(writer, 1);
    put32(writer, soa->min_ttl);
    size_t length_at = writer->size;
    writer->size += 2;
    put_label(writer, "ns");
    put_domain(writer);
    put_label(writer, "hostmaster");
    put_domain(writer);
    put32(writer, writer->style->serial);
    put32(writer, soa->refresh);
    put32(writer, soa->retry);
    put32(writer, soa->expire);
    put32(writer, soa->min_ttl);
    dns_put16(writer->out + length_at, (uint16_t)(writer->size - length_at - 2));
}

/* --- the whole --- */

static size_t tail_size(const struct dns_query *query) {
    if (!query->has_edns) return 0;
    return OPT_SIZE + (query->subnet_size ? 4u + query->subnet_size : 0u);
}

static void put_opt(struct writer *writer) {
    const struct dns_query *query = writer->query;
    uint8_t subnet = query->subnet_size;
    writer->out[writer->size++] = 0;
    put16(writer, DNS_OPT);
    put16(writer, query->edns_size);
    put32(writer, 0);
    put16(writer, subnet ? (uint16_t)(4 + subnet) : 0);
    if (!subnet) return;
    put16(writer, 8);
    put16(writer, subnet);
    put(writer, query->subnet, subnet);
}

/* Starts with the question. The zone's name is at its end unless it was spelled otherwise, or is the other domain. */
static void begin(struct writer *writer, struct dns_style *style, const struct dns_query *query, const uint8_t *bytes,
                  bool is_tcp, uint8_t *out) {
    size_t limit = DNS_MESSAGE_MAX, small = DNS_UDP_SMALL;
    if (!is_tcp) {
        limit = query->has_edns && query->edns_size > small ? query->edns_size : small;
        if (limit > style->udp_size_max) limit = style->udp_size_max > small ? style->udp_size_max : small;
    }
    *writer = (struct writer){.style = style,
                              .query = query,
                              .bytes = bytes,
                              .out = out,
                              .limit = limit,
                              .is_udp = !is_tcp,
                              .is_small = limit == small};
    memcpy(out + DNS_HEADER_SIZE, query->question, query->question_size);
    writer->size = DNS_HEADER_SIZE + query->question_size;
    size_t domain = style->domain.size, name = name_size(writer);
    if (name >= domain && memcmp(query->question + name - domain, style->domain.wire, domain) == 0)
        writer->domain_at = DNS_HEADER_SIZE + name - domain;
    writer->limit -= tail_size(query);
}

static size_t end(struct writer *writer, unsigned rcode, size_t answers, size_t authorities, size_t additionals) {
    const struct dns_query *query = writer->query;
    uint16_t flags = (uint16_t)(reply_flags(query, rcode) | FLAG_AA);
    if (writer->is_cut && writer->is_udp && writer->style->sets_truncated) flags |= FLAG_TC;
    if (query->has_edns) put_opt(writer);
    put_header(writer->out, query->id, flags, 1);
    dns_put16(writer->out + 6, (uint16_t)answers);
    dns_put16(writer->out + 8, (uint16_t)authorities);
    dns_put16(writer->out + 10, (uint16_t)(additionals + query->has_edns));
    return writer->size;
}

static size_t target_of(const struct writer *writer, const struct dns_record *record, size_t at) {
    return at + owner_size(writer, record, record, 0) + record->target;
}

/* Answers in a new order, each with room for what goes along. The first is given even when only it fits. Returns how many. */
static size_t put_answers(struct writer *writer, struct dns_template *template, size_t count_max) {
    size_t promised = 0, count;
    for (count = 0; count < count_max; count++) {
        if (template->is_shuffled) {
            uint32_t left = template->answer_count - (uint32_t)count;
            size_t other = count + draw_below(&writer->style->random, left);
            uint32_t index = template->order[other];
            template->order[other] = template->order[count];
            template->order[count] = index;
        }
        const struct dns_record *record = &template->records[template->order[count]];
        size_t need = owner_size(writer, record, record, 0) + record->size, extra = 0;
        size_t target_at = target_of(writer, record, writer->size);
        for (size_t i = 0; i < record->extra_count; i++) {
            const struct dns_record *more = &template->records[record->extra_first + i];
            extra += owner_size(writer, more, record, target_at) + more->size;
        }
        if (writer->size + need + promised + extra > writer->limit) {
            writer->is_cut = true;
            if (count > 0 || writer->size + need > writer->limit) break;
            put_record(writer, record, record, 0);
            return 1;
        }
        put_record(writer, record, record, 0);
        promised += extra;
    }
    return count;
}

/* What goes along with the answers that stand from `at` on. */
static size_t put_extras(struct writer *writer, const struct dns_template *template, size_t answers, size_t at) {
    size_t count = 0;
    for (size_t i = 0; i < answers; i++) {
        const struct dns_record *answer = &template->records[template->order[i]];
        size_t target_at = target_of(writer, answer, at);
        for (size_t j = 0; j < answer->extra_count; j++) {
            const struct dns_record *more = &template->records[answer->extra_first + j];
            if (writer->size + owner_size(writer, more, answer, target_at) + more->size > writer->limit) continue;
            put_record(writer, more, answer, target_at);
            count++;
        }
        at += owner_size(writer, answer, answer, 0) + answer->size;
    }
    return count;
}

static size_t answers_max(const struct writer *writer, const struct dns_template *template) {
    const struct dns_style *style = writer->style;
    size_t count = template->answer_count;
    if (template->is_addresses && style->a_record_limit && count > style->a_record_limit) count = style->a_record_limit;
    if (template->pick_max && count > template->pick_max) count = template->pick_max;
    return count;
}

size_t dns_write(struct dns_style *style, const struct dns_query *query, struct dns_template *template, bool is_tcp,
                 uint8_t *out) {
    struct writer writer;
    begin(&writer, style, query, template->bytes, is_tcp, out);
    if (template->has_soa) {
        writer.is_cut = writer.size + soa_size(&writer) > writer.limit;
        if (!writer.is_cut) put_soa(&writer);
        return end(&writer, template->rcode, 0, !writer.is_cut, 0);
    }
    size_t max = answers_max(&writer, template), at = writer.size;
    if (writer.is_small && template->is_limited && style->udp_answer_limit && max > style->udp_answer_limit) {
        max = style->udp_answer_limit;
        writer.is_cut = true;
    }
    size_t answers = put_answers(&writer, template, max);
    size_t additionals = put_extras(&writer, template, answers, at);
    for (size_t i = 0; i < template->loose_count; i++) {
        const struct dns_record *loose = &template->records[template->loose_first + i];
        if (writer.size + owner_size(&writer, loose, loose, 0) + loose->size > writer.limit) continue;
        put_record(&writer, loose, loose, 0);
        additionals++;
    }
    return end(&writer, template->rcode, answers, 0, additionals);
}

size_t dns_write_apex(struct dns_style *style, const struct dns_query *query, struct dns_template *servers, bool is_tcp,
                      uint8_t *out) {
    struct writer writer;
    bool is_soa = query->type == DNS_SOA;
    begin(&writer, style, query, servers->bytes, is_tcp, out);
    if (is_soa && writer.size + soa_size(&writer) > writer.limit) {
        writer.is_cut = true;
        return end(&writer, DNS_NOERROR, 0, 0, 0);
    }
    if (is_soa) put_soa(&writer);
    size_t at = writer.size;
    size_t count = put_answers(&writer, servers, answers_max(&writer, servers));
    size_t additionals = put_extras(&writer, servers, count, at);
    return is_soa ? end(&writer, DNS_NOERROR, 1, count, additionals) : end(&writer, DNS_NOERROR, count, 0, additionals);
}
