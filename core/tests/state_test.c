/* The write path and the read path together, on the memory store and a consensus that commits at once: shared answers, blocking
 * reads, precise wake-ups, snapshots. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/core.h"
#include "core/registry.h"
#include "store_memory/memory_store.h"

/* --- a tiny slice: rows of one table --- */

enum { ROWS = 600 };

struct row {
    const char *key, *value;
};
CO_SCHEMA(row_schema, struct row, "Row", CO_FIELD(1, struct row, key, "Key", 0),
          CO_FIELD(2, struct row, value, "Value", 0));
struct count {
    int64_t rows;
};
CO_SCHEMA(count_schema, struct count, "Count", CO_FIELD(1, struct count, rows, "Rows", 0));

static int evaluations;

static co_status row_prepare(struct co_prepare *prepare, void *request, struct co_error *error) {
    (void)prepare;
    if (!((struct row *)request)->key) return co_fail(error, CO_INVALID, "a row needs a key");
    return CO_OK;
}

static co_status row_apply(struct co_apply *apply, const void *request, void *reply, struct co_error *error) {
    const struct row *row = request;
    if (strcmp(row->key, "refused") == 0) return co_fail(error, CO_CONFLICT, "this key is refused");
    if (strcmp(row->key, "broken") == 0) return co_fail(error, CO_IO, "the disk is gone");
    ((struct count *)reply)->rows = (int64_t)apply->index;
    co_status status = co_index_set(apply->txn, "rows", apply->index, error);
    if (status) return status;
    return co_row_put(apply->txn, ROWS, co_bytes_text(row->key), &row_schema, row, error);
}

/* Counts the rows whose key starts with request.key. The index is that of the table. */
static co_status row_count(struct co_query *query, const void *request, void *reply, struct co_error *error) {
    struct co_bytes prefix = co_bytes_text(((const struct row *)request)->key), key, value;
    if (strcmp(((const struct row *)request)->key, "bad") == 0) return co_fail(error, CO_INVALID, "a bad question");
    evaluations++;
    co_query_watch(query, ROWS, prefix, false);
    struct co_cursor *cursor = co_cursor_open(query->txn, ROWS);
    for (co_status at = co_cursor_seek(cursor, prefix, &key, &value); !at && co_bytes_starts(key, prefix);
         at = co_cursor_next(cursor, &key, &value))
        ((struct count *)reply)->rows++;
    co_cursor_close(cursor);
    query->index = co_index_get(query->txn, "rows");
    return CO_OK;
}

static const struct co_method methods[] = {
    {.name = "Row.Put",
     .command = 600,
     .command_version = 1,
     .request = &row_schema,
     .reply = &count_schema,
     .prepare = row_prepare,
     .apply = row_apply},
    {.name = "Row.Count", .request = &row_schema, .reply = &count_schema, .query = row_count},
};
static const struct co_table tables[] = {{ROWS, "rows"}};
static const struct co_offer offers[] = {
    {CO_OFFER_TABLES, "rows", tables, 1}, {CO_OFFER_METHODS, "rows", methods, 2}, {CO_OFFER_END, NULL, NULL, 0}};
static const struct co_module module = {
    .abi = CO_MODULE_ABI, .size = sizeof module, .name = "rows", .summary = "rows", .offers = offers};

/* --- a consensus that commits each command at once --- */

struct world {
    struct co_agent agent;
    struct co_agent_settings settings;
    struct memory_store store;
    struct co_slot slot;
    struct co_ctx *ctx;
    uint64_t last;
    bool is_leader;
};

static void propose(void *self, struct co_bytes command, struct co_ticket *ticket) {
    struct world *world = self;
    struct co_journal_entry entry = {.index = world->last + 1, .term = 1, .type = CO_ENTRY_COMMAND, .data = command};
    struct co_error error;
    if (co_state_apply(world->ctx, &entry, &ticket, 1, &error))
        co_ticket_fail(ticket, error.status, error.text);
    else
        world->last++;
}

