/* Questions in, answers out, without sockets: what the writer writes is read back by ldns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <cmocka.h>
#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>

#include "dns/dns.h"

static uint8_t out[DNS_MESSAGE_MAX];
static struct dns_style style;

static int set_up(void **state) {
    (void)state;
    style = (struct dns_style){
        .soa = {3600, 600, 86400, 0}, .serial = 42, .udp_size_max = 4096, .udp_answer_limit = 3, .random = 7};
    return dns_name_from(&style.domain, "consul") ? 0 : -1;
}

/* --- making questions --- */

static size_t ask_bytes(uint8_t *packet, const char *name, uint16_t type, uint16_t flags, int edns) {
    struct dns_name wire;
    assert_true(dns_name_from(&wire, name));
    memset(packet, 0, 12);
    dns_put16(packet, 0x1234);
    dns_put16(packet + 2, flags);
    packet[5] = 1;
    memcpy(packet + 12, wire.wire, wire.size);
    size_t size = 12u + wire.size;
    dns_put16(packet + size, type);
    dns_put16(packet + size + 2, 1);
    size += 4;
    if (edns < 0) return size;
    packet[11] = 1;
    packet[size] = 0;
    dns_put16(packet + size + 1, DNS_OPT);
    dns_put16(packet + size + 3, (uint16_t)edns);
    memset(packet + size + 5, 0, 6);
    return size + 11;
}

static uint8_t asked[600];

static struct dns_query ask(const char *name, uint16_t type, int edns) {
    struct dns_query query;
    enum dns_rcode rcode;
    size_t size = ask_bytes(asked, name, type, 0x0100, edns);
    assert_int_equal(dns_parse(&query, asked, size, &rcode), DNS_PARSED);
    return query;
}

/* --- making templates --- */

static struct co_pair meta[] = {{"rack", "r1"}, {"rfc1035-note", "plain"}, {"a=b", "c"}};

static struct dns_template *instances(enum dns_kind kind, size_t count, size_t meta_count) {
    struct co_endpoint *items = calloc(count + 1, sizeof *items);
    char(*texts)[2][32] = calloc(count + 1, sizeof *texts);
    for (size_t i = 0; i < count; i++) {
        snprintf(texts[i][0], sizeof texts[i][0], "node%zu", i);
        snprintf(texts[i][1], sizeof texts[i][1], "10.0.%zu.%zu", i / 256, i % 256);
        items[i] = (struct co_endpoint){.node = texts[i][0],
                                        .datacenter = "dc1",
                                        .address = "",
                                        .node_address = texts[i][1],
                                        .service_id = "web",
                                        .port = (uint16_t)(8000 + i),
                                        .weight = 1,
                                        .node_meta = {meta, meta_count}};
    }
    struct dns_shape shape = {.kind = kind, .has_meta_txt = true, .ttl = 5, .domain = &style.domain};
    struct co_endpoints endpoints = {items, count};
    struct dns_template *template = dns_template_new(&shape, CO_OK, &endpoints);
    free(items);
    free(texts);
    return template;
}

static struct dns_template *one(enum dns_kind kind, bool is_node, struct co_endpoint endpoint) {
    struct dns_shape shape = {
        .kind = kind, .is_node = is_node, .has_meta_txt = true, .ttl = 5, .domain = &style.domain};
    struct co_endpoints endpoints = {&endpoint, 1};
    return dns_template_new(&shape, CO_OK, &endpoints);
}

/* --- reading answers --- */

struct seen {
    ldns_pkt *packet;
    size_t size, answers, authorities, additionals;
    char *text; /* all records, one per line */
};

static struct seen read_back(size_t size) {
    struct seen seen = {.size = size};
    ldns_status status = ldns_wire2pkt(&seen.packet, out, size);
    assert_string_equal(ldns_get_errorstr_by_id(status), "All OK");
    seen.answers = ldns_pkt_ancount(seen.packet);
    seen.authorities = ldns_pkt_nscount(seen.packet);
    seen.additionals = ldns_rr_list_rr_count(ldns_pkt_additional(seen.packet)); /* without OPT */
    ldns_rr_list *all = ldns_pkt_all_noquestion(seen.packet);
    seen.text = ldns_rr_list2str(all);
    ldns_rr_list_deep_free(all);
    return seen;
}

static void forget(struct seen *seen) {
    ldns_pkt_free(seen->packet);
    free(seen->text);
}

