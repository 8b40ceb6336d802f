/* The module's state: settings, zones, and the way from a question to its template. Thread: the loop. */
#ifndef COHORT_DNS_H
#define COHORT_DNS_H

#include "cohort/module.h"
#include "dns/packet.h"
#include "dns/server.h"

/* Consul's dns_config block. */
struct dns_soa_settings {
    int64_t refresh, retry, expire, min_ttl;
};
struct dns_config {
    bool allow_stale, only_passing, enable_truncate, disable_compression, enable_additional_node_meta_txt;
    struct co_duration max_stale, node_ttl;
    struct co_map service_ttl;
    int64_t udp_answer_limit, a_record_limit;
    struct dns_soa_settings soa;
};
struct dns_settings {
    const char *domain, *alt_domain;
    struct dns_config config;
    int64_t udp_size_max, tcp_connections_max, tcp_connections_per_client;
    struct co_duration tcp_idle_timeout;
    struct co_size udp_receive_buffer;
};

/* A zone that some module offers. */
struct dns_zone {
    const struct co_zone *zone;
    void *self; /* of the module */
};

struct dns_ttl {
    char *pattern; /* lower case; without the final star when is_prefix */
    size_t size;
    bool is_prefix;
    uint32_t seconds;
};
struct dns_ttls {
    struct dns_ttl *items; /* exact ones first, then prefixes, longest first */
    size_t count;
    uint32_t node;
};

/* A name asked lately and its answer, valid as long as nothing has been written (cache.c). */
struct dns_slot {
    uint64_t hash;
    uint64_t applied;
    struct co_answer *answer;
    uint16_t type, size;
    uint8_t name[60];
};
enum { DNS_SLOTS = 1024, DNS_SLOT_BYTES_MAX = 16384 };

enum dns_metric_type {
    DNS_COUNT_A,
    DNS_COUNT_AAAA,
    DNS_COUNT_SRV,
    DNS_COUNT_ANY,
    DNS_COUNT_PTR,
    DNS_COUNT_TYPE_OTHER,
    DNS_COUNT_TYPES
};
enum { DNS_COUNT_RCODES = 6 };

struct dns {
    struct co_ctx *ctx;
    struct co_loop *loop;
    struct co_log *log;
    struct dns_settings settings;
    struct dns_style style;
    struct dns_ttls ttls;
    struct dns_name alt_domain; /* size 0: none */
    uint64_t generation;        /* of the settings: part of every cached answer's identity */
    struct dns_zone *zones;
    size_t zone_count;
    const struct dns_zone *services; /* the zone "service", or NULL */
    struct co_view view, places_view;
    struct co_arena arena; /* of the question at hand */
    const struct dns_asking *asking;
    struct dns_single single; /* the answer to the question at hand, when it is made on the spot */
    struct dns_slot *slots;
    enum co_consistency consistency; /* of this batch */
    uint64_t applied;                /* the index of the newest entry, at the begin of this batch */
    struct dns_server server;
    struct co_log_limit failed_limit;
    /* metrics, added up over a batch */
    uint64_t began_ns;
    uint32_t types[DNS_COUNT_TYPES], rcodes[DNS_COUNT_RCODES];
    struct co_metric *query_sample, *type_counters[DNS_COUNT_TYPES], *rcode_counters[DNS_COUNT_RCODES],
        *dropped_counter;
    uint64_t dropped_told;
};

/* --- settings.c --- */
co_status dns_settings_take(struct dns *, const struct dns_settings *, bool is_first, struct co_error *);
co_status dns_ttls_read(struct dns_ttls *, const struct dns_config *, struct co_error *);
void dns_ttls_free(struct dns_ttls *);
uint32_t dns_ttl_of(const struct dns_ttls *, const char *service);

/* --- question.c --- */
/* Where a name points: the zone's label, what stands left and right of it. */
struct dns_path {
    char text[DNS_NAME_MAX + 1]; /* the labels, NUL-terminated */
    const char *labels[DNS_LABELS_MAX];
    size_t left, right; /* how many before and behind the zone's own label; labels[left] is it, unless is_bare */
    size_t count;       /* of all labels below the domain */
    bool is_bare;       /* _service._tag without a zone's label */
};
/* Finds the domain at the end of the name. How many labels stand before it; SIZE_MAX: it is outside. */
size_t dns_labels_below(const struct dns_query *, const struct dns_name *domain);
/* False: no such zone, or a label that no name can have. */
bool dns_path_find(struct dns_path *, const struct dns_query *, size_t count,
                   bool (*is_zone)(void *arg, const char *label), void *arg);

/* --- lookup.c --- */
/* The answer to a parsed question, written. */
size_t dns_answer(struct dns *, const struct dns_query *, bool is_tcp, uint8_t *out);
struct co_view dns_view_make(void);

/* --- reverse.c --- */
enum dns_reversed { DNS_REVERSE_NOT, DNS_REVERSE_PART, DNS_REVERSE_WHOLE };
/* The address in 1.0.0.10.in-addr.arpa or below ip6.arpa; IPv4 comes as ::ffff:10.0.0.1. */
enum dns_reversed dns_reverse_read(const struct dns_query *, uint8_t address[16]);
bool dns_reverse_find(struct dns *, const uint8_t address[16], struct dns_name *name);
struct co_view dns_places_view_make(void);

/* --- cache.c --- */
struct co_answer *dns_cache_find(struct dns *, const struct dns_query *, uint64_t hash);
void dns_cache_keep(struct dns *, const struct dns_query *, uint64_t hash, struct co_answer *);
void dns_cache_clear(struct dns *);
uint64_t dns_cache_hash(const struct dns_query *);

/* --- life.c --- */
co_status dns_init(struct co_ctx *, void *self, const void *config, struct co_error *);
co_status dns_start(void *self, struct co_error *);
co_status dns_reload(void *self, const void *config, struct co_error *);
void dns_stop(void *self, void (*stopped)(void *), void *arg);
void dns_fini(void *self);

#endif
