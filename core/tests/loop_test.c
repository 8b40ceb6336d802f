/* The loop's promises where callbacks change what is under way: timers, deferred calls, descriptors, jobs, posts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/core.h"

struct world {
    struct co_loop *loop;
    struct co_defer defers[3];
    struct co_timer timers[3];
    int calls[3], total;
    struct co_io *io;
    int pair[2];
};

static int set_up(void **state) {
    struct world *world = calloc(1, sizeof *world);
    world->loop = co_loop_new();
    *state = world;
    return 0;
}

static int tear_down(void **state) {
    struct world *world = *state;
    co_loop_free(world->loop);
    free(world);
    return 0;
}

static void count_first(void *arg) {
    ((struct world *)arg)->calls[0]++;
}
static void count_second(void *arg) {
    ((struct world *)arg)->calls[1]++;
}

/* --- deferred calls --- */

/* The loop sleeps when nothing is left to run: it does not spin after the last deferred call was taken back. */
static void test_a_stopped_defer_lets_the_loop_sleep(void **state) {
    struct world *world = *state;
    co_defer_start(world->loop, &world->defers[0], count_first, world);
    co_defer_stop(world->loop, &world->defers[0]);
    co_timer_start(world->loop, &world->timers[0], 30, count_second, world);
    int turns = 0;
    while (world->calls[1] == 0 && turns < 1000) {
        co_loop_turn(world->loop, 1000);
        turns++;
    }
    assert_int_equal(world->calls[0], 0);
    assert_int_equal(world->calls[1], 1);
    assert_true(turns < 10);
}

static void again(void *arg) {
    struct world *world = arg;
    if (++world->calls[0] < 1000) co_defer_start(world->loop, &world->defers[0], again, world);
}
static void stop_the_last(void *arg) {
    struct world *world = arg;
    world->calls[1]++;
    co_defer_stop(world->loop, &world->defers[2]);
}

/* Input and output get their turn although the call that would have ended the pass was taken back in it. */
static void test_defers_of_a_pass_end_with_it(void **state) {
    struct world *world = *state;
    co_defer_start(world->loop, &world->defers[0], again, world);
    co_defer_start(world->loop, &world->defers[1], stop_the_last, world);
    co_defer_start(world->loop, &world->defers[2], count_second, world);
    co_loop_turn(world->loop, 0);
    assert_int_equal(world->calls[0], 1);
    assert_int_equal(world->calls[1], 1);
    co_defer_stop(world->loop, &world->defers[0]);
}

static void start_both(void *arg) {
    struct world *world = arg;
    world->total++;
    co_defer_stop(world->loop, &world->defers[1]);                       /* waits in this pass */
    co_defer_start(world->loop, &world->defers[1], count_second, world); /* comes in the next */
    co_defer_start(world->loop, &world->defers[2], count_first, world);  /* is queued: once */
}

static void test_defers_move_inside_a_pass(void **state) {
    struct world *world = *state;
    co_defer_start(world->loop, &world->defers[0], start_both, world);
    co_defer_start(world->loop, &world->defers[1], count_second, world);
    co_defer_start(world->loop, &world->defers[2], count_first, world);
    co_loop_turn(world->loop, 0);
    assert_int_equal(world->calls[0], 1);
    assert_int_equal(world->calls[1], 0);
    co_loop_turn(world->loop, 0);
    assert_int_equal(world->calls[0], 1);
    assert_int_equal(world->calls[1], 1);
    assert_int_equal(world->total, 1);
}

/* --- timers --- */

static void free_neighbours(void *arg) {
    struct world *world = arg;
    world->total++;
    for (int i = 0; i < 3; i++) co_timer_stop(&world->timers[i]);
    co_timer_start(world->loop, &world->timers[1], 0, count_first, world);
}

static void test_timers_stopped_and_started_by_a_timer(void **state) {
    struct world *world = *state;
    for (int i = 0; i < 3; i++) co_timer_start(world->loop, &world->timers[i], 5, free_neighbours, world);
    while (world->calls[0] == 0 && co_loop_turn(world->loop, 100)) {
    }
    assert_int_equal(world->total, 1);
    assert_int_equal(world->calls[0], 1);
    assert_false(co_timer_is_armed(&world->timers[0]));
}

/* "Never" must not wrap round to "at once". */
static void test_a_timer_for_ever(void **state) {
    struct world *world = *state;
    co_timer_start(world->loop, &world->timers[0], UINT64_MAX, count_first, world);
    co_timer_start(world->loop, &world->timers[1], 5, count_second, world);
    while (world->calls[1] == 0 && co_loop_turn(world->loop, 100)) {
    }
    assert_int_equal(world->calls[0], 0);
    assert_true(co_timer_is_armed(&world->timers[0]));
    co_timer_stop(&world->timers[0]);
}

/* --- descriptors --- */

static void swap_descriptor(void *arg, unsigned events) {
    struct world *world = arg;
    (void)events;
    world->total++;
    co_io_free(world->io);
    close(world->pair[0]);
    close(world->pair[1]);
    world->io = NULL;
    if (world->total > 1) return;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, world->pair), 0); /* the same numbers again */
    world->io = co_io_new(world->loop, world->pair[0], swap_descriptor, world);
    co_io_watch(world->io, CO_IO_READ);
}

static void test_a_descriptor_number_used_again(void **state) {
    struct world *world = *state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, world->pair), 0);
    world->io = co_io_new(world->loop, world->pair[0], swap_descriptor, world);
    co_io_watch(world->io, CO_IO_READ);
    assert_int_equal(write(world->pair[1], "x", 1), 1);
    for (int i = 0; i < 5; i++) co_loop_turn(world->loop, 5);
    assert_int_equal(world->total, 1); /* nothing of the old one reaches the new one */
    assert_int_equal(write(world->pair[1], "x", 1), 1);
    for (int i = 0; i < 5 && world->io; i++) co_loop_turn(world->loop, 100);
    assert_int_equal(world->total, 2);
}

/* --- jobs and posts --- */

static void work(void *arg) {
    (void)arg;
}
static void job_done(void *arg) {
    struct world *world = arg;
    if (++world->total < 3) co_job_start(world->loop, work, job_done, world);
}
static void stop_now(void *arg) {
    co_loop_stop(((struct world *)arg)->loop);
}

static void test_jobs_end_before_the_loop_does(void **state) {
    struct world *world = *state;
    co_job_start(world->loop, work, job_done, world);
    co_defer_start(world->loop, &world->defers[0], stop_now, world);
    co_loop_run(world->loop);
    assert_int_equal(world->total, 3);
}

static void *poster(void *arg) {
    for (int i = 0; i < 1000; i++) co_post(((struct world *)arg)->loop, count_first, arg);
    return NULL;
}

static void test_posts_from_threads(void **state) {
    struct world *world = *state;
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&threads[i], NULL, poster, world), 0);
    while (world->calls[0] < 2000) co_loop_turn(world->loop, 100);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    assert_int_equal(world->calls[0], 2000);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_a_stopped_defer_lets_the_loop_sleep),
        T(test_defers_of_a_pass_end_with_it),
        T(test_defers_move_inside_a_pass),
        T(test_timers_stopped_and_started_by_a_timer),
        T(test_a_timer_for_ever),
        T(test_a_descriptor_number_used_again),
        T(test_jobs_end_before_the_loop_does),
        T(test_posts_from_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