static void has(const struct seen *seen, const char *text) {
    if (!strstr(seen->text, text)) fail_msg("\"%s\" is not in\n%s", text, seen->text);
}

/* --- names and questions --- */

static void names(void **state) {
    struct dns_name name;
    char label[70], full[300] = "";
    (void)state;
    assert_true(dns_name_from(&name, "web.Consul."));
    assert_memory_equal(name.wire, "\3web\6Consul\0", name.size);
    assert_int_equal(name.size, 12);
    assert_false(dns_name_from(&name, ""));
    assert_false(dns_name_from(&name, "a..b"));
    assert_false(dns_name_from(&name, ".a"));
    memset(label, 'a', 63);
    label[63] = '\0';
    assert_true(dns_name_from(&name, label));
    label[63] = 'a', label[64] = '\0';
    assert_false(dns_name_from(&name, label));
    label[61] = '\0';
    for (int i = 0; i < 4; i++) snprintf(full + strlen(full), sizeof full - strlen(full), "%s.", label);
    assert_true(dns_name_from(&name, full)); /* 249 bytes */
    snprintf(full + strlen(full), sizeof full - strlen(full), "abcde");
    assert_true(dns_name_from(&name, full)); /* 255 */
    assert_int_equal(name.size, 255);
    snprintf(full + strlen(full), sizeof full - strlen(full), "f");
    assert_false(dns_name_from(&name, full));
}

static void plain_question(void **state) {
    struct dns_query query = ask("WeB.service.CONSUL", DNS_SRV, 1232);
    (void)state;
    assert_int_equal(query.id, 0x1234);
    assert_int_equal(query.type, DNS_SRV);
    assert_int_equal(query.class, 1);
    assert_int_equal(query.label_count, 3);
    assert_memory_equal(query.name.wire, "\3web\7service\6consul\0", query.name.size);
    assert_memory_equal(query.question, "\3WeB\7service\6CONSUL\0", query.name.size);
    assert_true(query.has_edns);
    assert_int_equal(query.edns_size, 1232);
    assert_int_equal(query.subnet_size, 0);
}

/* Whatever is cut off a question, it is refused or silence, and nothing behind its end is read (the sanitizer sees that). */
static void cut_questions(void **state) {
    uint8_t whole[600];
    (void)state;
    size_t size = ask_bytes(whole, "web.service.consul", DNS_A, 0x0100, 1232);
    for (size_t cut = 0; cut < size; cut++) {
        struct dns_query query;
        enum dns_rcode rcode = DNS_NOERROR;
        uint8_t *exact = malloc(cut ? cut : 1);
        if (cut) memcpy(exact, whole, cut);
        enum dns_verdict verdict = dns_parse(&query, exact, cut, &rcode);
        if (cut < 12) assert_int_equal(verdict, DNS_IGNORE);
        if (cut >= 12) assert_int_equal(verdict, DNS_REJECT);
        if (cut >= 12) assert_int_equal(rcode, DNS_FORMERR);
        free(exact);
    }
}

static void refused_by_header(void **state) {
    static const struct {
        uint16_t flags;
        uint8_t counts[4];
        enum dns_verdict verdict;
        enum dns_rcode rcode;
        uint16_t answer; /* flags */
    } cases[] = {
        {0x8100, {1, 0, 0, 0}, DNS_IGNORE, 0, 0},
        {0x2920, {1, 0, 0, 0}, DNS_REJECT, DNS_NOTIMP, 0xa924}, /* UPDATE with rd and ad: kept */
        {0x0100, {2, 0, 0, 0}, DNS_REJECT, DNS_FORMERR, 0x8101},
        {0x0100, {0, 0, 0, 0}, DNS_REJECT, DNS_FORMERR, 0x8101},
        {0x0500, {1, 2, 0, 0}, DNS_REJECT, DNS_FORMERR, 0x8101}, /* aa is not echoed */
        {0x0100, {1, 0, 2, 0}, DNS_REJECT, DNS_FORMERR, 0x8101},
        {0x0100, {1, 0, 0, 3}, DNS_REJECT, DNS_FORMERR, 0x8101},
    };
    (void)state;
    for (size_t i = 0; i < CO_COUNT(cases); i++) {
        struct dns_query query;
        enum dns_rcode rcode = DNS_NOERROR;
        uint8_t packet[600];
        size_t size = ask_bytes(packet, "web.service.consul", DNS_A, cases[i].flags, -1);
        for (size_t j = 0; j < 4; j++) packet[5 + 2 * j] = cases[i].counts[j];
        assert_int_equal(dns_parse(&query, packet, size, &rcode), cases[i].verdict);
        if (cases[i].verdict != DNS_REJECT) continue;
        assert_int_equal(rcode, cases[i].rcode);
        assert_int_equal(dns_write_header(packet, rcode, out), 12);
        assert_int_equal(dns_get16(out + 2), cases[i].answer);
        assert_memory_equal(out + 4, "\0\0\0\0\0\0\0\0", 8);
    }
}