static void consensus_status(void *self, struct co_consensus_status *out) {
    out->is_leader = out->has_leader = ((struct world *)self)->is_leader;
}

static void confirm(void *self, void (*done)(void *, co_status), void *arg) {
    (void)self;
    done(arg, CO_OK);
}

static const struct co_consensus_ops consensus_ops = {
    .propose = propose, .status = consensus_status, .confirm = confirm};

static int set_up(void **state) {
    struct world *world = calloc(1, sizeof *world);
    world->is_leader = true;
    memory_store_open(&world->store, &(struct memory_settings){.size_max = {1u << 30}});
    world->settings.default_query_time.ns = 300 * CO_SECOND;
    world->settings.max_query_time.ns = 600 * CO_SECOND;
    world->slot.ctx =
        (struct co_ctx){.agent = &world->agent, .module = &module, .self = world, .log = co_log_named("test")};
    world->slot.name = "rows";
    world->ctx = &world->slot.ctx;
    world->agent = (struct co_agent){.loop = co_loop_new(),
                                     .settings = &world->settings,
                                     .storage = {&memory_storage_ops, &world->store},
                                     .consensus = {&consensus_ops, world},
                                     .log = world->slot.ctx.log};
    struct co_slot *slots[] = {&world->slot};
    assert_int_equal(co_registry_new(slots, 1, &world->agent.registry, NULL, NULL), CO_OK);
    co_registry_attach(world->agent.registry);
    assert_int_equal(co_state_open(&world->agent, NULL), CO_OK);
    evaluations = 0;
    *state = world;
    return 0;
}

static int tear_down(void **state) {
    struct world *world = *state;
    co_state_close(&world->agent);
    co_registry_free(world->agent.registry);
    memory_store_close(&world->store);
    co_loop_free(world->agent.loop);
    free(world);
    return 0;
}

/* --- asking --- */

struct seen {
    int calls;
    co_status status;
    uint64_t index;
    int64_t rows;
    char text[128];
};

static void *render(const struct co_view *view, const struct co_ask *ask, uint64_t index, const void *reply,
                    size_t *size) {
    (void)view, (void)ask, (void)index;
    int64_t *rows = malloc(sizeof *rows);
    *rows = ((const struct count *)reply)->rows;
    *size = sizeof *rows;
    return rows;
}
static const struct co_view view = {"rows", render, free};

static void asked(void *arg, co_status status, const struct co_error *error, struct co_answer *answer) {
    struct seen *seen = arg;
    seen->calls++;
    seen->status = status;
    if (status) {
        snprintf(seen->text, sizeof seen->text, "%s", error->text);
        return;
    }
    seen->index = answer->index;
    seen->rows = *(int64_t *)answer->object;
}

static struct co_asking *ask(struct world *world, const char *prefix, uint64_t min_index, int64_t wait_ns,
                             struct seen *seen) {
    struct row request = {.key = prefix};
    struct co_ask question = {
        .method = &methods[1], .request = &request, .view = &view, .min_index = min_index, .wait_ns = wait_ns};
    *seen = (struct seen){0};
    return co_ask(world->ctx, &question, asked, seen);
}

static void written(void *arg, co_status status, const struct co_error *error, uint64_t index, const void *reply) {
    struct seen *seen = arg;
    seen->calls++;
    seen->status = status;
    seen->index = index;
    if (reply) seen->rows = ((const struct count *)reply)->rows;
    if (error) snprintf(seen->text, sizeof seen->text, "%s", error->text);
}

static struct seen put(struct world *world, const char *key) {
    struct seen seen = {0};
    struct co_arena arena = CO_ARENA_INIT;
    struct row row = {.key = key, .value = "v"};
    co_write(world->ctx, &methods[0], &row, &arena, written, &seen);
    co_arena_fini(&arena);
    assert_int_equal(seen.calls, 1);
    return seen;
}

