/* What the files of agent_local share. The module owns this node's services and checks: where they come from
 * (definition.c, config.c, persist.c), what is known of them (local_state.c), how health is found out (schedule.c, ttl.c,
 * reaper.c), how the catalog learns of it (sync.c) and how people ask (agent_http_*.c). Prefix: local_. */
#ifndef AGENT_LOCAL_H
#define AGENT_LOCAL_H

#include "catalog/catalog.h"
#include "cohort/checker.h"
#include "cohort/consensus.h"
#include "cohort/http.h"
#include "cohort/module.h"

#define LOCAL_ID_MAX             512  /* bytes of a service or check id or name */
#define LOCAL_CHECKS_MAX         256  /* checks in one service definition */
#define LOCAL_CHECKER_MAX        64   /* kinds of checks that can be loaded */
#define LOCAL_TAGS_MAX           1024 /* tags of one service */
#define LOCAL_OUTPUT_MAX_DEFAULT 4096
#define LOCAL_OUTPUT_SLACK       512 /* what a checker may put around output_max bytes of output */
#define LOCAL_INTERVAL_MIN_NS    (1 * CO_SECOND)
#define LOCAL_TIMEOUT_DEFAULT_NS (10 * CO_SECOND)
#define LOCAL_REAP_EVERY_MS      30000
#define LOCAL_REAP_MIN_NS        (60 * CO_SECOND)
#define LOCAL_MAINTENANCE_NODE   "_node_maintenance"
#define LOCAL_MAINTENANCE_PREFIX "_service_maintenance:"

struct agent_local;

/* --- settings (agent_local_module.c) --- */
struct local_settings {
    struct co_trees service, services, check, checks;
    bool enable_script_checks, enable_local_script_checks, discard_check_output;
    struct co_duration check_update_interval;
    int64_t check_output_max_size;
};
extern const struct co_schema local_settings_schema;

/* --- definitions (definition.c, definition_service.c) --- */
/* Where problems go. From files: every one, with its place. From the API: the first, in Consul's words. */
struct local_report {
    bool is_config;
    size_t count;
    struct co_error *error;
    co_problem *problem; /* or here, one by one */
    void *problem_arg;
};
void local_report_add(struct local_report *, co_status, struct co_place, const char *format, ...) CO_PRINTF(4, 5);
/* For a key that nothing knows; `schemas` are searched for what was meant. */
void local_report_unknown(struct local_report *, const struct co_entry *, const struct co_schema *const *schemas,
                          size_t count);
void local_report_not_object(struct local_report *, const struct co_node *, const char *what, const char *go_type);
/* Binds the fields of `schema`; unknown keys were dealt with by the caller. */
bool local_bind(struct local_report *, const struct co_schema *, void *out, const struct co_node *, struct co_arena *);
const struct co_field *local_field(const struct co_schema *, const char *key);
/* A deep copy in the arena: a definition outlives the document that it came from. */
struct co_node *local_tree_copy(struct co_arena *, const struct co_node *);
/* null, "", 0, false, [] and {}: what clients send for "not set". */
bool local_node_is_empty(const struct co_node *);

/* A kind of check that is loaded. */
struct local_checker {
    const struct co_checker *checker;
    void *module;
};

/* How one check is to be done. Immutable; everything lives in the arena. */
struct local_check_def {
    struct co_arena arena;
    const char *id, *name, *notes, *service_id, *status, *token;
    int64_t interval_ns, timeout_ns, deregister_after_ns, ttl_ns, output_max;
    int64_t success_before_passing, failures_before_critical;
    const struct local_checker *kind; /* NULL: maintenance, which nobody probes */
    const char *type;                 /* Type in answers: the checker's label, "maintenance" */
    void *settings;                   /* the checker's */
    const char *text;                 /* the definition as JSON: to compare and to keep */
    bool is_remote;                   /* came over HTTP */
    bool is_part;                     /* came inside a service definition of a file: follows that service */
};

struct local_service_def {
    struct co_arena arena;
    struct catalog_service row;
    const char *token, *text;
    bool is_remote;
    struct local_check_def **checks; /* taken over by whoever adds the service */
    size_t check_count;
};