/* ldns reads what the short way does not: here a question with an SOA in the authority section, as IXFR has. */
static void odd_question(void **state) {
    struct dns_query query;
    enum dns_rcode rcode;
    uint8_t packet[600];
    (void)state;
    size_t size = ask_bytes(packet, "web.service.consul", DNS_A, 0x0100, -1);
    packet[9] = 1;
    memcpy(packet + size, "\xc0\x0c\0\6\0\1\0\0\0\0\0\26\0\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5", 34);
    assert_int_equal(dns_parse(&query, packet, size + 34, &rcode), DNS_PARSED);
    assert_int_equal(query.type, DNS_A);
    assert_memory_equal(query.question, "\3web\7service\6consul\0\0\1\0\1", query.question_size);
    assert_int_equal(dns_parse(&query, packet, size + 33, &rcode), DNS_REJECT);
    /* A name that points at itself. */
    memcpy(packet + 12, "\xc0\x0c\0\1\0\1", 6);
    packet[9] = 0;
    assert_int_equal(dns_parse(&query, packet, 18, &rcode), DNS_REJECT);
}

static void client_subnet(void **state) {
    struct dns_query query = {0};
    static const uint8_t good[] = "\xfd\xe9\0\2xx\0\x08\0\7\0\1\x18\x09\x0a\0\0", short_one[] = "\0\x08\0\3\0\1\x18",
                         long_one[] = "\0\x08\0\x09\0\1\x20\0\1\2\3\4\5";
    (void)state;
    assert_true(dns_query_options(&query, good, 17));
    assert_int_equal(query.subnet_size, 7);
    assert_memory_equal(query.subnet, "\0\1\x18\0\x0a\0\0", 7); /* scope 0 */
    assert_false(dns_query_options(&query, good, 16));
    assert_false(dns_query_options(&query, short_one, 7));
    assert_false(dns_query_options(&query, long_one, 13));
}

/* --- domains and zones --- */

static bool is_zone(void *arg, const char *label) {
    (void)arg;
    return strcmp(label, "service") == 0 || strcmp(label, "node") == 0;
}

static void paths(void **state) {
    struct dns_name domain;
    struct dns_path path;
    (void)state;
    assert_true(dns_name_from(&domain, "consul"));
    struct dns_query query = ask("v1.web.service.dc1.consul", DNS_A, -1);
    assert_int_equal(dns_labels_below(&query, &domain), 4);
    assert_true(dns_path_find(&path, &query, 4, is_zone, NULL));
    assert_int_equal(path.left, 2);
    assert_int_equal(path.right, 1);
    assert_string_equal(path.labels[0], "v1");
    assert_string_equal(path.labels[1], "web");
    assert_string_equal(path.labels[3], "dc1");
    query = ask("_web._tcp.consul", DNS_SRV, -1);
    assert_true(dns_path_find(&path, &query, 2, is_zone, NULL));
    assert_true(path.is_bare);
    assert_int_equal(path.left, 2);
    query = ask("_web._tcp.consul", DNS_A, -1);
    assert_false(dns_path_find(&path, &query, 2, is_zone, NULL));
    query = ask("service.service.consul", DNS_A, -1);
    assert_true(dns_path_find(&path, &query, 2, is_zone, NULL));
    assert_int_equal(path.left, 1); /* the one nearest to the domain */
    query = ask("consul", DNS_A, -1);
    assert_int_equal(dns_labels_below(&query, &domain), 0);
    query = ask("xconsul", DNS_A, -1);
    assert_int_equal(dns_labels_below(&query, &domain), SIZE_MAX);
    /* The domain's bytes inside a label are not the domain: 6 is the length byte and a character. */
    uint8_t packet[64] = "\0\1\1\0\0\1\0\0\0\0\0\0\x09xx\6consul\0\0\1\0\1";
    enum dns_rcode rcode;
    assert_int_equal(dns_parse(&query, packet, 27, &rcode), DNS_PARSED);
    assert_int_equal(dns_labels_below(&query, &domain), SIZE_MAX);
    /* No name holds a dot or a NUL. */
    uint8_t dotted[64] = "\0\1\1\0\0\1\0\0\0\0\0\0\3a.b\7service\6consul\0\0\1\0\1";
    assert_int_equal(dns_parse(&query, dotted, 12 + 4 + 8 + 8 + 4, &rcode), DNS_PARSED);
    assert_false(dns_path_find(&path, &query, 2, is_zone, NULL));
}

