/* The read path: a question is evaluated once for all who ask it, its finished answer is shared until a commit touches what it
 * was read from, and those who wait (blocking queries) get the next one. Cache and blocking queries are one mechanism. */
#include "state.h"

#include <stdlib.h>

enum {
    CACHE_BYTES_MAX = 8 << 20, /* of rendered answers nobody waits for */
    OVERHEAD_BYTES = 512,      /* counted per question besides its object */
    SEEN_SLOTS = 4096,         /* fingerprints of questions asked lately: the second asking is kept */
    BUCKETS_FIRST = 256,
};

/* Someone who waits for an answer with an index above min_index. */
struct co_asking {
    struct co_asking *next, **link;
    struct question *question;
    struct answers *answers;
    struct co_timer timer;
    uint64_t min_index;
    co_asked *done;
    void *arg;
    struct confirming *confirming; /* while the consensus makes sure of its leadership; then not linked yet */
};

/* A consistent read before its confirmation: the ask with a request of its own. */
struct confirming {
    struct co_ctx *ctx;
    struct co_ask ask;
    struct co_arena arena;
    bool in_call, is_finished, is_cancelled;
};

struct question {
    struct question *next; /* in the bucket */
    struct answers *answers;
    uint64_t hash;
    const struct co_method *method;
    const struct co_view *view;
    uint64_t variant;
    const void *variant_data;
    struct co_answer *answer; /* NULL before the first evaluation */
    bool is_fresh;            /* the answer still is what the storage says */
    bool is_dirty;            /* in answers->dirty */
    bool is_delivering;       /* callbacks are running: must not be freed */
    struct watch *watches;
    struct co_asking *waiting;
    struct question *newer, *older; /* by last use */
    struct question *next_dirty, **link_dirty;
    size_t bytes;
    size_t key_size;
    uint8_t key[]; /* the request as a record */
};

struct kept_answer {
    struct co_answer answer;
    const struct co_view *view;
};

struct answers {
    struct co_state *state;
    struct question **buckets;
    size_t bucket_count, question_count;
    struct question *newest, *oldest;
    size_t bytes;
    struct question *dirty;
    struct co_defer deliver;
    struct co_arena arena; /* of the evaluation under way */
    struct co_buffer key;
    uint32_t seen[SEEN_SLOTS];
    bool is_closing;
};

/* --- answers --- */

struct co_answer *co_answer_retain(struct co_answer *answer) {
    answer->refs++;
    return answer;
}

void co_answer_release(struct co_answer *answer) {
    if (!answer || --answer->refs > 0) return;
    struct kept_answer *kept = (struct kept_answer *)answer;
    kept->view->release(answer->object);
    free(kept);
}

/* --- questions: table and order of use --- */

static struct question **question_find(struct answers *answers, uint64_t hash, const struct co_ask *ask,
                                       struct co_bytes key) {
    struct question **link = &answers->buckets[hash & (answers->bucket_count - 1)];
    for (; *link; link = &(*link)->next) {
        const struct question *question = *link;
        if (question->hash == hash && question->method == ask->method && question->view == ask->view &&
            question->variant == ask->variant && question->variant_data == ask->variant_data &&
            co_bytes_equal(key, co_bytes(question->key, question->key_size)))
            break;
    }
    return link;
}

static void use_unlink(struct answers *answers, struct question *question) {
    *(question->newer ? &question->newer->older : &answers->newest) = question->older;
    *(question->older ? &question->older->newer : &answers->oldest) = question->newer;
}

static void use_newest(struct answers *answers, struct question *question) {
    question->newer = NULL;
    question->older = answers->newest;
    *(answers->newest ? &answers->newest->newer : &answers->oldest) = question;
    answers->newest = question;
}

static void question_unwatch(struct answers *answers, struct question *question) {
    while (question->watches) {
        struct watch *watch = question->watches;
        question->watches = watch->next_in_question;
        watches_remove(&answers->state->watches, watch);
    }
}

static void question_clean(struct question *question) {
    if (!question->is_dirty) return;
    *question->link_dirty = question->next_dirty;
    if (question->next_dirty) question->next_dirty->link_dirty = question->link_dirty;
    question->is_dirty = false;
}

