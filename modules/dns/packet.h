/* Questions and answers on the wire, apart from where they come from and how they travel. All of it works on memory the caller
 * owns, does no I/O and never trusts a length. Sources: RFC 1035 section 4 (messages), RFC 6891 (EDNS), RFC 7871 (client subnet). */
#ifndef COHORT_DNS_PACKET_H
#define COHORT_DNS_PACKET_H

#include "cohort/zone.h"

enum {
    DNS_HEADER_SIZE = 12,
    DNS_NAME_MAX = 255,
    DNS_LABEL_MAX = 63,
    DNS_LABELS_MAX = 127,
    DNS_QUESTION_MAX = DNS_NAME_MAX + 4,
    DNS_UDP_SMALL = 512, /* what a client without EDNS can take */
    DNS_MESSAGE_MAX = 65535,
    DNS_POINTER_REACH = 0x4000, /* compression pointers hold 14 bits */
};

enum dns_type {
    DNS_A = 1,
    DNS_NS = 2,
    DNS_CNAME = 5,
    DNS_SOA = 6,
    DNS_PTR = 12,
    DNS_TXT = 16,
    DNS_AAAA = 28,
    DNS_SRV = 33,
    DNS_OPT = 41,
    DNS_AXFR = 252,
    DNS_ANY = 255,
};

enum dns_rcode { DNS_NOERROR, DNS_FORMERR, DNS_SERVFAIL, DNS_NXDOMAIN, DNS_NOTIMP, DNS_REFUSED };

/* --- names --- */

/* A name as on the wire, uncompressed, with its root. */
struct dns_name {
    uint16_t size;
    uint8_t wire[DNS_NAME_MAX + 1];
};
/* Appends the labels of "a.b.c" (a final dot is allowed) and no root. False: a label or the whole is too long or empty. */
bool dns_name_add(struct dns_name *, const char *text);
/* "a.b.c" into a whole name. */
bool dns_name_from(struct dns_name *, const char *text);
bool dns_name_end(struct dns_name *); /* appends the root */
/* LABELS.WHAT.DATACENTER.DOMAIN */
bool dns_name_full(struct dns_name *, const char *labels, const char *what, const char *datacenter,
                   const struct dns_name *domain);
void dns_lower(uint8_t *out, const uint8_t *in, size_t size);

/* --- questions --- */

struct dns_query {
    uint16_t id, flags; /* as received */
    uint16_t type, class;
    const uint8_t *question; /* as received: name, type, class; in the packet, or in `rebuilt` */
    uint16_t question_size;
    bool has_edns;
    uint16_t edns_size;
    uint8_t subnet_size; /* of the client subnet option to echo; 0: none */
    uint8_t subnet[4 + 16];
    uint8_t label_count;
    uint8_t labels[DNS_LABELS_MAX]; /* where each label starts in `name` */
    struct dns_name name;           /* lower case */
    uint8_t rebuilt[DNS_QUESTION_MAX];
};

enum dns_verdict {
    DNS_PARSED,
    DNS_IGNORE, /* not a question at all: silence */
    DNS_REJECT, /* answer with the header alone and query->rcode */
};
/* `rcode` is set for DNS_REJECT. */
enum dns_verdict dns_parse(struct dns_query *, const uint8_t *packet, size_t size, enum dns_rcode *rcode);
/* For whatever is not the plain one-question form: ldns decides (odd.c). */
enum dns_verdict dns_parse_odd(struct dns_query *, const uint8_t *packet, size_t size, enum dns_rcode *rcode);
/* Lower-cased name and labels from query->question. False: malformed. */
bool dns_query_name(struct dns_query *, const uint8_t *wire, size_t size, size_t *used);
/* Takes the client subnet out of the options of an OPT record. False: malformed. */
bool dns_query_options(struct dns_query *, const uint8_t *options, size_t size);

/* --- templates: everything about an answer that does not depend on who asks --- */

enum dns_owner {
    DNS_OWNER_QUESTION, /* the asked name, as it was spelled */
    DNS_OWNER_LOWER,    /* the asked name in lower case */
    DNS_OWNER_DOMAIN,   /* the zone's own name */
    DNS_OWNER_TARGET,   /* the name inside the record that this one goes with (SRV, NS) */
    DNS_OWNER_NAME,     /* a name of its own, in the template's bytes */
};

