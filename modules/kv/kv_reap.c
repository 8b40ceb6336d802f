/* Ageing of tombstones. The leader notes the applied index once per fifteenth of their time to live; when a note is that old,
 * it proposes KVS.Reap up to its index, in bounded steps, so that deletions cannot fill the store. Notes live in memory: after
 * a change of leader the tombstones just live longer, by one time to live at most. */
#include "kv.h"

static void step(struct kv *kv, const char *from);

static bool is_leader(struct kv *kv) {
    const struct co_consensus *consensus = co_ctx_consensus(kv->ctx);
    struct co_consensus_status status = {0};
    consensus->ops->status(consensus->self, &status);
    return status.is_leader;
}

/* Is there anything to drop? Looks at one step's worth of tombstones; where there are more, the answer is yes. */
static bool any_older(struct kv *kv, uint64_t index) {
    const struct co_storage *storage = co_ctx_storage(kv->ctx);
    struct co_txn *txn;
    if (storage->ops->begin(storage->self, false, &txn, NULL)) return false;
    struct co_bytes key, row;
    struct co_cursor *cursor = co_cursor_open(txn, KV_TOMBSTONES);
    co_status status = co_cursor_seek(cursor, co_bytes(NULL, 0), &key, &row);
    bool any = false;
    for (size_t seen = 0; status == CO_OK && !any; status = co_cursor_next(cursor, &key, &row)) {
        any = ++seen > KV_REAP_STEP || kv_tombstone_index(row) <= index;
    }
    co_cursor_close(cursor);
    txn->ops->abort(txn);
    return any;
}

static void reaped(void *arg, co_status status, const struct co_error *error, uint64_t index, const void *reply) {
    struct kv *kv = arg;
    const struct kv_reap_reply *answer = reply;
    (void)index;
    if (status || !answer || !answer->next || !answer->next[0] || !co_timer_is_armed(&kv->timer)) {
        if (status)
            co_log_warn(co_ctx_log(kv->ctx), "could not drop old tombstones; trying again later", "error=%s",
                        error->text);
        kv->reap_index = 0;
        return;
    }
    step(kv, answer->next);
}

static void step(struct kv *kv, const char *from) {
    struct co_arena arena = CO_ARENA_INIT;
    struct kv_reap_request request = {.index = kv->reap_index, .from = from};
    co_write(kv->ctx, &kv_methods[KV_REAP], &request, &arena, reaped, kv);
    co_arena_fini(&arena);
}

static void tick(void *arg) {
    struct kv *kv = arg;
    co_timer_start(co_ctx_loop(kv->ctx), &kv->timer, (uint64_t)(kv->ttl_ms / (KV_MARKS - 1)) + 1, tick, kv);
    if (!is_leader(kv)) {
        kv->mark_count = 0;
        return;
    }
    if (kv->mark_count == KV_MARKS) {
        if (kv->reap_index == 0 && any_older(kv, kv->marks[0])) {
            kv->reap_index = kv->marks[0];
            step(kv, "");
        }
        memmove(kv->marks, kv->marks + 1, (KV_MARKS - 1) * sizeof kv->marks[0]);
        kv->mark_count--;
    }
    kv->marks[kv->mark_count++] = co_state_applied(kv->ctx);
}

co_status kv_init(struct co_ctx *ctx, void *self, const void *config, struct co_error *error) {
    struct kv *kv = self;
    kv->ctx = ctx;
    return kv_reload(self, config, error);
}

co_status kv_reload(void *self, const void *config, struct co_error *error) {
    struct kv *kv = self;
    int64_t ns = ((const struct kv_config *)config)->tombstone_ttl.ns;
    if (ns < CO_SECOND) return co_fail(error, CO_INVALID, "tombstone_ttl must be at least 1s");
    kv->ttl_ms = ns / CO_MILLISECOND;
    return CO_OK;
}

co_status kv_start(void *self, struct co_error *error) {
    (void)error;
    struct kv *kv = self;
    co_timer_start(co_ctx_loop(kv->ctx), &kv->timer, 1, tick, kv);
    return CO_OK;
}

void kv_stop(void *self, void (*stopped)(void *arg), void *arg) {
    struct kv *kv = self;
    co_timer_stop(&kv->timer);
    stopped(arg);
}
