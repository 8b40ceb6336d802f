/* The shortest way to an answer: names asked lately, each with the index of the newest applied entry when its answer was got. As long
 * as nothing has been applied since, nothing the answer was read from can have changed; afterwards the core's own cache, which knows
 * what each answer depends on, is asked again. Bounded by construction: slots are overwritten. */
#include "dns/dns.h"

#include <stdlib.h>

#include "cohort/consensus.h"

uint64_t dns_cache_hash(const struct dns_query *query) {
    return co_hash(query->name.wire, query->name.size) ^ (uint64_t)query->type * UINT64_C(0x9e3779b97f4a7c15);
}

static bool is_same(const struct dns_slot *slot, const struct dns_query *query, uint64_t hash) {
    return slot->answer && slot->hash == hash && slot->type == query->type && slot->size == query->name.size &&
           memcmp(slot->name, query->name.wire, query->name.size) == 0;
}

struct co_answer *dns_cache_find(struct dns *dns, const struct dns_query *query, uint64_t hash) {
    if (!dns->slots || dns->consistency != CO_READ_STALE) return NULL;
    struct dns_slot *slot = &dns->slots[hash % DNS_SLOTS];
    return slot->applied == dns->applied && is_same(slot, query, hash) ? slot->answer : NULL;
}

void dns_cache_keep(struct dns *dns, const struct dns_query *query, uint64_t hash, struct co_answer *answer) {
    const struct dns_template *template = answer->object;
    struct dns_slot *slot = &dns->slots[hash % DNS_SLOTS];
    if (dns->consistency != CO_READ_STALE || query->name.size > sizeof slot->name ||
        template->size > DNS_SLOT_BYTES_MAX)
        return;
    co_answer_retain(answer);
    co_answer_release(slot->answer);
    *slot = (struct dns_slot){
        .hash = hash, .applied = dns->applied, .answer = answer, .type = query->type, .size = query->name.size};
    memcpy(slot->name, query->name.wire, query->name.size);
}

void dns_cache_clear(struct dns *dns) {
    for (size_t i = 0; dns->slots && i < DNS_SLOTS; i++) {
        co_answer_release(dns->slots[i].answer);
        dns->slots[i].answer = NULL;
    }
}