static void question_free(struct answers *answers, struct question *question) {
    co_assert(!question->waiting);
    question_clean(question);
    question_unwatch(answers, question);
    use_unlink(answers, question);
    struct question **link = &answers->buckets[question->hash & (answers->bucket_count - 1)];
    while (*link != question) link = &(*link)->next;
    *link = question->next;
    answers->question_count--;
    answers->bytes -= question->bytes;
    co_answer_release(question->answer);
    free(question);
}

static void buckets_grow(struct answers *answers) {
    size_t count = answers->bucket_count ? answers->bucket_count * 2 : BUCKETS_FIRST;
    struct question **buckets = co_calloc(count, sizeof *buckets);
    for (size_t i = 0; i < answers->bucket_count; i++) {
        for (struct question *question = answers->buckets[i], *next; question; question = next) {
            next = question->next;
            question->next = buckets[question->hash & (count - 1)];
            buckets[question->hash & (count - 1)] = question;
        }
    }
    free(answers->buckets);
    answers->buckets = buckets;
    answers->bucket_count = count;
}

static struct question *question_new(struct answers *answers, uint64_t hash, const struct co_ask *ask,
                                     struct co_bytes key) {
    if (answers->question_count >= answers->bucket_count) buckets_grow(answers);
    struct question *question = co_calloc(1, sizeof *question + key.size);
    question->answers = answers;
    question->hash = hash;
    question->method = ask->method;
    question->view = ask->view;
    question->variant = ask->variant;
    question->variant_data = ask->variant_data;
    question->key_size = key.size;
    if (key.size) memcpy(question->key, key.data, key.size);
    struct question **bucket = &answers->buckets[hash & (answers->bucket_count - 1)];
    question->next = *bucket;
    *bucket = question;
    answers->question_count++;
    use_newest(answers, question);
    return question;
}

/* Gives up the answers unused for longest, until the cache is within its bound. Those with waiters stay. */
static void cache_trim(struct answers *answers, const struct question *keep) {
    struct question *question = answers->oldest;
    while (question && answers->bytes > CACHE_BYTES_MAX) {
        struct question *newer = question->newer;
        if (!question->waiting && !question->is_delivering && question != keep) question_free(answers, question);
        question = newer;
    }
}

/* --- evaluation --- */

void co_query_watch(struct co_query *query, co_table_id table, struct co_bytes prefix, bool whole_key) {
    struct question *question = (struct question *)query->watching;
    if (!question) return; /* nobody keeps this answer */
    struct watch *watch = watches_add(&question->answers->state->watches, question, table, prefix, whole_key);
    watch->next_in_question = question->watches;
    question->watches = watch;
}

static co_status evaluate(struct answers *answers, struct question *question, const struct co_ask *ask,
                          struct co_answer **out, struct co_error *error) {
    struct co_agent *agent = answers->state->agent;
    const struct co_method *method = ask->method;
    struct co_txn *txn;
    co_status status = agent->storage.ops->begin(agent->storage.self, false, &txn, error);
    if (status) return status;
    if (question) question_unwatch(answers, question);
    struct co_query query = {.txn = txn, .arena = &answers->arena, .watching = (struct co_watching *)question};
    query.self = co_registry_method(agent->registry, method)->self;
    void *reply = method->reply ? co_arena_zalloc(&answers->arena, method->reply->size) : NULL;
    status = method->query(&query, ask->request, reply, error);
    if (status == CO_OK) {
        uint64_t index = query.index ? query.index : 1;
        size_t size = 0;
        struct kept_answer *kept = co_malloc(sizeof *kept);
        *kept = (struct kept_answer){{.index = index, .refs = 1}, ask->view};
        kept->answer.object = ask->view->render(ask->view, ask, index, reply, &size);
        *out = &kept->answer;
        if (question) {
            co_answer_release(question->answer);
            question->answer = co_answer_retain(&kept->answer);
            question->is_fresh = true;
            answers->bytes -= question->bytes;
            question->bytes = size + question->key_size + OVERHEAD_BYTES;
            answers->bytes += question->bytes;
        }
    } else if (question) {
        question->is_fresh = false;
        question_unwatch(answers, question);
    }
    txn->ops->abort(txn);
    co_arena_reset(&answers->arena);
    return status;
}