static void reverse_names(void **state) {
    static const uint8_t v4[16] = "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\1",
                         v6[16] = "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x0f";
    uint8_t address[16];
    (void)state;
    struct dns_query query = ask("1.0.0.10.IN-ADDR.arpa", DNS_PTR, -1);
    assert_int_equal(dns_reverse_read(&query, address), DNS_REVERSE_WHOLE);
    assert_memory_equal(address, v4, 16);
    query = ask("F.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", DNS_PTR, -1);
    assert_int_equal(dns_reverse_read(&query, address), DNS_REVERSE_WHOLE);
    assert_memory_equal(address, v6, 16);
    static const char *const parts[] = {"0.0.10.in-addr.arpa",
                                        "in-addr.arpa",
                                        "256.0.0.10.in-addr.arpa",
                                        "x.0.0.10.in-addr.arpa",
                                        "1.2.0.0.10.in-addr.arpa",
                                        "0010.0.0.10.in-addr.arpa",
                                        "8.b.d.0.1.0.0.2.ip6.arpa",
                                        "ip6.arpa",
                                        "g.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
                                        "00.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"};
    for (size_t i = 0; i < CO_COUNT(parts); i++) {
        query = ask(parts[i], DNS_PTR, -1);
        if (dns_reverse_read(&query, address) != DNS_REVERSE_PART) fail_msg("%s", parts[i]);
    }
    query = ask("1.0.0.10.xin-addr.arpa", DNS_PTR, -1);
    assert_int_equal(dns_reverse_read(&query, address), DNS_REVERSE_NOT);
    struct dns_name name;
    struct dns_single single;
    query = ask("1.0.0.10.in-addr.ARPA", DNS_PTR, -1);
    assert_true(dns_name_full(&name, "n1", "node", "dc1", &style.domain));
    dns_single_pointer(&single, &name, 0);
    struct seen seen = read_back(dns_write(&style, &query, &single.template, false, out));
    has(&seen, "1.0.0.10.in-addr.ARPA.\t0\tIN\tPTR\tn1.node.dc1.consul.");
    forget(&seen);
}

static void ttl_patterns(void **state) {
    struct co_pair pairs[] = {{"*", "5s"}, {"we*", "9s"}, {"Web", "7s"}, {"webhook*", "11s"}};
    struct dns_config config = {.service_ttl = {pairs, CO_COUNT(pairs)}, .node_ttl = {3 * CO_SECOND}};
    struct dns_ttls ttls;
    struct co_error error;
    (void)state;
    assert_int_equal(dns_ttls_read(&ttls, &config, &error), CO_OK);
    assert_int_equal(ttls.node, 3);
    assert_int_equal(dns_ttl_of(&ttls, "web"), 7);
    assert_int_equal(dns_ttl_of(&ttls, "wei"), 9);
    assert_int_equal(dns_ttl_of(&ttls, "webhooks"), 11);
    assert_int_equal(dns_ttl_of(&ttls, "db"), 5);
    dns_ttls_free(&ttls);
    pairs[1].value = "soon";
    assert_int_equal(dns_ttls_read(&ttls, &config, &error), CO_INVALID);
    assert_non_null(strstr(error.text, "we*"));
}

/* --- answers --- */

static void addresses(void **state) {
    struct dns_query query = ask("WEB.service.consul", DNS_A, -1);
    struct dns_template *template = instances(DNS_KIND_A, 2, 1);
    (void)state;
    struct seen seen = read_back(dns_write(&style, &query, template, false, out));
    assert_int_equal(seen.size, 12 + 24 + 2 * 16); /* every owner is a pointer */
    assert_int_equal(seen.answers, 2);
    assert_int_equal(seen.additionals, 0);
    assert_int_equal(dns_get16(out + 2), 0x8500);
    has(&seen, "WEB.service.consul.\t5\tIN\tA\t10.0.0.0"); /* spelled as asked */
    has(&seen, "10.0.0.1");
    forget(&seen);
    dns_template_free(template);
}

