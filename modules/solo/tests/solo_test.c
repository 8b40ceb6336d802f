/* Consensus of one against both journals. The core is played by this file: a state that is a list of commands, tickets that
 * remember their answer, snapshots that hold the list. What must never happen: an acknowledged command that is lost, a failed
 * one that comes back, a gap, a change of order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/core.h"
#include "journal_file/journal_file.h"
#include "journal_memory/journal_memory.h"
#include "solo/solo.h"

#define COMMANDS_MAX 20000u

struct co_ticket {
    bool is_answered;
    co_status status;
    uint64_t index;
    char reason[128];
    char command[64];
};

struct world {
    struct co_agent agent;
    struct co_ctx ctx;
    struct co_agent_settings settings;
    char dir[64], journal_dir[96];
    bool is_memory;
    struct journal_file file;
    struct journal_memory memory;
    struct solo *solo;
    /* the state: command i is an index, named by what was proposed */
    char (*state)[64];
    uint64_t applied;
    uint64_t count; /* of commands in the state */
    int applies, leaderships, snapshots_failing;
    co_status apply_fails;
    bool is_ready; /* of the agent's stop */
};

static struct world *the_world;

/* --- the core, as far as solo asks for it --- */

struct co_loop *co_ctx_loop(struct co_ctx *ctx) {
    return ctx->agent->loop;
}
struct co_log *co_ctx_log(struct co_ctx *ctx) {
    (void)ctx;
    return NULL;
}
const struct co_agent_settings *co_ctx_agent(struct co_ctx *ctx) {
    return ctx->agent->settings;
}
const struct co_journal *co_ctx_journal(struct co_ctx *ctx) {
    return &ctx->agent->journal;
}
struct co_metric *co_metric(struct co_ctx *ctx, enum co_metric_kind kind, const char *name, const char *labels) {
    (void)ctx, (void)kind, (void)name, (void)labels;
    return NULL;
}
void co_metric_sample(struct co_metric *metric, double value) {
    (void)metric, (void)value;
}
void co_metric_add(struct co_metric *metric, double value) {
    (void)metric, (void)value;
}
void co_log_write(struct co_log *log, enum co_log_level level, const char *message, const char *fields, ...) {
    (void)log, (void)level, (void)message, (void)fields;
}

uint64_t co_state_applied(struct co_ctx *ctx) {
    (void)ctx;
    return the_world->applied;
}

void co_state_leadership(struct co_ctx *ctx) {
    (void)ctx;
    the_world->leaderships++;
}

static void ticket_answer(struct co_ticket *ticket, co_status status, uint64_t index, const char *reason) {
    assert_false(ticket->is_answered);
    ticket->is_answered = true;
    ticket->status = status;
    ticket->index = index;
    snprintf(ticket->reason, sizeof ticket->reason, "%s", reason);
}

void co_ticket_fail(struct co_ticket *ticket, co_status status, const char *reason) {
    assert_int_not_equal(status, CO_OK);
    ticket_answer(ticket, status, 0, reason);
}

co_status co_state_apply(struct co_ctx *ctx, const struct co_journal_entry *entries, struct co_ticket *const *tickets,
                         size_t count, struct co_error *error) {
    (void)ctx;
    struct world *world = the_world;
    world->applies++;
    if (world->apply_fails) {
        co_status status = world->apply_fails;
        world->apply_fails = CO_OK; /* once: what follows must not be applied over the gap */
        return co_fail(error, status, "the storage is full");
    }
    for (size_t i = 0; i < count; i++) {
        if (entries[i].index <= world->applied) continue;
        assert_int_equal(entries[i].index, world->applied + 1);
        world->applied++;
        if (entries[i].type != CO_ENTRY_COMMAND) continue;
        assert_true(world->count < COMMANDS_MAX);
        snprintf(world->state[world->count++], 64, "%.*s", (int)entries[i].data.size,
                 (const char *)entries[i].data.data);
    }
    for (size_t i = 0; tickets && i < count; i++)
        if (tickets[i]) ticket_answer(tickets[i], CO_OK, entries[i].index, "");
    return CO_OK;
}