/* Evaluates a kept question again, from the request stored in its key. */
static co_status question_evaluate(struct answers *answers, struct question *question, struct co_error *error) {
    struct co_arena arena = CO_ARENA_INIT;
    void *request = co_arena_zalloc(&arena, question->method->request->size);
    struct co_bytes key = co_bytes(question->key, question->key_size);
    co_status status = co_decode_record(question->method->request, request, key, &arena, error);
    if (!status) {
        struct co_ask ask = {.method = question->method,
                             .request = request,
                             .view = question->view,
                             .variant = question->variant,
                             .variant_data = question->variant_data};
        struct co_answer *answer = NULL;
        status = evaluate(answers, question, &ask, &answer, error);
        co_answer_release(answer);
    }
    co_arena_fini(&arena);
    return status;
}

/* --- waiting --- */

static void asking_link(struct co_asking *asking, struct co_asking **list) {
    asking->next = *list;
    asking->link = list;
    if (*list) (*list)->link = &asking->next;
    *list = asking;
}

static void asking_unlink(struct co_asking *asking) {
    *asking->link = asking->next;
    if (asking->next) asking->next->link = asking->link;
}

static void asking_finish(struct co_asking *asking, co_status status, const struct co_error *error,
                          struct co_answer *answer) {
    co_asked *done = asking->done;
    void *arg = asking->arg;
    asking_unlink(asking);
    co_timer_stop(&asking->timer);
    free(asking);
    done(arg, status, error, answer);
}

/* Answers everyone whose index has been passed; with `all`, everyone. The list may change under us: each pass of the loop
 * takes one off a private list, and cancelling works through the links. */
static void question_deliver(struct question *question, co_status status, const struct co_error *error, bool all) {
    struct co_asking *pending = question->waiting;
    if (!pending) return;
    question->waiting = NULL;
    question->is_delivering = true;
    pending->link = &pending;
    struct co_answer *answer = status ? NULL : co_answer_retain(question->answer);
    while (pending) {
        struct co_asking *asking = pending;
        if (status || all || answer->index > asking->min_index) {
            asking_finish(asking, status, error, answer);
        } else {
            asking_unlink(asking);
            asking_link(asking, &question->waiting);
        }
    }
    co_answer_release(answer);
    question->is_delivering = false;
}

static void wait_over(void *arg) {
    struct co_asking *asking = arg;
    struct question *question = asking->question;
    struct co_error error = {0};
    co_status status = CO_OK;
    if (!question->is_fresh) status = question_evaluate(asking->answers, question, &error);
    struct co_answer *answer = status ? NULL : co_answer_retain(question->answer);
    asking_finish(asking, status, &error, answer);
    co_answer_release(answer);
}

void co_ask_cancel(struct co_asking *asking) {
    if (asking->confirming) { /* `confirmed` will come and free it */
        asking->confirming->is_cancelled = true;
        return;
    }
    asking_unlink(asking);
    co_timer_stop(&asking->timer);
    free(asking);
}

static void deliver_dirty(void *arg) {
    struct answers *answers = arg;
    while (answers->dirty) {
        struct question *question = answers->dirty;
        question_clean(question);
        if (!question->waiting) continue;
        struct co_error error = {0};
        co_status status = question->is_fresh ? CO_OK : question_evaluate(answers, question, &error);
        question_deliver(question, status, &error, false);
    }
}

/* --- hooks of the write path --- */

static void question_touched(struct question *question) {
    question->is_fresh = false;
    if (question->is_dirty || !question->waiting) return;
    struct question **first = &question->answers->dirty;
    question->is_dirty = true;
    question->next_dirty = *first;
    question->link_dirty = first;
    if (*first) (*first)->link_dirty = &question->next_dirty;
    *first = question;
}

void answers_touched(void *arg, co_table_id table, struct co_bytes key) {
    struct co_state *state = arg;
    watches_touch(&state->watches, table, key, question_touched);
}

void answers_committed(struct co_state *state) {
    struct answers *answers = state->answers;
    if (answers->dirty) co_defer_start(state->agent->loop, &answers->deliver, deliver_dirty, answers);
}

