/* The unusual packet: compressed names, records where questions have none, two additional records, or nonsense. ldns decides whether
 * it is well formed; the question is rebuilt without compression. Counts are bounded by parse.c before ldns allocates for them. */
#include "dns/packet.h" /* first: without <stdbool.h> ldns makes bool a char */

#include <ldns/ldns.h>

static enum dns_verdict take(struct dns_query *query, ldns_pkt *packet) {
    size_t used = 0;
    ldns_rr_list *questions = ldns_pkt_question(packet);
    if (ldns_rr_list_rr_count(questions) != 1) return DNS_REJECT;
    const ldns_rr *question = ldns_rr_list_rr(questions, 0);
    const ldns_rdf *owner = ldns_rr_owner(question);
    size_t size = ldns_rdf_size(owner);
    if (size > DNS_NAME_MAX) return DNS_REJECT;
    memcpy(query->rebuilt, ldns_rdf_data(owner), size);
    if (!dns_query_name(query, query->rebuilt, size, &used)) return DNS_REJECT;
    query->type = (uint16_t)ldns_rr_get_type(question);
    query->class = (uint16_t)ldns_rr_get_class(question);
    dns_put16(query->rebuilt + used, query->type);
    dns_put16(query->rebuilt + used + 2, query->class);
    query->question = query->rebuilt;
    query->question_size = (uint16_t)(used + 4);
    query->has_edns = ldns_pkt_edns(packet);
    query->edns_size = ldns_pkt_edns_udp_size(packet);
    const ldns_rdf *options = ldns_pkt_edns_data(packet);
    if (options && !dns_query_options(query, ldns_rdf_data(options), ldns_rdf_size(options))) return DNS_REJECT;
    return DNS_PARSED;
}

enum dns_verdict dns_parse_odd(struct dns_query *query, const uint8_t *bytes, size_t size, enum dns_rcode *rcode) {
    ldns_pkt *packet = NULL;
    enum dns_verdict verdict = DNS_REJECT;
    *rcode = DNS_FORMERR;
    query->has_edns = false;
    query->subnet_size = 0;
    if (ldns_wire2pkt(&packet, bytes, size) == LDNS_STATUS_OK) verdict = take(query, packet);
    ldns_pkt_free(packet);
    return verdict;
}