static void services_with_targets(void **state) {
    struct dns_query query = ask("web.service.consul", DNS_SRV, 1232);
    struct dns_template *template = instances(DNS_KIND_SRV, 2, 3);
    (void)state;
    struct seen seen = read_back(dns_write(&style, &query, template, false, out));
    assert_int_equal(seen.answers, 2);
    assert_int_equal(seen.additionals, 8);
    has(&seen, "web.service.consul.\t5\tIN\tSRV\t1 1 8001 node1.node.dc1.consul.");
    has(&seen, "node1.node.dc1.consul.\t5\tIN\tA\t10.0.0.1");
    has(&seen, "node0.node.dc1.consul.\t5\tIN\tTXT\t\"rack=r1\"");
    has(&seen, "node0.node.dc1.consul.\t5\tIN\tTXT\t\"plain\"");
    has(&seen, "node0.node.dc1.consul.\t5\tIN\tTXT\t\"a`=b=c\"");
    forget(&seen);
    style.is_uncompressed = true;
    seen = read_back(dns_write(&style, &query, template, true, out));
    assert_int_equal(seen.answers, 2);
    for (size_t i = 12; i + 1 < seen.size; i++)
        assert_false(out[i] == 0xc0 && out[i + 1] < 0xff && i > 36); /* no pointers */
    has(&seen, "node1.node.dc1.consul.\t5\tIN\tA\t10.0.0.1");
    forget(&seen);
    dns_template_free(template);
}

static void kinds_of_targets(void **state) {
    struct dns_query query = ask("web.service.consul", DNS_SRV, 4096);
    (void)state;
    struct co_endpoint endpoint = {.node = "n1",
                                   .datacenter = "dc1",
                                   .address = "10.9.9.9",
                                   .node_address = "10.0.0.1",
                                   .service_id = "web",
                                   .port = 80,
                                   .weight = 7,
                                   .node_meta = {meta, 1}};
    struct dns_template *template = one(DNS_KIND_SRV, false, endpoint);
    struct seen seen = read_back(dns_write(&style, &query, template, false, out));
    has(&seen, "SRV\t1 7 80 0a090909.addr.dc1.consul.");
    has(&seen, "0a090909.addr.dc1.consul.\t5\tIN\tA\t10.9.9.9");
    assert_int_equal(seen.additionals, 1); /* the node's metadata do not go with the service's own address */
    forget(&seen);
    dns_template_free(template);

    endpoint.address = "svc.example.com";
    template = one(DNS_KIND_SRV, false, endpoint);
    seen = read_back(dns_write(&style, &query, template, false, out));
    has(&seen, "SRV\t1 7 80 svc.example.com.");
    assert_int_equal(seen.additionals, 0);
    forget(&seen);
    dns_template_free(template);

    query = ask("web.service.consul", DNS_AAAA, 4096);
    template = one(DNS_KIND_AAAA, false, endpoint);
    seen = read_back(dns_write(&style, &query, template, false, out));
    has(&seen, "CNAME\tsvc.example.com.");
    forget(&seen);
    dns_template_free(template);

    endpoint.address = "10.0.0.9";
    endpoint.address_v6 = "2001:db8::7";
    template = one(DNS_KIND_AAAA, false, endpoint);
    seen = read_back(dns_write(&style, &query, template, false, out));
    has(&seen, "AAAA\t2001:db8::7");
    forget(&seen);
    dns_template_free(template);

    endpoint.address_v6 = NULL;
    template = one(DNS_KIND_AAAA, false, endpoint); /* exists, but not with this type */
    seen = read_back(dns_write(&style, &query, template, false, out));
    assert_int_equal(seen.answers, 0);
    assert_int_equal(ldns_pkt_get_rcode(seen.packet), LDNS_RCODE_NOERROR);
    has(&seen, "consul.\t0\tIN\tSOA\tns.consul. hostmaster.consul. 42 3600 600 86400 0");
    forget(&seen);
    dns_template_free(template);
}

