/* The module's life: settings, start from what the disk holds, an end that loses nothing that was acknowledged. */
#include "solo.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

co_status solo_init(struct co_ctx *ctx, void *self, const void *config, struct co_error *error) {
    struct solo *solo = self;
    const struct solo_settings *settings = config;
    const struct co_agent_settings *agent = co_ctx_agent(ctx);
    solo->ctx = ctx;
    solo->loop = co_ctx_loop(ctx);
    solo->log = co_ctx_log(ctx);
    solo->journal = co_ctx_journal(ctx);
    solo->snapshot_min_size = settings->snapshot_min_size.bytes;
    solo->proposals = co_metric(ctx, CO_METRIC_COUNTER, "raft.apply", NULL);
    solo->commit_time = co_metric(ctx, CO_METRIC_SAMPLE, "raft.commitTime", NULL);
    solo->apply_time = co_metric(ctx, CO_METRIC_SAMPLE, "raft.fsm.apply", NULL);
    solo->snapshot_time = co_metric(ctx, CO_METRIC_SAMPLE, "raft.snapshot.create", NULL);
    solo_write_address(solo, agent);
    if (agent->bootstrap_expect > 1)
        co_log_warn(solo->log, "consensus \"solo\" is for one server and waits for no others",
                    "bootstrap_expect=%" PRIi32, agent->bootstrap_expect);
    if (!agent->data_dir || !*agent->data_dir) return CO_OK;
    if (strlen(agent->data_dir) > 4000) return co_fail(error, CO_INVALID, "data_dir is longer than 4000 bytes");
    size_t size = strlen(agent->data_dir) + sizeof "/snapshots";
    solo->snapshot_dir = co_malloc(size);
    snprintf(solo->snapshot_dir, size, "%s/snapshots", agent->data_dir);
    return solo_snapshots_open(solo, error);
}

co_status solo_start(void *self, struct co_error *error) {
    struct solo *solo = self;
    co_status status = solo_load_term(solo, error);
    if (!status) status = solo_replay(solo, error);
    if (status) return status;
    solo->snapshot_ms = co_loop_now_ms(solo->loop);
    solo_campaign(solo);
    return CO_OK;
}

void solo_maybe_stopped(struct solo *solo) {
    if (!solo->stopped || solo->in_journal > 0 || solo->is_saving_term) return;
    void (*stopped)(void *) = solo->stopped;
    solo->stopped = NULL;
    stopped(solo->stopped_arg);
}

/* What the journal has is still applied and answered; what waits is turned away. A snapshot under way is given up. */
void solo_stop(void *self, void (*stopped)(void *arg), void *arg) {
    struct solo *solo = self;
    solo->stopped = stopped;
    solo->stopped_arg = arg;
    solo->is_stopping = true;
    co_timer_stop(&solo->retry);
    if (solo->loop) co_defer_stop(solo->loop, &solo->flush);
    bool was_leader = solo->role == SOLO_LEADER;
    solo->role = SOLO_DOWN;
    solo_fail_queue(solo, CO_CANCELLED, "the agent is stopping");
    if (was_leader) co_state_leadership(solo->ctx);
    solo_maybe_stopped(solo);
}

void solo_fini(void *self) {
    struct solo *solo = self;
    co_timer_stop(&solo->retry);
    if (solo->loop) co_defer_stop(solo->loop, &solo->flush);
    for (size_t i = 0; i < SOLO_BATCHES; i++) {
        free(solo->batches[i].entries);
        free(solo->batches[i].tickets);
    }
    free(solo->queue);
    free(solo->snapshot_dir);
    solo->queue = NULL;
    solo->snapshot_dir = NULL;
}