void local_checkers_gather(struct agent_local *); /* what the loaded modules offer */
/* Reports what is wrong with the definitions of the files; changes nothing. */
void local_config_check(struct co_ctx *, const void *config, co_problem *, void *problem_arg);
/* NULL on failure, with the reasons in the report. `object` is only read. */
struct local_service_def *local_service_parse(struct agent_local *, const struct co_node *object, bool is_remote,
                                              struct local_report *);
void local_service_def_free(struct local_service_def *); /* also the checks that nobody took */
/* `owner`: the service that the check is part of, with `number` to make the id of ("service:web:2"; 0: "service:web"). */
struct local_check_def *local_check_parse(struct agent_local *, const struct co_node *object, bool is_remote,
                                          const struct local_service_def *owner, size_t number, struct local_report *);
struct local_check_def *local_maintenance_def(const char *id, const char *name, const char *service_id,
                                              const char *notes, bool is_remote);
void local_check_def_free(struct local_check_def *);

/* --- local state (local_state.c) --- */
/* What the catalog knows of one item. */
struct local_sync {
    bool is_in_sync, is_in_flight;
    bool is_check;                   /* begins a struct local_check, else a struct local_service; unused for the node */
    struct local_sync *next, **link; /* in the queue of what the catalog has to be told; link NULL: not queued */
    uint64_t version;                /* grows with each change, so that an answer to an older write is recognised */
};

struct local_service {
    char *id;
    struct local_sync sync;
    struct local_service_def *def; /* NULL: gone here, to be removed from the catalog */
    struct co_strings tags;        /* instead of def's, when enable_tag_override let the catalog change them */
    struct co_arena tags_arena;
    bool has_tags;
};

struct local_check {
    char *id;
    struct local_sync sync;
    struct local_check_def *def; /* NULL as above */
    struct agent_local *owner;
    const char *service_name; /* of the service at registration, in def's arena */
    struct co_strings service_tags;
    enum co_health health;
    char *output;
    /* schedule.c */
    void *state; /* the checker's */
    struct co_probe probe;
    struct co_timer next, limit;
    int64_t successes, failures; /* in a row, up to what the definition asks for */
    /* ttl.c */
    uint64_t ttl_due_ms;
    /* reaper.c; 0: not critical */
    uint64_t critical_since_ms;
    /* sync.c: a changed output waits for its turn */
    struct co_timer deferred;
};

/* Items by id, sorted. Each begins with `char *id`. */
struct local_set {
    void **items;
    size_t count, room;
};
void *local_set_find(const struct local_set *, const char *id);
void local_set_add(struct local_set *, void *item);
void local_set_remove(struct local_set *, void *item);
void local_set_fini(struct local_set *);

struct agent_local {
    struct co_ctx *ctx;
    struct co_loop *loop;
    struct co_log *log;
    const struct co_agent_settings *agent;
    const struct local_settings *config; /* until start */
    struct local_settings now;           /* the scalars; lists are not kept */
    struct local_checker checkers[LOCAL_CHECKER_MAX];
    size_t checker_count;
    struct local_set services, checks;
    struct co_timer reap;
    /* sync.c */
    const struct co_method *register_method, *deregister_method, *node_method;
    struct co_timer full_sync, retry_sync;
    struct co_defer pump_sync;
    struct local_sync *queue, **queue_end;
    struct local_sync node_sync;                        /* the node's own addresses and meta data */
    bool is_full_sync_due, is_stopping, is_unreachable; /* unreachable: no write can succeed now */
    size_t in_flight;
    uint64_t backoff_ms;
    struct co_log_limit sync_complaint;
    void (*stopped)(void *arg);
    void *stopped_arg;
    /* agent_http_service.c: who waits for a change of a service */
    struct local_waiter *waiters;
};

struct local_service *local_service_find(struct agent_local *, const char *id); /* only what lives */
struct local_check *local_check_find(struct agent_local *, const char *id);
/* Takes `def` over, with its checks, also on failure. `replace_checks` removes checks of the service that `def` does not have.
 * An open() that fails leaves the old ones in place. */
co_status local_service_add(struct agent_local *, struct local_service_def *def, bool replace_checks,
                            struct co_error *);
co_status local_check_add(struct agent_local *, struct local_check_def *def, struct co_error *);
void local_service_remove(struct agent_local *, struct local_service *);
void local_check_remove(struct agent_local *, struct local_check *);
/* Forgets what is gone here and, by now, in the catalog. */
void local_service_drop(struct agent_local *, struct local_service *);
void local_check_drop(struct agent_local *, struct local_check *);
void local_state_fini(struct agent_local *);
/* As others see it: for answers and for the catalog. Borrows from the item. */
struct catalog_service local_service_row(const struct local_service *);
struct catalog_check local_check_row(const struct agent_local *, const struct local_check *);