static void turn(struct world *world) {
    co_loop_turn(world->agent.loop, 1);
}

/* --- tests --- */

static void test_write_and_read(void **state) {
    struct world *world = *state;
    struct seen seen = put(world, "a/1");
    assert_int_equal(seen.status, CO_OK);
    assert_int_equal(seen.rows, 1);
    put(world, "a/2");
    put(world, "b/1");
    assert_null(ask(world, "a/", 0, 0, &seen));
    assert_int_equal(seen.rows, 2);
    assert_int_equal(seen.index, 3);
    assert_int_equal(co_state_applied(world->ctx), 3);
}

static void test_failures_are_the_proposers_own(void **state) {
    struct world *world = *state;
    struct seen seen = put(world, "refused");
    assert_int_equal(seen.status, CO_CONFLICT);
    assert_string_equal(seen.text, "this key is refused");
    assert_int_equal(put(world, NULL).status, CO_INVALID); /* prepare: never proposed */
    assert_int_equal(co_state_applied(world->ctx), 1);
    seen = put(world, "broken"); /* the storage's failure: nothing of the batch is applied */
    assert_int_equal(seen.status, CO_IO);
    assert_int_equal(co_state_applied(world->ctx), 1);
    world->is_leader = false;
    assert_int_equal(put(world, "a").status, CO_NO_LEADER);
    assert_null(ask(world, "a", 0, 0, &seen));
    assert_int_equal(seen.status, CO_NO_LEADER);
}

static void test_answers_are_shared_until_their_data_changes(void **state) {
    struct world *world = *state;
    struct seen seen;
    put(world, "a/1");
    for (int i = 0; i < 10; i++) ask(world, "a/", 0, 0, &seen);
    assert_true(evaluations <= 2); /* the second asking is the one that is kept */
    int before = evaluations;
    put(world, "b/1");
    ask(world, "a/", 0, 0, &seen);
    assert_int_equal(evaluations, before); /* not its data */
    put(world, "a/2");
    ask(world, "a/", 0, 0, &seen);
    assert_int_equal(evaluations, before + 1);
    assert_int_equal(seen.rows, 2);
}

static void test_blocking_read_wakes_for_its_own_prefix(void **state) {
    struct world *world = *state;
    struct seen first, second, other;
    put(world, "a/1");
    assert_non_null(ask(world, "a/", 1, 60 * CO_SECOND, &first));
    assert_non_null(ask(world, "a/", 1, 60 * CO_SECOND, &second));
    struct co_asking *waits = ask(world, "b/", 1, 60 * CO_SECOND, &other);
    assert_non_null(waits);
    int before = evaluations;
    put(world, "c");
    turn(world);
    assert_int_equal(first.calls + second.calls + other.calls, 0);
    assert_int_equal(evaluations, before);
    put(world, "a/2");
    turn(world);
    assert_int_equal(first.calls, 1);
    assert_int_equal(second.calls, 1);
    assert_int_equal(first.rows, 2);
    assert_int_equal(first.index, 3);
    assert_int_equal(other.calls, 0);
    assert_int_equal(evaluations, before + 1); /* once for both */
    co_ask_cancel(waits);
}

static void test_blocking_read_ends(void **state) {
    struct world *world = *state;
    struct seen late, cancelled, left;
    put(world, "a");
    ask(world, "a", 1, 5 * CO_MILLISECOND, &late);
    struct co_asking *asking = ask(world, "a", 1, 60 * CO_SECOND, &cancelled);
    assert_non_null(asking);
    co_ask_cancel(asking);
    uint64_t deadline = co_mono_ns() + 5 * (uint64_t)CO_SECOND;
    while (late.calls == 0 && co_mono_ns() < deadline) turn(world);
    assert_int_equal(late.calls, 1);
    assert_int_equal(late.status, CO_OK);
    assert_int_equal(late.index, 1);
    put(world, "a2");
    turn(world);
    assert_int_equal(cancelled.calls, 0);
    assert_non_null(ask(world, "a", 2, 60 * CO_SECOND, &left)); /* tear_down answers it; `left` must live until then */
    co_state_close(&world->agent);
    assert_int_equal(left.calls, 1);
    assert_int_equal(left.status, CO_CANCELLED);
    assert_int_equal(co_state_open(&world->agent, NULL), CO_OK);
}