void answers_drop_all(struct co_state *state) {
    struct answers *answers = state->answers;
    for (struct question *question = answers->newest; question; question = question->older) question_touched(question);
    answers_committed(state);
}

/* --- asking --- */

static co_status fail_closing(struct co_error *error) {
    return co_fail(error, CO_CANCELLED, "the agent is shutting down");
}

/* Does the consensus let this server answer? Leadership is what `default` and `consistent` rest on. */
static co_status may_answer(struct co_agent *agent, const struct co_ask *ask, struct co_error *error) {
    if (agent->state->answers->is_closing) return fail_closing(error); /* who is told so may ask again at once */
    if (ask->consistency == CO_READ_STALE) return CO_OK;
    struct co_consensus_status consensus = {0};
    agent->consensus.ops->status(agent->consensus.self, &consensus);
    if (consensus.is_leader) return CO_OK;
    return co_fail(error, CO_NO_LEADER, "%s", co_status_text(CO_NO_LEADER));
}

/* True when this question was asked before, lately: then its answer is worth keeping. */
static bool seen_before(struct answers *answers, uint64_t hash) {
    uint32_t *slot = &answers->seen[hash % SEEN_SLOTS], mark = (uint32_t)(hash >> 32) | 1;
    bool is_known = *slot == mark;
    *slot = mark;
    return is_known;
}

static struct question *question_for(struct answers *answers, const struct co_ask *ask, bool must_keep) {
    struct co_buffer *key = &answers->key;
    key->size = 0;
    co_encode_record(ask->method->request, ask->request, key);
    uint64_t hash = co_hash(key->data, key->size) ^ (uintptr_t)ask->method * UINT64_C(0x9e3779b97f4a7c15) ^
                    ask->variant << 17 ^ (uintptr_t)ask->variant_data * 31;
    struct question *question = *question_find(answers, hash, ask, co_bytes(key->data, key->size));
    if (question) {
        if (answers->newest != question) {
            use_unlink(answers, question);
            use_newest(answers, question);
        }
        return question;
    }
    if (!must_keep && !seen_before(answers, hash)) return NULL;
    return question_new(answers, hash, ask, co_bytes(key->data, key->size));
}

/* The current answer, from the cache or anew. The reference is the caller's. `*kept` is the question, if it is kept. */
static co_status answer_now(struct answers *answers, const struct co_ask *ask, bool must_keep, struct question **kept,
                            struct co_answer **out, struct co_error *error) {
    struct question *question = question_for(answers, ask, must_keep);
    *kept = question;
    if (question && question->is_fresh) {
        *out = co_answer_retain(question->answer);
        return CO_OK;
    }
    co_status status = evaluate(answers, question, ask, out, error);
    if (status && question && !question->waiting && !question->is_delivering) {
        question_free(answers, question);
        *kept = NULL;
    } else if (question) {
        cache_trim(answers, question);
    }
    return status;
}

struct co_answer *co_ask_now(struct co_ctx *ctx, const struct co_ask *ask, struct co_error *error) {
    struct answers *answers = ctx->agent->state->answers;
    struct co_answer *answer = NULL;
    struct question *question;
    if (may_answer(ctx->agent, ask, error)) return NULL;
    answer_now(answers, ask, false, &question, &answer, error);
    return answer;
}

/* Answers, or waits: then `asking` is used, or a new one is made, and returned. */
static struct co_asking *ask_confirmed(struct co_ctx *ctx, const struct co_ask *ask, struct co_asking *asking,
                                       co_asked *done, void *arg) {
    struct co_agent *agent = ctx->agent;
    struct answers *answers = agent->state->answers;
    struct co_answer *answer = NULL;
    struct question *question;
    struct co_error error = {0};
    co_status status = answer_now(answers, ask, ask->min_index > 0, &question, &answer, &error);
    if (status || ask->min_index == 0 || answer->index > ask->min_index) {
        done(arg, status, &error, answer);
        co_answer_release(answer);
        return NULL;
    }
    co_answer_release(answer);
    int64_t wait_ns = ask->wait_ns > 0 ? ask->wait_ns : agent->settings->default_query_time.ns;
    if (wait_ns > agent->settings->max_query_time.ns) wait_ns = agent->settings->max_query_time.ns;
    uint64_t wait_ms = (uint64_t)(wait_ns / CO_MILLISECOND);
    wait_ms += co_random_below(wait_ms / 16 + 1); /* spreads those who asked together (Consul's rule) */
    if (!asking) asking = co_calloc(1, sizeof *asking);
    *asking = (struct co_asking){
        .question = question, .answers = answers, .min_index = ask->min_index, .done = done, .arg = arg};
    asking_link(asking, &question->waiting);
    co_timer_start(agent->loop, &asking->timer, wait_ms, wait_over, asking);
    return asking;
}