static void unwritable_names(void **state) {
    char longest[200];
    (void)state;
    memset(longest, 'x', sizeof longest);
    longest[150] = '\0'; /* a node's name may be longer than a label */
    struct co_endpoint endpoint = {
        .node = longest, .datacenter = "dc1", .address = "", .node_address = "10.0.0.1", .port = 1, .weight = 1};
    struct dns_template *template = one(DNS_KIND_SRV, false, endpoint);
    assert_int_equal(template->answer_count, 0);
    dns_template_free(template);
    template = one(DNS_KIND_A, false, endpoint);
    assert_int_equal(template->answer_count, 1);
    dns_template_free(template);
}

static void nodes(void **state) {
    struct co_endpoint endpoint = {
        .node = "n1", .datacenter = "dc1", .address = "", .node_address = "10.0.0.1", .node_meta = {meta, 2}};
    struct dns_query query = ask("n1.node.consul", DNS_A, -1);
    (void)state;
    struct dns_template *template = one(DNS_KIND_A, true, endpoint);
    struct seen seen = read_back(dns_write(&style, &query, template, false, out));
    assert_int_equal(seen.answers, 1);
    assert_int_equal(seen.additionals, 2);
    has(&seen, "n1.node.consul.\t5\tIN\tTXT\t\"rack=r1\"");
    forget(&seen);
    dns_template_free(template);
    query = ask("n1.node.consul", DNS_AAAA, -1);
    template = one(DNS_KIND_AAAA, true, endpoint);
    seen = read_back(dns_write(&style, &query, template, false, out));
    assert_int_equal(seen.answers, 0);
    assert_int_equal(seen.authorities, 0); /* nodes have no SOA with nothing, and keep their metadata */
    assert_int_equal(seen.additionals, 2);
    forget(&seen);
    dns_template_free(template);
}

/* A text longer than a character-string goes on in the next. */
static void long_texts(void **state) {
    char text[600];
    (void)state;
    memset(text, 'y', sizeof text);
    text[511] = '\0';
    struct co_pair pair = {"rfc1035-long", text};
    struct co_endpoint endpoint = {
        .node = "n1", .datacenter = "dc1", .address = "", .node_address = "10.0.0.1", .node_meta = {&pair, 1}};
    struct dns_query query = ask("n1.node.consul", DNS_TXT, 4096);
    struct dns_template *template = one(DNS_KIND_TXT, true, endpoint);
    struct seen seen = read_back(dns_write(&style, &query, template, false, out));
    assert_int_equal(seen.answers, 1);
    assert_int_equal(ldns_rr_rd_count(ldns_rr_list_rr(ldns_pkt_answer(seen.packet), 0)), 3);
    forget(&seen);
    dns_template_free(template);
}

static void repeated_instances(void **state) {
    struct co_endpoint items[300];
    (void)state;
    for (size_t i = 0; i < 300; i++)
        items[i] = (struct co_endpoint){.node = "same",
                                        .datacenter = "dc1",
                                        .address = "",
                                        .node_address = i % 2 ? "10.0.0.1" : "10.0.0.2",
                                        .port = (uint16_t)(i % 100),
                                        .weight = (uint16_t)(1 + i % 3)};
    struct co_endpoints endpoints = {items, 300};
    struct dns_shape shape = {.kind = DNS_KIND_A, .domain = &style.domain};
    struct dns_template *template = dns_template_new(&shape, CO_OK, &endpoints);
    assert_int_equal(template->answer_count, 2);
    dns_template_free(template);
    shape.kind = DNS_KIND_SRV;
    template = dns_template_new(&shape, CO_OK, &endpoints);
    assert_int_equal(template->answer_count, 100); /* by target and port, whatever the weight */
    dns_template_free(template);
}

/* --- limits --- */

