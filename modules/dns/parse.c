/* The plain question: one, uncompressed, with at most an OPT record behind it. Nearly every packet is one, so it is read by hand,
 * without allocation; everything else goes to odd.c. What is refused by its header alone follows Consul's DNS library. */
#include "dns/packet.h"

enum { QR = 0x8000, OPCODE_SHIFT = 11, OPCODE_QUERY = 0, OPCODE_NOTIFY = 4, OPT_FIXED = 11, OPTION_SUBNET = 8 };

bool dns_query_name(struct dns_query *query, const uint8_t *wire, size_t size, size_t *used) {
    size_t at = 0;
    query->label_count = 0;
    for (;;) {
        if (at >= size || at >= DNS_NAME_MAX) return false;
        uint8_t length = wire[at];
        if (length == 0) break;
        if (length > DNS_LABEL_MAX || query->label_count == DNS_LABELS_MAX) return false;
        query->labels[query->label_count++] = (uint8_t)at;
        at += 1u + length;
    }
    *used = at + 1;
    query->name.size = (uint16_t)(at + 1);
    dns_lower(query->name.wire, wire, at + 1);
    return true;
}

/* Family, source prefix, scope (0 in what is echoed: our answers hold for everybody), address. */
static bool take_subnet(struct dns_query *query, const uint8_t *option, size_t size) {
    if (size < 4) return false;
    uint16_t family = dns_get16(option);
    size_t bits = family == 1 ? 32 : family == 2 ? 128 : 0;
    if (option[2] > bits || size - 4 != (option[2] + 7u) / 8) return false;
    if (query->subnet_size) return true; /* the first counts */
    memcpy(query->subnet, option, size);
    query->subnet[3] = 0;
    query->subnet_size = (uint8_t)size;
    return true;
}

bool dns_query_options(struct dns_query *query, const uint8_t *options, size_t size) {
    while (size > 0) {
        if (size < 4) return false;
        uint16_t code = dns_get16(options);
        size_t length = dns_get16(options + 2);
        if (length > size - 4) return false;
        if (code == OPTION_SUBNET && !take_subnet(query, options + 4, length)) return false;
        options += 4 + length;
        size -= 4 + length;
    }
    return true;
}

static bool is_plain_opt(const uint8_t *at, size_t size) {
    return size >= OPT_FIXED && at[0] == 0 && dns_get16(at + 1) == DNS_OPT && dns_get16(at + 9) <= size - OPT_FIXED;
}

enum dns_verdict dns_parse(struct dns_query *query, const uint8_t *packet, size_t size, enum dns_rcode *rcode) {
    if (size < DNS_HEADER_SIZE) return DNS_IGNORE;
    query->id = dns_get16(packet);
    query->flags = dns_get16(packet + 2);
    if (query->flags & QR) return DNS_IGNORE;
    unsigned opcode = query->flags >> OPCODE_SHIFT & 15;
    uint16_t answers = dns_get16(packet + 6), authorities = dns_get16(packet + 8), additionals = dns_get16(packet + 10);
    *rcode = opcode == OPCODE_QUERY || opcode == OPCODE_NOTIFY ? DNS_FORMERR : DNS_NOTIMP;
    if (*rcode == DNS_NOTIMP || dns_get16(packet + 4) != 1 || answers > 1 || authorities > 1 || additionals > 2)
        return DNS_REJECT;

    const uint8_t *question = packet + DNS_HEADER_SIZE;
    size_t left = size - DNS_HEADER_SIZE, used = 0;
    query->has_edns = false;
    query->subnet_size = 0;
    if (answers || authorities || additionals > 1 || !dns_query_name(query, question, left, &used) || left - used < 4)
        return dns_parse_odd(query, packet, size, rcode);
    query->question = question;
    query->question_size = (uint16_t)(used + 4);
    query->type = dns_get16(question + used);
    query->class = dns_get16(question + used + 2);
    left -= query->question_size;
    if (additionals == 0) return DNS_PARSED;
    const uint8_t *opt = question + query->question_size;
    if (!is_plain_opt(opt, left)) return dns_parse_odd(query, packet, size, rcode);
    query->has_edns = true;
    query->edns_size = dns_get16(opt + 3);
    return dns_query_options(query, opt + OPT_FIXED, dns_get16(opt + 9)) ? DNS_PARSED : DNS_REJECT;
}