struct snapshot_job {
    void (*done)(void *arg, co_status, const struct co_error *, uint64_t index, uint64_t bytes);
    void *arg;
    uint64_t index;
    co_status status;
    struct co_defer defer;
};

static void snapshot_run(void *arg) {
    struct snapshot_job *job = arg;
    struct co_error error = {.status = job->status, .text = "no room for the snapshot"};
    job->done(job->arg, job->status, &error, job->index, 100);
    free(job);
}

void co_state_snapshot(struct co_ctx *ctx, const char *path,
                       void (*done)(void *arg, co_status, const struct co_error *, uint64_t index, uint64_t bytes),
                       void *arg) {
    struct world *world = the_world;
    struct snapshot_job *job = co_calloc(1, sizeof *job);
    *job = (struct snapshot_job){.done = done, .arg = arg, .index = world->applied};
    if (world->snapshots_failing > 0) {
        world->snapshots_failing--;
        job->status = CO_FULL;
    } else {
        FILE *file = fopen(path, "w");
        fprintf(file, "snapshot %" PRIu64 " %" PRIu64 "\n", world->applied, world->count);
        for (uint64_t i = 0; i < world->count; i++) fprintf(file, "%s\n", world->state[i]);
        fclose(file);
    }
    co_defer_start(ctx->agent->loop, &job->defer, snapshot_run, job);
}

co_status co_state_restore(struct co_ctx *ctx, const char *path, uint64_t *index, struct co_error *error) {
    (void)ctx;
    struct world *world = the_world;
    FILE *file = fopen(path, "r");
    if (!file) return co_fail(error, CO_NOT_FOUND, "%s: gone", path);
    uint64_t count;
    if (fscanf(file, "snapshot %" SCNu64 " %" SCNu64 "\n", index, &count) != 2) {
        fclose(file);
        return co_fail(error, CO_CORRUPT, "%s: offset 0: damaged", path);
    }
    world->applied = *index;
    world->count = count;
    for (uint64_t i = 0; i < count; i++) assert_int_equal(fscanf(file, "%63s\n", world->state[i]), 1);
    fclose(file);
    return CO_OK;
}

/* --- the world --- */

static struct world *world_new(bool is_memory) {
    struct world *world = co_calloc(1, sizeof *world);
    the_world = world;
    world->state = co_calloc(COMMANDS_MAX, sizeof *world->state);
    world->is_memory = is_memory;
    snprintf(world->dir, sizeof world->dir, "/tmp/cohort-solo-XXXXXX");
    assert_non_null(mkdtemp(world->dir));
    snprintf(world->journal_dir, sizeof world->journal_dir, "%s/journal", world->dir);
    world->settings = (struct co_agent_settings){.data_dir = is_memory ? "" : world->dir,
                                                 .advertise_addr = "127.0.0.1",
                                                 .ports.server = 8300,
                                                 .raft_snapshot_threshold = 16384,
                                                 .raft_trailing_logs = 10000};
    world->agent.loop = co_loop_new();
    world->agent.settings = &world->settings;
    world->ctx.agent = &world->agent;
    return world;
}

static co_status journal_up(struct world *world, struct co_error *error) {
    if (world->is_memory) {
        if (!world->memory.loop) journal_memory_open(&world->memory, world->agent.loop);
        world->agent.journal = (struct co_journal){&journal_memory_ops, &world->memory};
        return CO_OK;
    }
    struct journal_file_settings settings = {.segment_size = {64 << 10}, .compress_above = {4096}, .sync = "always"};
    world->agent.journal = (struct co_journal){&journal_file_ops, &world->file};
    return journal_file_open(&world->file, world->agent.loop, NULL, world->journal_dir, &settings, error);
}

static co_status up(struct world *world, struct co_error *error) {
    assert_int_equal(journal_up(world, error), CO_OK);
    world->solo = co_calloc(1, sizeof *world->solo);
    struct solo_settings settings = {0};
    co_status status = solo_init(&world->ctx, world->solo, &settings, error);
    return status ? status : solo_start(world->solo, error);
}