static void limits(void **state) {
    static const struct {
        enum dns_kind kind;
        size_t count;
        int edns;
        bool is_tcp;
        size_t answers_min, answers_max, size_max;
    } cases[] = {
        {DNS_KIND_A, 300, -1, false, 3, 3, 512},         {DNS_KIND_A, 300, 512, false, 3, 3, 512},
        {DNS_KIND_A, 300, 100, false, 3, 3, 512},        {DNS_KIND_A, 300, 1232, false, 73, 75, 1232},
        {DNS_KIND_A, 300, 65535, false, 250, 256, 4096}, {DNS_KIND_A, 300, -1, true, 300, 300, 65535},
        {DNS_KIND_SRV, 300, -1, false, 3, 3, 512},       {DNS_KIND_SRV, 300, 1232, false, 15, 21, 1232},
        {DNS_KIND_SRV, 300, -1, true, 300, 300, 65535},  {DNS_KIND_SRV, 3000, 4096, true, 500, 1200, 65535},
        {DNS_KIND_A, 5000, -1, true, 4000, 4096, 65535}, {DNS_KIND_ANY, 300, -1, false, 3, 3, 512},
    };
    (void)state;
    for (size_t i = 0; i < CO_COUNT(cases); i++) {
        struct dns_query query = ask("web.service.consul", DNS_A, cases[i].edns);
        struct dns_template *template = instances(cases[i].kind, cases[i].count, 0);
        memset(out, 0xa5, sizeof out);
        struct seen seen = read_back(dns_write(&style, &query, template, cases[i].is_tcp, out));
        if (seen.answers < cases[i].answers_min || seen.answers > cases[i].answers_max || seen.size > cases[i].size_max)
            fail_msg("case %zu: %zu answers, %zu bytes", i, seen.answers, seen.size);
        assert_int_equal(ldns_pkt_edns(seen.packet), cases[i].edns >= 0);
        if (cases[i].edns >= 0) assert_int_equal(ldns_pkt_edns_udp_size(seen.packet), cases[i].edns);
        if (cases[i].kind == DNS_KIND_SRV)
            assert_int_equal(seen.additionals, seen.answers); /* together or not at all */
        assert_false(ldns_pkt_tc(seen.packet));
        forget(&seen);
        dns_template_free(template);
    }
}

static void truncated_bit(void **state) {
    struct dns_template *five = instances(DNS_KIND_A, 5, 0), *three = instances(DNS_KIND_A, 3, 0);
    struct dns_query small = ask("web.service.consul", DNS_A, -1);
    (void)state;
    style.sets_truncated = true;
    struct seen seen = read_back(dns_write(&style, &small, five, false, out));
    assert_true(ldns_pkt_tc(seen.packet));
    forget(&seen);
    seen = read_back(dns_write(&style, &small, three, false, out));
    assert_false(ldns_pkt_tc(seen.packet));
    forget(&seen);
    seen = read_back(dns_write(&style, &small, five, true, out));
    assert_false(ldns_pkt_tc(seen.packet));
    forget(&seen);
    style.a_record_limit = 2; /* a wish of the operator's, not a lack of room */
    seen = read_back(dns_write(&style, &small, three, false, out));
    assert_int_equal(seen.answers, 2);
    assert_false(ldns_pkt_tc(seen.packet));
    forget(&seen);
    dns_template_free(five);
    dns_template_free(three);
}

/* Metadata that do not fit go, the answer stays. */
static void crowded_node(void **state) {
    char text[300];
    struct co_pair pairs[20];
    (void)state;
    memset(text, 'z', sizeof text);
    text[200] = '\0';
    for (size_t i = 0; i < CO_COUNT(pairs); i++) pairs[i] = (struct co_pair){"key", text};
    struct co_endpoint endpoint = {.node = "n1",
                                   .datacenter = "dc1",
                                   .address = "",
                                   .node_address = "10.0.0.1",
                                   .port = 1,
                                   .weight = 1,
                                   .node_meta = {pairs, CO_COUNT(pairs)}};
    struct dns_query query = ask("web.service.consul", DNS_SRV, -1);
    struct dns_template *template = one(DNS_KIND_SRV, false, endpoint);
    struct seen seen = read_back(dns_write(&style, &query, template, false, out));
    assert_true(seen.size <= 512);
    assert_int_equal(seen.answers, 1);
    assert_int_equal(seen.additionals, 2);
    forget(&seen);
    dns_template_free(template);
}

/* --- the zone itself, and what is not there --- */

static void apex(void **state) {
    struct dns_template *servers = instances(DNS_KIND_SERVERS, 5, 0);
    struct dns_query query = ask("nope.consul", DNS_SOA, -1);
    (void)state;
    struct seen seen = read_back(dns_write_apex(&style, &query, servers, false, out));
    assert_int_equal(seen.answers, 1);
    assert_int_equal(seen.authorities, 3); /* at most */
    assert_int_equal(seen.additionals, 3);
    has(&seen, "consul.\t5\tIN\tNS\tnode");
    forget(&seen);
    query = ask("x.CONSUL", DNS_NS, 1232); /* the domain's own spelling cannot be pointed at */
    seen = read_back(dns_write_apex(&style, &query, servers, false, out));
    assert_int_equal(seen.answers, 3);
    assert_int_equal(seen.additionals, 3);
    has(&seen, "consul.\t5\tIN\tNS\tnode");
    assert_null(strstr(seen.text, "CONSUL"));
    forget(&seen);
    dns_template_free(servers);
}

