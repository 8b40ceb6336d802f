/* The memory journal against the conformance suite. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/core.h"
#include "journal_memory/journal_memory.h"
#include "sdk/conformance/journal.h"

struct world {
    struct co_loop *loop;
    struct journal_memory journal;
};

static co_status world_open(void *arg, struct co_journal *out, struct co_error *error) {
    struct world *world = arg;
    (void)error;
    journal_memory_open(&world->journal, world->loop);
    *out = (struct co_journal){&journal_memory_ops, &world->journal};
    return CO_OK;
}

static void world_close(void *arg) {
    journal_memory_close(&((struct world *)arg)->journal);
}

static void world_wipe(void *arg) {
    (void)arg;
}

static void world_turn(void *arg) {
    co_loop_turn(((struct world *)arg)->loop, 100);
}

static void conforms(void **state) {
    (void)state;
    struct world world = {.loop = co_loop_new()};
    struct co_journal_world suite = {
        .arg = &world, .open = world_open, .close = world_close, .wipe = world_wipe, .turn = world_turn};
    assert_int_equal(co_conformance_journal(&suite), 0);
    co_loop_free(world.loop);
}

static void on_done(void *arg, co_status status, const struct co_error *error) {
    (void)status;
    (void)error;
    ++*(int *)arg;
}

/* A log that is trimmed as it grows stays small. */
static void ring_shrinks(void **state) {
    (void)state;
    struct co_loop *loop = co_loop_new();
    struct journal_memory journal;
    journal_memory_open(&journal, loop);
    int answered = 0;
    uint64_t index = 0;
    for (int i = 0; i < 100000; i++) {
        index++;
        struct co_journal_entry entry = {.index = index, .term = 1, .data = co_bytes_text("x")};
        journal_memory_ops.append(&journal, &entry, 1, on_done, &answered);
    }
    while (answered < 100000) co_loop_turn(loop, 100);
    assert_true(journal.capacity >= 100000);
    assert_int_equal(journal_memory_ops.truncate_front(&journal, 99990, NULL), CO_OK);
    assert_true(journal.capacity <= 128);
    journal_memory_close(&journal);
    co_loop_free(loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(conforms), cmocka_unit_test(ring_shrinks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