/* Someone who asks again as soon as an answer comes, as a watching client does. */
struct asker {
    struct world *world;
    int calls;
    co_status status;
};

static void ask_again(void *arg, co_status status, const struct co_error *error, struct co_answer *answer) {
    struct asker *asker = arg;
    (void)error, (void)answer;
    asker->status = status;
    if (++asker->calls >= 3) return;
    struct row request = {.key = "a"};
    struct co_ask question = {
        .method = &methods[1], .request = &request, .view = &view, .min_index = 1, .wait_ns = 60 * CO_SECOND};
    co_ask(asker->world->ctx, &question, ask_again, asker);
}

static void test_nobody_waits_for_a_closed_state(void **state) {
    struct world *world = *state;
    struct asker asker = {.world = world};
    put(world, "a");
    struct row request = {.key = "a"};
    struct co_ask question = {
        .method = &methods[1], .request = &request, .view = &view, .min_index = 1, .wait_ns = 60 * CO_SECOND};
    assert_non_null(co_ask(world->ctx, &question, ask_again, &asker));
    co_state_close(&world->agent);
    assert_int_equal(asker.calls, 3);
    assert_int_equal(asker.status, CO_CANCELLED);
    assert_int_equal(co_state_open(&world->agent, NULL), CO_OK);
}

static void test_consistent_read(void **state) {
    struct world *world = *state;
    struct seen seen = {0};
    put(world, "a");
    struct row request = {.key = "a"};
    struct co_ask question = {
        .method = &methods[1], .request = &request, .view = &view, .consistency = CO_READ_CONSISTENT};
    assert_null(co_ask(world->ctx, &question, asked, &seen));
    assert_int_equal(seen.rows, 1);
    question.min_index = 1;
    struct co_asking *asking = co_ask(world->ctx, &question, asked, &seen);
    assert_non_null(asking);
    co_ask_cancel(asking);
    assert_int_equal(seen.calls, 1);
    question = (struct co_ask){.method = &methods[1], .request = &(struct row){.key = "bad"}, .view = &view};
    assert_null(co_ask(world->ctx, &question, asked, &seen));
    assert_int_equal(seen.status, CO_INVALID);
}

static void test_leadership_drops_answers(void **state) {
    struct world *world = *state;
    struct seen seen;
    put(world, "a");
    for (int i = 0; i < 3; i++) ask(world, "a", 0, 0, &seen);
    int before = evaluations;
    co_state_leadership(world->ctx);
    turn(world);
    ask(world, "a", 0, 0, &seen);
    assert_int_equal(evaluations, before + 1);
}

/* Against a dumb twin: random writes; cached counts must equal counts made anew. */
static void test_cache_against_a_twin(void **state) {
    struct world *world = *state;
    bool present[64] = {0};
    unsigned seed = 12345;
    for (int step = 0; step < 5000; step++) {
        seed = seed * 1103515245u + 12345u;
        unsigned number = seed >> 16 & 63;
        char key[8];
        snprintf(key, sizeof key, "%u/%02u", number % 4, number);
        if (seed >> 8 & 1) {
            put(world, key);
            present[number] = true;
        }
        char prefix[4];
        snprintf(prefix, sizeof prefix, "%u/", (seed >> 24) % 4);
        int64_t expected = 0;
        for (unsigned i = 0; i < 64; i++) expected += present[i] && i % 4 == (seed >> 24) % 4;
        struct seen seen;
        ask(world, prefix, 0, 0, &seen);
        assert_int_equal(seen.rows, expected);
    }
}

struct saved {
    int calls;
    co_status status;
    uint64_t index;
};