static void on_stopped(void *arg) {
    *(bool *)arg = true;
}

static void down(struct world *world) {
    if (!world->solo) return;
    bool is_stopped = false;
    solo_stop(world->solo, on_stopped, &is_stopped);
    while (!is_stopped) co_loop_turn(world->agent.loop, 100);
    while (world->solo->is_snapshotting) co_loop_turn(world->agent.loop, 100);
    solo_fini(world->solo);
    free(world->solo);
    world->solo = NULL;
    if (!world->is_memory) {
        is_stopped = false;
        journal_file_stop(&world->file, on_stopped, &is_stopped);
        while (!is_stopped) co_loop_turn(world->agent.loop, 100);
        journal_file_close(&world->file);
    }
}

static void remove_dir(const char *path) {
    DIR *dir = opendir(path);
    if (!dir) return;
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] != '.') unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
    rmdir(path);
}

static void world_free(struct world *world) {
    down(world);
    journal_memory_close(&world->memory);
    char path[96];
    snprintf(path, sizeof path, "%s/snapshots", world->dir);
    remove_dir(world->journal_dir);
    remove_dir(path);
    rmdir(world->dir);
    co_loop_free(world->agent.loop);
    free(world->state);
    free(world);
}

static void wipe_storage(struct world *world) {
    world->applied = world->count = 0;
}

static bool is_leader(struct world *world) {
    struct co_consensus_status status;
    solo_ops.status(world->solo, &status);
    return status.is_leader;
}

/* Turns the loop until this server leads; the retry after a failure takes a second. */
static void lead(struct world *world) {
    uint64_t deadline = co_mono_ns() + 20 * (uint64_t)CO_SECOND;
    while (!is_leader(world)) {
        assert_true(co_mono_ns() < deadline);
        co_loop_turn(world->agent.loop, 100);
    }
}

static void propose(struct world *world, struct co_ticket *ticket, uint64_t number) {
    memset(ticket, 0, sizeof *ticket);
    snprintf(ticket->command, sizeof ticket->command, "command-%" PRIu64, number);
    solo_ops.propose(world->solo, co_bytes_text(ticket->command), ticket);
}

static void wait_for(struct world *world, struct co_ticket *tickets, size_t count) {
    uint64_t deadline = co_mono_ns() + 20 * (uint64_t)CO_SECOND;
    for (size_t i = 0; i < count; i++)
        while (!tickets[i].is_answered) {
            assert_true(co_mono_ns() < deadline);
            co_loop_turn(world->agent.loop, 100);
        }
}

/* Proposes commands first..first+count-1, in bursts, and expects OK. */
static void write_many(struct world *world, uint64_t first, size_t count) {
    static struct co_ticket tickets[64];
    for (size_t done = 0; done < count;) {
        size_t burst = count - done < 64 ? count - done : 64;
        for (size_t i = 0; i < burst; i++) propose(world, &tickets[i], first + done + i);
        wait_for(world, tickets, burst);
        for (size_t i = 0; i < burst; i++) assert_int_equal(tickets[i].status, CO_OK);
        done += burst;
    }
}

/* The state is command-0 ... command-(count-1). */
static void check_state(struct world *world, uint64_t count) {
    assert_int_equal(world->count, count);
    for (uint64_t i = 0; i < count; i++) {
        char want[64];
        snprintf(want, sizeof want, "command-%" PRIu64, i);
        assert_string_equal(world->state[i], want);
    }
}

static uint64_t journal_first(struct world *world) {
    uint64_t first, last;
    world->agent.journal.ops->bounds(world->agent.journal.self, &first, &last);
    return first;
}

static size_t count_snapshots(struct world *world, char newest[128]) {
    char path[96];
    snprintf(path, sizeof path, "%s/snapshots", world->dir);
    size_t count = 0;
    DIR *dir = opendir(path);
    newest[0] = '\0';
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.') continue;
        count++;
        char candidate[128];
        snprintf(candidate, sizeof candidate, "%s/%.30s", path, entry->d_name);
        if (strcmp(candidate, newest) > 0) snprintf(newest, 128, "%s", candidate);
    }
    closedir(dir);
    return count;
}

