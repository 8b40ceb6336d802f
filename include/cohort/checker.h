/* Interface `checker`: one kind of health probe per implementation, e.g. check_tcp. Offered with CO_OFFER_CHECKER.
 *
 * A check definition selects the checker by holding its `type` as a key: { "redis": "127.0.0.1:6379", "interval": "10s" }.
 * The agent schedules (interval, stagger, timeout, thresholds); the checker only probes. Thread: the loop; a probe must not
 * block: use co_io, co_timer, co_job or a library's own polling. */
#ifndef COHORT_CHECKER_H
#define COHORT_CHECKER_H

#include "loop.h"
#include "module.h"
#include "schema.h"

enum co_health { CO_PASSING, CO_WARNING, CO_CRITICAL };
CO_EXPORT const char *co_health_text(enum co_health); /* "passing", "warning", "critical" */

struct co_probe; /* one probe under way */
/* Ends the probe. `output` is for people; cut to the agent's limit, made valid UTF-8. Never inside probe() is also fine. */
CO_EXPORT void co_probe_done(struct co_probe *, enum co_health, struct co_bytes output);
CO_EXPORT void co_probe_donef(struct co_probe *, enum co_health, const char *format, ...) CO_PRINTF(3, 4);

struct co_checker_env {
    struct co_loop *loop;
    struct co_log *log;
    struct co_ctx *ctx;
    int64_t timeout_ns; /* of each probe, already defaulted */
    int64_t interval_ns;
    uint64_t output_max; /* bytes of output kept */
    bool is_remote;      /* the definition came over the HTTP API, not from a file */
    void *module;        /* the offering module's `self` */
};

struct co_checker {
    const char *type;                 /* key in check definitions: "tcp" */
    const char *label;                /* Type in Consul's answers: "tcp", "http", "script", "ttl" */
    bool is_passive;                  /* ttl: no probes; the agent waits for reports */
    const struct co_schema *settings; /* the checker's own keys; the field named like `type` is required */
    size_t state_size;                /* of the state below, zeroed by the agent */
    int64_t default_timeout_ns;       /* 0: 10 s */
    /* Takes the settings (they live as long as the state). Refuse bad ones here, with a remedy. May be NULL. */
    co_status (*open)(const struct co_checker_env *, void *state, const void *settings, struct co_error *);
    /* Starts one probe; ends with co_probe_done(), in the call or later. Never called while one is under way. */
    void (*probe)(void *state, struct co_probe *);
    /* The time is over or the check goes away: stop the probe; co_probe_done must not be called any more. */
    void (*cancel)(void *state);
    void (*close)(void *state); /* no probe is under way. May be NULL */
};

/* Implemented by the agent, used by agent_local and by the conformance suite: how co_probe_done reaches its owner. */
struct co_probe {
    void (*done)(struct co_probe *, enum co_health, struct co_bytes output);
    bool is_running; /* set before probe(), cleared by co_probe_done() and before cancel() */
};

#endif
