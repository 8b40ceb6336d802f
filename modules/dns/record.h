/* Building templates record by record; between template.c (which records) and record.c (their bytes). */
#ifndef COHORT_DNS_RECORD_H
#define COHORT_DNS_RECORD_H

#include "cohort/arena.h"
#include "cohort/buffer.h"
#include "dns/packet.h"

enum { DNS_BODY_FIXED = 10, DNS_SRV_TARGET = DNS_BODY_FIXED + 6, DNS_SRV_PORT = DNS_BODY_FIXED + 4 };

struct dns_list {
    struct dns_record *items;
    size_t count, capacity;
};

struct dns_builder {
    const struct dns_shape *shape;
    struct co_buffer bytes;
    struct dns_list answers, extras, names; /* names: CNAMEs, given when there is no address */
    uint32_t *seen;                         /* hash set of answers, by what makes them equal; positions + 1 */
    size_t seen_size;
};

/* Each appends one record to the list. False: it cannot be put on the wire, or the list is full. */
bool dns_add_address(struct dns_builder *, struct dns_list *, const uint8_t *address, size_t size);
bool dns_add_srv(struct dns_builder *, struct dns_list *, uint16_t weight, uint16_t port,
                 const struct dns_name *target);
bool dns_add_name(struct dns_builder *, struct dns_list *, enum dns_type,
                  const struct dns_name *target); /* CNAME, NS */
bool dns_add_txt(struct dns_builder *, struct dns_list *, const char *key, const char *value);
struct dns_record *dns_last(struct dns_list *);
/* True, and the last answer is taken back, when an earlier one has the same bytes from `from` on. */
bool dns_drop_repeated(struct dns_builder *, struct dns_list *, size_t from);
void dns_builder_fini(struct dns_builder *);

#endif
