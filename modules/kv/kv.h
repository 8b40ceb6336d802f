/* The key/value slice's own structs and the functions behind its tables in kv_module.c. Thread: the loop. */
#ifndef COHORT_KV_H
#define COHORT_KV_H

#include "cohort/consensus.h"
#include "cohort/http.h"
#include "cohort/module.h"

enum kv_table {
    KV_ENTRIES = 16,    /* key -> struct kv_entry without its key */
    KV_TOMBSTONES = 17, /* deleted key or prefix -> index of the deletion, 8 bytes, big endian */
};

/* DirEntry. In rows `key` is left out: the row's own key says it. */
struct kv_entry {
    uint64_t lock_index;
    const char *key;
    uint64_t flags;
    struct co_bytes value;
    const char *session; /* "" = not locked; written by the session slice once there is one */
    uint64_t create_index, modify_index;
};

/* KVS.Apply. `op`: "set", "cas", "delete", "delete-cas", "delete-tree". For the cas verbs entry.modify_index is the expected
 * index, 0 = the key must not exist. */
struct kv_apply_request {
    const char *op;
    struct kv_entry entry;
};
struct kv_apply_reply {
    bool is_done;
};

/* KVS.Get and KVS.List take a key or prefix, KVS.ListKeys also a separator. */
struct kv_request {
    const char *key, *separator;
};
struct kv_list {
    struct co_records entries;
}; /* of struct kv_entry */
struct kv_keys {
    struct co_strings keys;
};

/* KVS.Reap: looks at tombstones from key `from` on, at most KV_REAP_STEP, and drops those of `index` and older. */
struct kv_reap_request {
    uint64_t index;
    const char *from;
};
struct kv_reap_reply {
    const char *next;
}; /* "" = the table's end was reached */
#define KV_REAP_STEP 1024

extern const struct co_schema kv_entry_schema, kv_apply_request_schema, kv_apply_reply_schema, kv_request_schema,
    kv_list_schema, kv_keys_schema, kv_reap_request_schema, kv_reap_reply_schema, kv_config_schema;

enum kv_method { KV_APPLY, KV_REAP, KV_GET, KV_LIST, KV_LIST_KEYS, KV_METHOD_COUNT };
extern const struct co_method kv_methods[KV_METHOD_COUNT];

struct kv_config {
    struct co_duration tombstone_ttl;
};

/* At each mark the leader notes the applied index; a mark older than the tombstones' time to live is reaped up to. */
#define KV_MARKS 16
struct kv {
    struct co_ctx *ctx;
    struct co_timer timer;
    int64_t ttl_ms;
    uint64_t marks[KV_MARKS]; /* applied indexes, one per ttl / (KV_MARKS - 1), newest last */
    size_t mark_count;
    uint64_t reap_index; /* what is being reaped; 0: nothing */
};

co_status kv_init(struct co_ctx *, void *self, const void *config, struct co_error *);
co_status kv_start(void *self, struct co_error *);
co_status kv_reload(void *self, const void *config, struct co_error *);
void kv_stop(void *self, void (*stopped)(void *arg), void *arg);

co_status kv_prepare(struct co_prepare *, void *request, struct co_error *);
co_status kv_apply(struct co_apply *, const void *request, void *reply, struct co_error *);
co_status kv_reap_apply(struct co_apply *, const void *request, void *reply, struct co_error *);
co_status kv_get(struct co_query *, const void *request, void *reply, struct co_error *);
co_status kv_list(struct co_query *, const void *request, void *reply, struct co_error *);
co_status kv_list_keys(struct co_query *, const void *request, void *reply, struct co_error *);

void kv_handle(void *self, struct co_http *);

/* Shared by apply and query. Reads the row of `key`; `out->key` is not set. */
co_status kv_entry_read(struct co_bytes row, struct kv_entry *out, struct co_arena *, struct co_error *);
uint64_t kv_tombstone_index(struct co_bytes row);

#endif