static void overwrite(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
}

/* --- the stories --- */

static void leads_after_its_first_entry(void **state) {
    (void)state;
    struct world *world = world_new(true);
    assert_int_equal(up(world, NULL), CO_OK);
    struct co_ticket early;
    propose(world, &early, 0);
    assert_int_equal(early.status, CO_NO_LEADER);
    lead(world);
    assert_int_equal(world->applied, 1);
    assert_int_equal(world->leaderships, 1);
    struct co_consensus_status status;
    solo_ops.status(world->solo, &status);
    assert_string_equal(status.leader_address, "127.0.0.1:8300");
    assert_string_equal(status.state, "Leader");
    assert_int_equal(status.term, 1);
    assert_int_equal(status.last_index, 1);
    assert_int_equal(status.commit_index, 1);
    assert_int_equal(status.voters, 1);
    struct co_arena arena = CO_ARENA_INIT;
    const char **peers;
    size_t count;
    solo_ops.peers(world->solo, &arena, &peers, &count);
    assert_int_equal(count, 1);
    assert_string_equal(peers[0], "127.0.0.1:8300");
    co_arena_fini(&arena);
    world_free(world);
}

static void writes_of_one_turn_share_a_batch(void **state) {
    (void)state;
    struct world *world = world_new(false);
    assert_int_equal(up(world, NULL), CO_OK);
    lead(world);
    int applies = world->applies;
    static struct co_ticket tickets[500];
    for (size_t i = 0; i < 500; i++) propose(world, &tickets[i], i);
    wait_for(world, tickets, 500);
    assert_int_equal(world->applies, applies + 1);
    for (size_t i = 0; i < 500; i++) assert_int_equal(tickets[i].index, i + 2);
    check_state(world, 500);
    /* More than one batch may hold. */
    for (size_t i = 0; i < 10; i++) write_many(world, 500 + i * 300, 300);
    check_state(world, 3500);
    world_free(world);
}

static void large_bursts_are_split(void **state) {
    (void)state;
    struct world *world = world_new(true);
    assert_int_equal(up(world, NULL), CO_OK);
    lead(world);
    static struct co_ticket tickets[3000];
    int applies = world->applies;
    for (size_t i = 0; i < 3000; i++) propose(world, &tickets[i], i);
    wait_for(world, tickets, 3000);
    assert_int_equal(world->applies, applies + 3);
    check_state(world, 3000);
    world_free(world);
}

static void development_mode_keeps_a_short_log(void **state) {
    (void)state;
    struct world *world = world_new(true);
    assert_int_equal(up(world, NULL), CO_OK);
    lead(world);
    write_many(world, 0, 10000);
    check_state(world, 10000);
    assert_true(world->memory.last + 1 - world->memory.first < 2000);
    world_free(world);
}

static void restarts_replay(void **state) {
    (void)state;
    struct world *world = world_new(false);
    for (uint64_t round = 0; round < 5; round++) {
        assert_int_equal(up(world, NULL), CO_OK);
        lead(world);
        assert_int_equal(world->solo->term, round + 1);
        write_many(world, round * 200, 200);
        down(world);
        if (round % 2) wipe_storage(world); /* a power cut took the storage, not the journal */
    }
    assert_int_equal(up(world, NULL), CO_OK);
    check_state(world, 1000);
    world_free(world);
}

