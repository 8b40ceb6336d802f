/* Methods: the named operations behind HTTP, DNS, RPC and timers (DESIGN section 4: one write path, one read path).
 *
 * prepare runs on the leader only and may use clock and random source; apply sees only the transaction, the command and the
 * index, and must be deterministic; query is a pure function of one snapshot. All on the loop thread. */
#ifndef COHORT_METHOD_H
#define COHORT_METHOD_H

#include "schema.h"
#include "storage.h"

struct co_ctx;
struct co_ask;

enum co_access { CO_ACCESS_NONE, CO_ACCESS_READ, CO_ACCESS_WRITE };

/* A read in progress. Results live in the arena or in the transaction's pages. */
struct co_query {
    struct co_txn *txn;
    struct co_arena *arena;
    void *self;                   /* the offering module's */
    uint64_t index;               /* out: X-Consul-Index of the answer (the core raises 0 to 1) */
    struct co_watching *watching; /* the core's */
};
/* The answer depends on every key of the table that starts with `prefix` (whole_key: on that key alone). Declared by the query
 * while it runs, before or after reading; the core wakes blocking queries and drops cached answers by it. */
CO_EXPORT void co_query_watch(struct co_query *, co_table_id, struct co_bytes prefix, bool whole_key);

/* A write being applied. */
struct co_apply {
    struct co_txn *txn;
    struct co_arena *arena; /* of the batch */
    void *self;
    uint64_t index; /* becomes CreateIndex / ModifyIndex */
};

struct co_prepare {
    struct co_ctx *ctx;
    struct co_arena *arena;
    void *self;
};

struct co_method {
    const char *name; /* Consul's RPC name, "KVS.Apply" */
    uint16_t command; /* writes: id in the journal, for ever, > 0; reads: 0 */
    uint8_t command_version;
    uint8_t access;                          /* enum co_access on `resource` */
    const char *resource;                    /* ACL resource: "key", "service", "node", "agent", ... */
    const struct co_schema *request, *reply; /* reply may be NULL (nothing) */
    /* Writes: checks and completes the request. A failure goes to the caller; nothing is proposed. May be NULL. */
    co_status (*prepare)(struct co_prepare *, void *request, struct co_error *);
    /* Writes. CO_IO/CO_FULL/CO_CORRUPT from the storage abort the whole batch; any other failure must come before the first put and
     * is the proposer's answer. `reply` is zeroed, of reply->size bytes. */
    co_status (*apply)(struct co_apply *, const void *request, void *reply, struct co_error *);
    /* Reads. */
    co_status (*query)(struct co_query *, const void *request, void *reply, struct co_error *);
};

/* Finds a method by name among all loaded modules; NULL when there is none. Constant for the life of the process. */
CO_EXPORT const struct co_method *co_method_find(struct co_ctx *, const char *name);

/* --- writing --- */
/* `reply` (or NULL) and `error` live only during the call. */
typedef void co_written(void *arg, co_status, const struct co_error *, uint64_t index, const void *reply);
/* prepare, encode, propose. `request` and `arena` are needed only during the call. `done` is called once, later or at once. */
CO_EXPORT void co_write(struct co_ctx *, const struct co_method *, void *request, struct co_arena *, co_written *done,
                        void *arg);

/* --- reading --- */
enum co_consistency { CO_READ_DEFAULT, CO_READ_STALE, CO_READ_CONSISTENT };

/* Makes the finished form of an answer (an HTTP response, a DNS packet) while the snapshot is open; kept and shared by all
 * who ask the same question until the data changes. */
struct co_view {
    const char *name;
    /* Returns an object for co_answer.object; `*size` is its rough memory in bytes. `ask` is the one that caused the evaluation. */
    void *(*render)(const struct co_view *, const struct co_ask *ask, uint64_t index, const void *reply, size_t *size);
    void (*release)(void *object);
};

struct co_ask {
    const struct co_method *method;
    const void *request; /* needed only during the call */
    const struct co_view *view;
    uint64_t variant;         /* distinguishes renderings by one view (e.g. raw, pretty) */
    const void *variant_data; /* context for render; must follow from request and variant */
    enum co_consistency consistency;
    uint64_t min_index; /* > 0: answer only once the index is greater ... */
    int64_t wait_ns;    /* ... or this time is over (0: the default of the agent; jitter is added here) */
};

/* Immutable, reference-counted. */
struct co_answer {
    uint64_t index;
    void *object; /* the view's */
    uint32_t refs;
};
CO_EXPORT struct co_answer *co_answer_retain(struct co_answer *);
CO_EXPORT void co_answer_release(struct co_answer *);

/* On failure `answer` is NULL. The callee retains the answer if it keeps it. */
typedef void co_asked(void *arg, co_status, const struct co_error *, struct co_answer *answer);
struct co_asking; /* a question that waits */
/* Calls `done` exactly once: inside the call (returns NULL), or later (returns a handle for co_ask_cancel). */
CO_EXPORT struct co_asking *co_ask(struct co_ctx *, const struct co_ask *, co_asked *done, void *arg);
CO_EXPORT void co_ask_cancel(struct co_asking *); /* done is not called any more */
/* The shortest way: evaluates or finds in the cache, without waiting; the reference is the caller's to release. */
CO_EXPORT struct co_answer *co_ask_now(struct co_ctx *, const struct co_ask *, struct co_error *);

/* --- indexes: table `index`, name -> u64, the per-table and per-object indexes of Consul --- */
#define CO_TABLE_META  1
#define CO_TABLE_INDEX 2
CO_EXPORT uint64_t co_index_get(struct co_txn *, const char *name); /* 0 when never set */
CO_EXPORT co_status co_index_set(struct co_txn *, const char *name, uint64_t index, struct co_error *);
CO_EXPORT co_status co_index_drop(struct co_txn *, const char *name, struct co_error *);

/* Stored rows as records: the usual way to keep a struct in a table. */
CO_EXPORT co_status co_row_get(struct co_txn *, co_table_id, struct co_bytes key, const struct co_schema *, void *out,
                               struct co_arena *, struct co_error *);
CO_EXPORT co_status co_row_put(struct co_txn *, co_table_id, struct co_bytes key, const struct co_schema *,
                               const void *in, struct co_error *);

#endif