static void negative(void **state) {
    struct dns_query query = ask("nope.service.CONSUL", DNS_A, 1232);
    (void)state;
    struct seen seen = read_back(dns_write(&style, &query, &dns_nxdomain, false, out));
    assert_int_equal(ldns_pkt_get_rcode(seen.packet), LDNS_RCODE_NXDOMAIN);
    has(&seen, "consul.\t0\tIN\tSOA\tns.consul. hostmaster.consul. 42");
    forget(&seen);
    seen = read_back(dns_write_empty(&query, DNS_REFUSED, false, false, out));
    assert_int_equal(dns_get16(out + 2), 0x8105);
    assert_false(ldns_pkt_edns(seen.packet));
    forget(&seen);
}

static void address_zone(void **state) {
    struct dns_single address;
    struct dns_query query = ask("0A000001.addr.dc1.consul", DNS_SRV, -1);
    (void)state;
    dns_single_address(&address, (const uint8_t *)"\x0a\0\0\1", 4, 3);
    struct seen seen = read_back(dns_write(&style, &query, &address.template, false, out));
    has(&seen, "0a000001.addr.dc1.consul.\t3\tIN\tA\t10.0.0.1");
    forget(&seen);
}

/* --- order --- */

/* Every instance comes first about equally often, and every one of the orders of three is seen. */
static void shuffled(void **state) {
    enum { ROUNDS = 30000, COUNT = 5 };
    struct dns_template *template = instances(DNS_KIND_A, COUNT, 0);
    struct dns_query query = ask("web.service.consul", DNS_A, 4096);
    unsigned first[COUNT] = {0}, last[COUNT] = {0}, pairs[COUNT][COUNT] = {{0}};
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        dns_write(&style, &query, template, false, out);
        uint8_t ids[COUNT], all = 0;
        for (int j = 0; j < COUNT; j++)
            ids[j] = out[12 + query.question_size + 16 * j + 15], all |= (uint8_t)(1 << ids[j]);
        assert_int_equal(all, 31);
        first[ids[0]]++;
        last[ids[COUNT - 1]]++;
        pairs[ids[0]][ids[1]]++;
    }
    for (int i = 0; i < COUNT; i++) {
        assert_in_range(first[i], ROUNDS / COUNT * 93 / 100, ROUNDS / COUNT * 107 / 100);
        assert_in_range(last[i], ROUNDS / COUNT * 93 / 100, ROUNDS / COUNT * 107 / 100);
        for (int j = 0; j < COUNT; j++)
            if (i != j) assert_in_range(pairs[i][j], ROUNDS / 20 * 85 / 100, ROUNDS / 20 * 115 / 100);
    }
    dns_template_free(template);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(names, set_up),
        cmocka_unit_test_setup(plain_question, set_up),
        cmocka_unit_test_setup(cut_questions, set_up),
        cmocka_unit_test_setup(refused_by_header, set_up),
        cmocka_unit_test_setup(odd_question, set_up),
        cmocka_unit_test_setup(client_subnet, set_up),
        cmocka_unit_test_setup(paths, set_up),
        cmocka_unit_test_setup(reverse_names, set_up),
        cmocka_unit_test_setup(ttl_patterns, set_up),
        cmocka_unit_test_setup(addresses, set_up),
        cmocka_unit_test_setup(services_with_targets, set_up),
        cmocka_unit_test_setup(kinds_of_targets, set_up),
        cmocka_unit_test_setup(unwritable_names, set_up),
        cmocka_unit_test_setup(nodes, set_up),
        cmocka_unit_test_setup(long_texts, set_up),
        cmocka_unit_test_setup(repeated_instances, set_up),
        cmocka_unit_test_setup(limits, set_up),
        cmocka_unit_test_setup(truncated_bit, set_up),
        cmocka_unit_test_setup(crowded_node, set_up),
        cmocka_unit_test_setup(apex, set_up),
        cmocka_unit_test_setup(negative, set_up),
        cmocka_unit_test_setup(address_zone, set_up),
        cmocka_unit_test_setup(shuffled, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