static void snapshots_trim_and_restore(void **state) {
    (void)state;
    struct world *world = world_new(false);
    world->settings.raft_snapshot_threshold = 2500; /* several segments */
    world->settings.raft_trailing_logs = 100;
    assert_int_equal(up(world, NULL), CO_OK);
    lead(world);
    write_many(world, 0, 9000);
    char newest[128];
    assert_int_equal(count_snapshots(world, newest), 2);
    assert_true(journal_first(world) > 1);
    uint64_t older = world->solo->snapshots[1];
    assert_true(journal_first(world) <= older + 1);
    down(world);

    wipe_storage(world);
    assert_int_equal(up(world, NULL), CO_OK);
    check_state(world, 9000);
    lead(world);
    down(world);

    /* The newest snapshot is damaged: the older one and the journal still give everything. */
    overwrite(newest, "garbage");
    wipe_storage(world);
    assert_int_equal(up(world, NULL), CO_OK);
    check_state(world, 9000);
    down(world);

    char path[96];
    snprintf(path, sizeof path, "%s/snapshots", world->dir);
    remove_dir(path);
    wipe_storage(world);
    struct co_error error = {0};
    assert_int_equal(up(world, &error), CO_CORRUPT);
    assert_non_null(strstr(error.text, "no snapshot closes the gap"));
    world_free(world);
}

static void lost_journal_goes_on_from_the_storage(void **state) {
    (void)state;
    struct world *world = world_new(false);
    assert_int_equal(up(world, NULL), CO_OK);
    lead(world);
    write_many(world, 0, 300);
    down(world);
    remove_dir(world->journal_dir);
    assert_int_equal(up(world, NULL), CO_OK);
    lead(world);
    write_many(world, 300, 10);
    check_state(world, 310);
    char newest[128];
    assert_int_equal(count_snapshots(world, newest), 1); /* at once: the journal alone could not refill the storage */
    down(world);
    wipe_storage(world);
    assert_int_equal(up(world, NULL), CO_OK);
    check_state(world, 310);
    down(world);
    /* Journal and storage gone, the snapshot left: its state is the best there is. */
    remove_dir(world->journal_dir);
    wipe_storage(world);
    assert_int_equal(up(world, NULL), CO_OK);
    assert_true(world->count >= 300);
    lead(world);
    down(world);
    remove_dir(world->journal_dir);
    wipe_storage(world);
    count_snapshots(world, newest);
    overwrite(newest, "garbage");
    struct co_error error = {0};
    char other[128];
    while (count_snapshots(world, other) > 1) {
        unlink(newest);
        count_snapshots(world, newest);
        overwrite(newest, "garbage");
    }
    assert_int_equal(up(world, &error), CO_CORRUPT); /* never an empty agent where there was data */
    world_free(world);
}

static void short_journal_goes_on_from_the_storage(void **state) {
    (void)state;
    struct world *world = world_new(false);
    assert_int_equal(up(world, NULL), CO_OK);
    lead(world);
    write_many(world, 0, 300);
    /* A disk that lied about its flushes: the journal's end is gone, the storage's is not. */
    assert_int_equal(journal_file_truncate_back(&world->file, 200, NULL), CO_OK);
    down(world);
    assert_int_equal(up(world, NULL), CO_OK);
    lead(world);
    write_many(world, 300, 5);
    check_state(world, 305);
    down(world);
    wipe_storage(world);
    assert_int_equal(up(world, NULL), CO_OK);
    check_state(world, 305);
    world_free(world);
}

static void failed_snapshot_is_tried_again(void **state) {
    (void)state;
    struct world *world = world_new(false);
    world->settings.raft_snapshot_threshold = 100;
    world->snapshots_failing = 2;
    assert_int_equal(up(world, NULL), CO_OK);
    lead(world);
    write_many(world, 0, 500);
    char newest[128];
    assert_true(count_snapshots(world, newest) >= 1);
    assert_int_equal(world->snapshots_failing, 0);
    world_free(world);
}