struct dns_record {
    uint32_t at;          /* its body in the template's bytes: type, class, TTL, length, data */
    uint16_t size;        /* of the body */
    uint16_t target;      /* offset in the body of the name that extras point to, which ends the body; 0: none */
    uint32_t extra_first; /* records that go into the additional section with this one */
    uint16_t extra_count;
    uint8_t owner;      /* enum dns_owner */
    uint8_t owner_size; /* of DNS_OWNER_NAME */
    uint32_t owner_at;
};

struct dns_template {
    uint8_t rcode;
    bool has_soa; /* negative: the SOA in the authority section */
    bool is_shuffled;
    bool is_limited;   /* udp_answer_limit applies */
    bool is_addresses; /* a_record_limit applies */
    uint32_t pick_max; /* at most so many answers, whatever the limits; 0: all */
    uint32_t answer_count, loose_first, loose_count;
    struct dns_record *records; /* the answers, then what goes into the additional section */
    uint32_t *order;            /* of the answers in the packet written last: the next shuffle starts from it */
    uint8_t *bytes;
    size_t size; /* memory, roughly */
};

/* What to make of endpoints. */
enum dns_kind { DNS_KIND_A, DNS_KIND_AAAA, DNS_KIND_SRV, DNS_KIND_ANY, DNS_KIND_TXT, DNS_KIND_OTHER, DNS_KIND_SERVERS };

struct dns_shape {
    enum dns_kind kind;
    bool is_node;
    bool has_meta_txt; /* node metadata in the additional section */
    uint32_t ttl;
    const struct dns_name *domain;
};
/* `status` is the zone's: NOT_FOUND gives NXDOMAIN. Free with dns_template_free(). */
struct dns_template *dns_template_new(const struct dns_shape *, co_status status, const struct co_endpoints *);
void dns_template_free(struct dns_template *);

extern struct dns_template dns_nxdomain; /* with the SOA */
extern struct dns_template dns_nothing;  /* NOERROR, all sections empty */
/* One record made on the spot, in memory of the caller: an address for the addr zone, or where a reverse name points. */
struct dns_single {
    struct dns_template template;
    struct dns_record record;
    uint32_t order;
    uint8_t bytes[10 + DNS_NAME_MAX];
};
void dns_single_pointer(struct dns_single *, const struct dns_name *, uint32_t ttl);
void dns_single_address(struct dns_single *, const uint8_t *address, size_t size, uint32_t ttl);

/* --- answers --- */

struct dns_soa {
    uint32_t refresh, retry, expire, min_ttl;
};

/* What the writer needs to know besides question and template. */
struct dns_style {
    struct dns_name domain;
    struct dns_soa soa;
    uint32_t serial;
    uint32_t udp_size_max;
    uint32_t udp_answer_limit, a_record_limit; /* 0: none */
    bool is_uncompressed, sets_truncated;
    uint64_t random; /* state of the generator; any value */
};

/* These fill `out` (DNS_MESSAGE_MAX bytes for TCP, udp_size_max and at least DNS_UDP_SMALL for UDP) and return the size. */
size_t dns_write_header(const uint8_t *packet, enum dns_rcode,
                        uint8_t *out); /* header only, from a packet of >= 12 bytes */
size_t dns_write_empty(const struct dns_query *, enum dns_rcode, bool is_authoritative, bool offers_recursion,
                       uint8_t *out);
size_t dns_write(struct dns_style *, const struct dns_query *, struct dns_template *, bool is_tcp, uint8_t *out);
/* SOA or NS of the zone; `servers` is of DNS_KIND_SERVERS. */
size_t dns_write_apex(struct dns_style *, const struct dns_query *, struct dns_template *servers, bool is_tcp,
                      uint8_t *out);

static inline uint16_t dns_get16(const uint8_t *at) {
    return (uint16_t)(at[0] << 8 | at[1]);
}
static inline void dns_put16(uint8_t *at, uint16_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}
static inline void dns_put32(uint8_t *at, uint32_t value) {
    dns_put16(at, (uint16_t)(value >> 16));
    dns_put16(at + 2, (uint16_t)value);
}

#endif
