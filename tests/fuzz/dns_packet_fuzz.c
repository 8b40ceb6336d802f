/* Any packet through the DNS parser, the split of its name, and the writer with a made-up template. The answer must fit and must
 * read back. The first byte chooses transport, limits and spelling. */
#include "dns/dns.h" /* first: without <stdbool.h> ldns makes bool a char */

#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>

static bool is_zone(void *arg, const char *label) {
    (void)arg;
    return strcmp(label, "service") == 0 || strcmp(label, "node") == 0 || strcmp(label, "addr") == 0;
}

static void check_answer(const uint8_t *out, size_t size, size_t limit) {
    ldns_pkt *packet = NULL;
    co_assert(size >= DNS_HEADER_SIZE && size <= limit);
    co_assert(ldns_wire2pkt(&packet, out, size) == LDNS_STATUS_OK);
    ldns_pkt_free(packet);
}

static struct dns_template *make_template(const struct dns_style *style, enum dns_kind kind, bool is_node,
                                          size_t count) {
    static struct co_pair meta[] = {{"key", "value"}, {"rfc1035-x", "text"}};
    static const char *const addresses[] = {"", "10.1.2.3", "2001:db8::1", "svc.example.com"};
    struct co_endpoint items[200];
    char names[200][16], texts[200][16];
    for (size_t i = 0; i < count; i++) {
        snprintf(names[i], sizeof names[i], "node%zu", i);
        snprintf(texts[i], sizeof texts[i], "10.0.0.%zu", i);
        items[i] = (struct co_endpoint){.node = names[i],
                                        .datacenter = "dc1",
                                        .address = i % 3 ? "" : addresses[i % 4],
                                        .node_address = texts[i],
                                        .port = (uint16_t)i,
                                        .weight = 1,
                                        .node_meta = {meta, i % 3}};
    }
    struct dns_shape shape = {.kind = kind, .is_node = is_node, .has_meta_txt = true, .domain = &style->domain};
    struct co_endpoints endpoints = {items, count};
    return dns_template_new(&shape, CO_OK, &endpoints);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t out[DNS_MESSAGE_MAX];
    static struct dns_style style;
    struct dns_query query;
    enum dns_rcode rcode = DNS_NOERROR;
    if (size < 1) return 0;
    unsigned choice = *data++;
    size--;
    style = (struct dns_style){.udp_size_max = choice & 1 ? 4096 : 512,
                               .udp_answer_limit = 3,
                               .is_uncompressed = choice & 2,
                               .sets_truncated = true};
    co_assert(dns_name_from(&style.domain, choice & 4 ? "consul" : "a.somewhat.longer.domain.example"));
    bool is_tcp = choice & 8;
    size_t limit = is_tcp ? DNS_MESSAGE_MAX : style.udp_size_max;
    enum dns_verdict verdict = dns_parse(&query, data, size, &rcode);
    if (verdict == DNS_IGNORE) return 0;
    if (verdict == DNS_REJECT) {
        check_answer(out, dns_write_header(data, rcode, out), DNS_HEADER_SIZE);
        return 0;
    }
    struct dns_path path;
    size_t count = dns_labels_below(&query, &style.domain);
    if (count != SIZE_MAX && dns_path_find(&path, &query, count, is_zone, NULL))
        for (size_t i = 0; i < path.count; i++) co_assert(strlen(path.labels[i]) <= DNS_LABEL_MAX);
    uint8_t reversed[16];
    dns_reverse_read(&query, reversed);
    check_answer(out, dns_write_empty(&query, DNS_REFUSED, false, false, out), limit);
    check_answer(out, dns_write(&style, &query, &dns_nxdomain, is_tcp, out), limit);
    enum dns_kind kind = (enum dns_kind)((choice >> 4) % (DNS_KIND_SERVERS + 1));
    struct dns_template *template = make_template(&style, kind, choice & 128, choice & 128 ? 1 : query.id % 200);
    if (kind == DNS_KIND_SERVERS)
        check_answer(out, dns_write_apex(&style, &query, template, is_tcp, out), limit);
    else
        check_answer(out, dns_write(&style, &query, template, is_tcp, out), limit);
    dns_template_free(template);
    struct dns_single address;
    dns_single_address(&address, (const uint8_t *)"\x0a\0\0\1", 4, 3);
    check_answer(out, dns_write(&style, &query, &address.template, is_tcp, out), limit);
    return 0;
}