static void limit_files(rlim_t bytes) {
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {bytes, RLIM_INFINITY};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void failed_disk_steps_down_and_comes_back(void **state) {
    (void)state;
    struct world *world = world_new(false);
    assert_int_equal(up(world, NULL), CO_OK);
    lead(world);
    write_many(world, 0, 100);
    static struct co_ticket bad[2000];
    limit_files(20000);
    for (size_t i = 0; i < 2000; i++)
        propose(world, &bad[i], 900000 + i); /* two batches under way, some still queued */
    wait_for(world, bad, 2000);
    size_t acknowledged = 0;
    while (acknowledged < 2000 && bad[acknowledged].status == CO_OK) acknowledged++;
    assert_int_equal(acknowledged, 0);
    for (size_t i = 0; i < 2000; i++) assert_int_equal(bad[i].status, CO_IO);
    assert_non_null(strstr(bad[0].reason, ".seg"));
    assert_false(is_leader(world));
    struct co_ticket late;
    propose(world, &late, 1);
    assert_int_equal(late.status, CO_NO_LEADER);
    limit_files(RLIM_INFINITY);
    lead(world);
    write_many(world, 100, 100);
    check_state(world, 200);
    down(world);
    wipe_storage(world);
    assert_int_equal(up(world, NULL), CO_OK);
    check_state(world, 200); /* what failed stays failed */
    world_free(world);
}

static void failed_storage_steps_down_and_comes_back(void **state) {
    (void)state;
    struct world *world = world_new(false);
    assert_int_equal(up(world, NULL), CO_OK);
    lead(world);
    write_many(world, 0, 100);
    world->apply_fails = CO_FULL;
    static struct co_ticket bad[1500];
    for (size_t i = 0; i < 1500; i++)
        propose(world, &bad[i], 900000 + i); /* the second batch must not be applied either */
    wait_for(world, bad, 1500);
    for (size_t i = 0; i < 1024; i++) assert_int_equal(bad[i].status, CO_FULL);
    for (size_t i = 1024; i < 1500; i++) assert_int_not_equal(bad[i].status, CO_OK);
    assert_false(is_leader(world));
    lead(world);
    write_many(world, 100, 100);
    check_state(world, 200);
    down(world);
    wipe_storage(world);
    assert_int_equal(up(world, NULL), CO_OK);
    check_state(world, 200);
    world_free(world);
}

static void stop_answers_everyone(void **state) {
    (void)state;
    struct world *world = world_new(false);
    assert_int_equal(up(world, NULL), CO_OK);
    lead(world);
    static struct co_ticket tickets[100];
    for (size_t i = 0; i < 50; i++) propose(world, &tickets[i], i);
    while (world->solo->in_journal == 0) co_loop_turn(world->agent.loop, 0);
    for (size_t i = 50; i < 100; i++) propose(world, &tickets[i], i);
    down(world);
    for (size_t i = 0; i < 50; i++) assert_int_equal(tickets[i].status, CO_OK);
    for (size_t i = 50; i < 100; i++) assert_int_equal(tickets[i].status, CO_CANCELLED);
    for (size_t i = 0; i < 100; i++) assert_true(tickets[i].is_answered);
    wipe_storage(world);
    assert_int_equal(up(world, NULL), CO_OK);
    check_state(world, 50);
    world_free(world);
}

static void on_confirm(void *arg, co_status status) {
    *(co_status *)arg = status;
}

static void confirm_follows_leadership(void **state) {
    (void)state;
    struct world *world = world_new(true);
    assert_int_equal(up(world, NULL), CO_OK);
    co_status status;
    solo_ops.confirm(world->solo, on_confirm, &status);
    assert_int_equal(status, CO_NO_LEADER);
    lead(world);
    solo_ops.confirm(world->solo, on_confirm, &status);
    assert_int_equal(status, CO_OK);
    world_free(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leads_after_its_first_entry),
        cmocka_unit_test(writes_of_one_turn_share_a_batch),
        cmocka_unit_test(large_bursts_are_split),
        cmocka_unit_test(development_mode_keeps_a_short_log),
        cmocka_unit_test(restarts_replay),
        cmocka_unit_test(snapshots_trim_and_restore),
        cmocka_unit_test(lost_journal_goes_on_from_the_storage),
        cmocka_unit_test(short_journal_goes_on_from_the_storage),
        cmocka_unit_test(failed_snapshot_is_tried_again),
        cmocka_unit_test(failed_disk_steps_down_and_comes_back),
        cmocka_unit_test(failed_storage_steps_down_and_comes_back),
        cmocka_unit_test(stop_answers_everyone),
        cmocka_unit_test(confirm_follows_leadership),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