/* The consensus has answered a consistent read, inside co_ask or later. */
static void confirmed(void *arg, co_status status) {
    struct co_asking *asking = arg;
    struct confirming *confirming = asking->confirming;
    struct co_asking *waits = NULL;
    asking->confirming = NULL;
    if (status && !confirming->is_cancelled) {
        struct co_error error;
        co_fail(&error, status, "%s", co_status_text(status));
        asking->done(asking->arg, status, &error, NULL);
    } else if (!confirming->is_cancelled) {
        waits = ask_confirmed(confirming->ctx, &confirming->ask, asking, asking->done, asking->arg);
    }
    confirming->is_finished = true;
    if (confirming->in_call) {
        if (waits) confirming->is_finished = false; /* co_ask hands out the handle */
        return;
    }
    if (!waits) free(asking);
    co_arena_fini(&confirming->arena);
    free(confirming);
}

static struct co_asking *ask_consistent(struct co_ctx *ctx, const struct co_ask *ask, co_asked *done, void *arg) {
    struct co_agent *agent = ctx->agent;
    struct co_asking *asking = co_calloc(1, sizeof *asking);
    struct confirming *confirming = co_calloc(1, sizeof *confirming);
    *confirming = (struct confirming){.ctx = ctx, .ask = *ask, .in_call = true};
    struct co_buffer *key = &agent->state->answers->key;
    key->size = 0;
    co_encode_record(ask->method->request, ask->request, key);
    void *request = co_arena_zalloc(&confirming->arena, ask->method->request->size);
    const void *record = co_arena_copy(&confirming->arena, key->data, key->size);
    co_status status =
        co_decode_record(ask->method->request, request, co_bytes(record, key->size), &confirming->arena, NULL);
    co_assert(status == CO_OK); /* we have just encoded it */
    confirming->ask.request = request;
    *asking = (struct co_asking){.done = done, .arg = arg, .confirming = confirming};
    agent->consensus.ops->confirm(agent->consensus.self, confirmed, asking);
    confirming->in_call = false;
    if (asking->confirming) return asking; /* still open */
    bool is_finished = confirming->is_finished;
    co_arena_fini(&confirming->arena);
    free(confirming);
    if (!is_finished) return asking; /* waits as a blocking query */
    free(asking);
    return NULL;
}

struct co_asking *co_ask(struct co_ctx *ctx, const struct co_ask *ask, co_asked *done, void *arg) {
    struct co_error error = {0};
    co_status status = may_answer(ctx->agent, ask, &error);
    if (status) {
        done(arg, status, &error, NULL);
        return NULL;
    }
    if (ask->consistency == CO_READ_CONSISTENT) return ask_consistent(ctx, ask, done, arg);
    return ask_confirmed(ctx, ask, NULL, done, arg);
}

/* --- life --- */

void answers_open(struct co_state *state) {
    struct answers *answers = co_calloc(1, sizeof *answers);
    answers->state = state;
    state->answers = answers;
    buckets_grow(answers);
}

void answers_close(struct co_state *state) {
    struct answers *answers = state->answers;
    co_defer_stop(state->agent->loop, &answers->deliver);
    struct co_error error;
    answers->is_closing = true;
    fail_closing(&error);
    while (answers->newest) {
        struct question *question = answers->newest;
        question_deliver(question, CO_CANCELLED, &error, true);
        question_free(answers, question);
    }
    co_arena_fini(&answers->arena);
    co_buffer_fini(&answers->key);
    free(answers->buckets);
    free(answers);
    state->answers = NULL;
}