/* --- health (schedule.c, ttl.c, reaper.c) --- */
void local_check_start(struct local_check *); /* `state` is open */
void local_check_stop(struct local_check *);
/* The one place where health changes. Counts nothing, decides what the catalog is told and when. */
void local_check_set(struct local_check *, enum co_health, const char *output, size_t size);
/* Valid UTF-8 of at most `max` bytes; the caller frees. */
char *local_output_clean(const char *output, size_t size, size_t max);
void local_ttl_start(struct local_check *);
/* A report of the application. NOT_FOUND: no such TTL check. */
co_status local_ttl_report(struct agent_local *, const char *id, enum co_health, const char *output, size_t size,
                           struct co_error *);
void local_reaper_start(struct agent_local *);

/* --- files (persist.c) --- */
void local_persist_service(struct agent_local *, const struct local_service_def *);
void local_persist_check(struct agent_local *, const struct local_check_def *);
void local_persist_forget_service(struct agent_local *, const char *id);
void local_persist_forget_check(struct agent_local *, const char *id);
void local_persist_state(struct agent_local *, const struct local_check *);
void local_persist_load_services(struct agent_local *); /* before the configuration, which replaces them */
void local_persist_load_checks(struct agent_local *);   /* after it: what it does not define */

/* --- configuration (config.c) --- */
co_status local_config_load(struct agent_local *, const struct local_settings *, struct co_error *);

/* --- anti-entropy (sync.c, sync_diff.c) --- */
co_status local_sync_start(struct agent_local *, struct co_error *);
void local_sync_stop(struct agent_local *, void (*stopped)(void *arg), void *arg);
void local_sync_changed(struct agent_local *, struct local_sync *); /* this item: tell the catalog soon */
void local_sync_node_changed(struct agent_local *);
/* Compares with the catalog and marks what differs. */
co_status local_sync_diff(struct agent_local *, struct co_error *);
bool local_service_equal(const struct catalog_service *, const struct catalog_service *);
bool local_check_equal(const struct catalog_check *, const struct catalog_check *, bool ignore_output);
bool local_map_equal(struct co_map, struct co_map);
uint32_t local_sync_scale(uint64_t members);
/* The node as the catalog shall know it. In the arena. */
struct co_map local_node_addresses(const struct agent_local *, struct co_arena *);
struct co_map local_node_meta(const struct agent_local *, struct co_arena *);

/* --- routes --- */
extern const struct co_schema local_agent_service_schema;
struct local_agent_service {
    struct catalog_service row;
    const char *content_hash;
};
struct local_agent_service local_agent_service(const struct local_service *);
void local_waiters_wake(struct agent_local *, bool all);

void local_http_services(void *self, struct co_http *);
void local_http_service(void *self, struct co_http *);
void local_http_service_register(void *self, struct co_http *);
void local_http_service_deregister(void *self, struct co_http *);
void local_http_service_maintenance(void *self, struct co_http *);
void local_http_checks(void *self, struct co_http *);
void local_http_check_register(void *self, struct co_http *);
void local_http_check_deregister(void *self, struct co_http *);
void local_http_check_pass(void *self, struct co_http *);
void local_http_check_warn(void *self, struct co_http *);
void local_http_check_fail(void *self, struct co_http *);
void local_http_check_update(void *self, struct co_http *);
void local_http_health_id(void *self, struct co_http *);
void local_http_health_name(void *self, struct co_http *);
void local_http_maintenance(void *self, struct co_http *);
void local_http_reload(void *self, struct co_http *);
void local_http_leave(void *self, struct co_http *);
void local_http_metrics(void *self, struct co_http *);
void local_http_self(void *self, struct co_http *);
void local_http_members(void *self, struct co_http *);
void local_http_status_leader(void *self, struct co_http *);
void local_http_status_peers(void *self, struct co_http *);
/* Refuses ?filter, which would otherwise be ignored without a word. Has replied when false. */
bool local_http_unfiltered(struct co_http *);
/* Parses the body; has replied when NULL. */
struct co_node *local_http_body(struct co_http *);

#endif