static void snapshot_done(void *arg, co_status status, const struct co_error *error, uint64_t index, uint64_t bytes) {
    (void)error, (void)bytes;
    *(struct saved *)arg = (struct saved){1, status, index};
}

static void test_snapshot(void **state) {
    struct world *world = *state;
    char path[] = "/tmp/cohort-snapshot-XXXXXX";
    close(mkstemp(path));
    char key[16];
    for (int i = 0; i < 3000; i++) {
        snprintf(key, sizeof key, "k%05d", i);
        put(world, key);
    }
    struct saved saved = {0};
    co_state_snapshot(world->ctx, path, snapshot_done, &saved);
    put(world, "later"); /* must not be in it */
    uint64_t deadline = co_mono_ns() + 20 * (uint64_t)CO_SECOND;
    while (!saved.calls && co_mono_ns() < deadline) turn(world);
    assert_int_equal(saved.status, CO_OK);
    assert_int_equal(saved.index, 3000);

    struct seen seen;
    uint64_t index = 0;
    assert_int_equal(co_state_restore(world->ctx, path, &index, NULL), CO_OK);
    assert_int_equal(index, 3000);
    assert_int_equal(co_state_applied(world->ctx), 3000);
    world->last = 3000;
    ask(world, "k", 0, 0, &seen);
    assert_int_equal(seen.rows, 3000);
    ask(world, "later", 0, 0, &seen);
    assert_int_equal(seen.rows, 0);

    /* Any flipped byte is found, and nothing changes. */
    int fd = open(path, O_RDWR);
    off_t size = lseek(fd, 0, SEEK_END);
    for (off_t at = 0; at < size; at += size / 50 + 1) {
        char byte, bad;
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        bad = (char)(byte ^ 0x40);
        assert_int_equal(pwrite(fd, &bad, 1, at), 1);
        struct co_error error = {0};
        if (at < 12 || at >= 20) { /* bytes 12-19 are the index, which the rows hold too */
            assert_int_not_equal(co_state_restore(world->ctx, path, &index, &error), CO_OK);
            assert_non_null(strstr(error.text, path));
        }
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    }
    assert_int_equal(ftruncate(fd, size - 3), 0);
    assert_int_equal(co_state_restore(world->ctx, path, &index, NULL), CO_CORRUPT);
    close(fd);
    ask(world, "k", 0, 0, &seen);
    assert_int_equal(seen.rows, 3000);
    unlink(path);
}

static void stop_loop(void *arg) {
    co_loop_stop(((struct world *)arg)->agent.loop);
}

/* An agent that stops does not wait for a large snapshot to be written to its end. */
static void test_snapshot_is_given_up_when_the_loop_stops(void **state) {
    struct world *world = *state;
    char path[] = "/tmp/cohort-snapshot-XXXXXX", temporary[64], key[400];
    close(mkstemp(path));
    unlink(path);
    for (int i = 0; i < 3000; i++) { /* several slices */
        snprintf(key, sizeof key, "k%0390d", i);
        put(world, key);
    }
    struct saved saved = {0};
    struct co_defer defer = {0};
    co_state_snapshot(world->ctx, path, snapshot_done, &saved);
    co_defer_start(world->agent.loop, &defer, stop_loop, world);
    co_loop_run(world->agent.loop);
    assert_int_equal(saved.calls, 1);
    assert_int_equal(saved.status, CO_CANCELLED);
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_not_equal(access(temporary, F_OK), 0);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_write_and_read),
        T(test_failures_are_the_proposers_own),
        T(test_answers_are_shared_until_their_data_changes),
        T(test_blocking_read_wakes_for_its_own_prefix),
        T(test_blocking_read_ends),
        T(test_nobody_waits_for_a_closed_state),
        T(test_consistent_read),
        T(test_leadership_drops_answers),
        T(test_cache_against_a_twin),
        T(test_snapshot),
        T(test_snapshot_is_given_up_when_the_loop_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
