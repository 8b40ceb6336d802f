/* Anti-entropy against a catalog that is a small table in this file: it shows what was written, can be without a leader, and
 * can hold what nobody here registered. */
#include "local_world.h"

static struct world world;

/* --- the catalog --- */

struct row {
    char id[64], tags[64], status[16], output[64], service_id[64];
    int64_t port;
    bool is_there;
};
static struct row services[16], checks[16];
static bool has_node, has_no_leader, holds_writes;
static int writes, refusals;
static co_written *held_done;
static void *held_arg;

static struct row *row_of(struct row *rows, const char *id) {
    for (int i = 0; i < 16; i++)
        if (rows[i].is_there && !strcmp(rows[i].id, id)) return &rows[i];
    return NULL;
}

static struct row *row_put(struct row *rows, const char *id) {
    struct row *row = row_of(rows, id);
    for (int i = 0; i < 16 && !row; i++)
        if (!rows[i].is_there) row = &rows[i];
    assert_non_null(row);
    row->is_there = true;
    snprintf(row->id, sizeof row->id, "%s", id);
    return row;
}

static void put_check(const struct catalog_check *check) {
    struct row *row = row_put(checks, check->check_id);
    if (*check->service_id) assert_non_null(row_of(services, check->service_id));
    snprintf(row->status, sizeof row->status, "%s", check->status);
    snprintf(row->output, sizeof row->output, "%s", check->output);
    snprintf(row->service_id, sizeof row->service_id, "%s", check->service_id);
}

static const struct co_method register_method = {.name = "Catalog.Register"},
                              deregister_method = {.name = "Catalog.Deregister"},
                              node_method = {.name = "Catalog.NodeServices"};

const struct co_method *co_method_find(struct co_ctx *ctx, const char *name) {
    (void)ctx;
    return !strcmp(name, register_method.name) ? &register_method
           : !strcmp(name, node_method.name)   ? &node_method
                                               : &deregister_method;
}

static void apply_register(const struct catalog_register *request) {
    assert_string_equal(request->node, "n1");
    if (!request->skip_node_update) has_node = true;
    if (request->service) {
        struct row *row = row_put(services, request->service->id);
        row->port = request->service->port;
        row->tags[0] = '\0';
        for (size_t i = 0; i < request->service->tags.count; i++)
            strcat(strcat(row->tags, request->service->tags.items[i]), " ");
    }
    if (request->check) put_check(request->check);
    for (size_t i = 0; i < request->checks.count; i++)
        put_check(&((const struct catalog_check *)request->checks.items)[i]);
}

static void apply_deregister(const struct catalog_deregister *request) {
    struct row *row = row_of(*request->service_id ? services : checks,
                             *request->service_id ? request->service_id : request->check_id);
    if (row) row->is_there = false;
    for (int i = 0; i < 16; i++)
        if (*request->service_id && !strcmp(checks[i].service_id, request->service_id)) checks[i].is_there = false;
}

void co_write(struct co_ctx *ctx, const struct co_method *method, void *request, struct co_arena *arena,
              co_written *done, void *arg) {
    (void)ctx;
    (void)arena;
    if (has_no_leader) {
        struct co_error error = {CO_NO_LEADER, "No cluster leader"};
        refusals++;
        done(arg, CO_NO_LEADER, &error, 0, NULL);
        return;
    }
    writes++;
    if (method == &register_method)
        apply_register(request);
    else
        apply_deregister(request);
    if (holds_writes) {
        held_done = done;
        held_arg = arg;
        return;
    }
    done(arg, CO_OK, NULL, 1, NULL);
}

static struct co_answer answer;

struct co_answer *co_ask_now(struct co_ctx *ctx, const struct co_ask *ask, struct co_error *error) {
    struct catalog_node node = {.id = world.agent.node_id, .node = "n1", .address = "127.0.0.1"};
    struct catalog_service found_services[16] = {0};
    struct catalog_check found_checks[16] = {0};
    struct catalog_node_reply reply = {.services = {found_services, 0}, .checks = {found_checks, 0}};
    static const char *tags[16][1];
    struct co_arena arena = CO_ARENA_INIT;
    size_t size;
    (void)ctx;
    if (has_no_leader) {
        co_fail(error, CO_NO_LEADER, "No cluster leader");
        return NULL;
    }
    node.tagged_addresses = local_node_addresses(&world.local, &arena);
    node.meta = local_node_meta(&world.local, &arena);
    if (has_node) reply.node = &node;
    for (int i = 0; i < 16; i++) {
        if (services[i].is_there) {
            struct catalog_service *one = &found_services[reply.services.count++];
            char *blank = strchr(services[i].tags, ' ');
            *one = (struct catalog_service){
                .id = services[i].id, .service = services[i].id, .port = services[i].port, .weights = {1, 1}};
            one->enable_tag_override = !strcmp(services[i].id, "eto");
            if (blank) {
                tags[i][0] = co_arena_text(&arena, services[i].tags, (size_t)(blank - services[i].tags));
                one->tags = (struct co_strings){tags[i], 1};
            }
        }
        if (checks[i].is_there) {
            const struct local_check *check = local_check_find(&world.local, checks[i].id);
            found_checks[reply.checks.count++] = (struct catalog_check){.check_id = checks[i].id,
                                                                        .name = check ? check->def->name : "",
                                                                        .status = checks[i].status,
                                                                        .output = checks[i].output,
                                                                        .service_id = checks[i].service_id,
                                                                        .service_name = checks[i].service_id,
                                                                        .type = check ? check->def->type : ""};
        }
    }
    answer = (struct co_answer){.refs = 1, .object = ask->view->render(ask->view, ask, 1, &reply, &size)};
    co_arena_fini(&arena);
    return &answer;
}

void co_answer_release(struct co_answer *given) {
    co_buffer_fini(given->object);
    free(given->object);
}

static void consensus_status(void *self, struct co_consensus_status *out) {
    (void)self;
    *out = (struct co_consensus_status){.voters = 1};
}
static const struct co_consensus_ops consensus_ops = {.status = consensus_status};
static const struct co_consensus consensus = {&consensus_ops, NULL};
const struct co_consensus *co_ctx_consensus(struct co_ctx *ctx) {
    (void)ctx;
    return &consensus;
}

/* --- the stories --- */

static int setup(void **state) {
    (void)state;
    memset(services, 0, sizeof services);
    memset(checks, 0, sizeof checks);
    has_node = has_no_leader = holds_writes = false;
    writes = refusals = 0;
    world_new(&world, "");
    return 0;
}
static int teardown(void **state) {
    (void)state;
    world_free(&world);
    return 0;
}

static bool is_quiet(void) {
    for (size_t i = 0; i < world.local.services.count; i++)
        if (!((struct local_service *)world.local.services.items[i])->sync.is_in_sync) return false;
    for (size_t i = 0; i < world.local.checks.count; i++)
        if (!((struct local_check *)world.local.checks.items[i])->sync.is_in_sync) return false;
    return world.local.node_sync.is_in_sync && world.local.in_flight == 0;
}
#define SYNCED() WAIT_FOR(&world, is_quiet())
static void sync_start(void) {
    assert_int_equal(local_sync_start(&world.local, &world.error), CO_OK);
}
static void full_sync(void) {
    SYNCED();
    world.local.full_sync.fire(world.local.full_sync.arg); /* a minute later */
    for (int i = 0; i < 3; i++) turn(&world);
    SYNCED();
}

static void a_service_arrives_with_its_checks_in_one_write(void **state) {
    (void)state;
    add_service(&world, "{\"Name\":\"web\",\"Port\":80,\"Checks\":[{\"TTL\":\"1h\"},{\"TTL\":\"2h\"}]}");
    sync_start();
    SYNCED();
    assert_true(has_node);
    assert_int_equal(writes, 1);
    assert_int_equal(row_of(services, "web")->port, 80);
    assert_string_equal(row_of(checks, "service:web:2")->status, "critical");
    full_sync(); /* all is equal: nothing is written */
    assert_int_equal(writes, 1);
}

static void a_change_is_written_alone(void **state) {
    (void)state;
    add_service(&world, "{\"Name\":\"web\",\"Check\":{\"TTL\":\"1h\"}}");
    add_service(&world, "{\"Name\":\"db\"}");
    sync_start();
    SYNCED();
    writes = 0;
    local_ttl_report(&world.local, "service:web", CO_PASSING, "ok", 2, NULL);
    SYNCED();
    assert_int_equal(writes, 1);
    assert_string_equal(row_of(checks, "service:web")->status, "passing");
    local_service_remove(&world.local, local_service_find(&world.local, "web"));
    SYNCED();
    assert_null(row_of(services, "web"));
    assert_null(row_of(checks, "service:web"));
    assert_non_null(row_of(services, "db"));
    WAIT_FOR(&world, world.local.services.count == 1 && world.local.checks.count == 0); /* forgotten here, too */
}

static void output_alone_waits_for_its_turn(void **state) {
    (void)state;
    add_check(&world, "{\"Name\":\"t\",\"TTL\":\"1h\"}");
    sync_start();
    SYNCED();
    local_ttl_report(&world.local, "t", CO_PASSING, "one", 3, NULL);
    SYNCED();
    writes = 0;
    local_ttl_report(&world.local, "t", CO_PASSING, "two", 3, NULL);
    local_ttl_report(&world.local, "t", CO_PASSING, "three", 5, NULL);
    for (int i = 0; i < 5; i++) turn(&world);
    assert_int_equal(writes, 0);
    full_sync(); /* does not count as a difference either */
    assert_int_equal(writes, 0);
    struct local_check *check = local_check_find(&world.local, "t");
    assert_true(co_timer_is_armed(&check->deferred));
    co_timer_stop(&check->deferred);
    check->deferred.fire(check->deferred.arg); /* minutes later */
    SYNCED();
    assert_int_equal(writes, 1);
    assert_string_equal(row_of(checks, "t")->output, "three");
    world.local.now.check_update_interval.ns = 0; /* configured: at once */
    local_ttl_report(&world.local, "t", CO_PASSING, "four", 4, NULL);
    SYNCED();
    assert_string_equal(row_of(checks, "t")->output, "four");
}

static void strangers_are_removed_but_not_the_leaders(void **state) {
    (void)state;
    row_put(services, "stranger");
    row_put(services, "consul");
    row_put(checks, "serfHealth");
    row_put(checks, "strange-check");
    sync_start();
    SYNCED();
    assert_null(row_of(services, "stranger"));
    assert_null(row_of(checks, "strange-check"));
    assert_non_null(row_of(services, "consul"));
    assert_non_null(row_of(checks, "serfHealth"));
}

static void what_others_changed_is_put_right(void **state) {
    (void)state;
    add_service(&world, "{\"Name\":\"web\",\"Port\":80,\"Tags\":[\"mine\"]}");
    add_service(&world, "{\"Name\":\"eto\",\"Tags\":[\"mine\"],\"EnableTagOverride\":true}");
    sync_start();
    SYNCED();
    row_of(services, "web")->port = 81;
    strcpy(row_of(services, "web")->tags, "theirs ");
    strcpy(row_of(services, "eto")->tags, "theirs ");
    full_sync();
    assert_int_equal(row_of(services, "web")->port, 80);
    assert_string_equal(row_of(services, "web")->tags, "mine ");
    /* These tags are the catalog's to change. */
    assert_string_equal(row_of(services, "eto")->tags, "theirs ");
    struct catalog_service row = local_service_row(local_service_find(&world.local, "eto"));
    assert_string_equal(row.tags.items[0], "theirs");
}

static void without_a_leader_it_tries_again(void **state) {
    (void)state;
    has_no_leader = true;
    add_service(&world, "{\"Name\":\"web\"}");
    sync_start();
    WAIT_FOR(&world, refusals >= 3);
    assert_true(world.local.backoff_ms > 50);
    has_no_leader = false;
    SYNCED();
    assert_non_null(row_of(services, "web"));
    assert_int_equal(world.local.backoff_ms, 0);
}

static void a_change_during_a_write_is_not_lost(void **state) {
    (void)state;
    sync_start();
    SYNCED();
    holds_writes = true;
    add_service(&world, "{\"Name\":\"web\",\"Port\":1}");
    WAIT_FOR(&world, held_done);
    add_service(&world, "{\"Name\":\"web\",\"Port\":2}");
    holds_writes = false;
    co_written *done = held_done;
    held_done = NULL;
    done(held_arg, CO_OK, NULL, 1, NULL);
    SYNCED();
    assert_int_equal(row_of(services, "web")->port, 2);
}

static void was_stopped(void *arg) {
    *(bool *)arg = true;
}

static void stopping_waits_for_the_last_write(void **state) {
    (void)state;
    bool is_stopped = false;
    sync_start();
    SYNCED();
    holds_writes = true;
    add_service(&world, "{\"Name\":\"web\"}");
    WAIT_FOR(&world, held_done);
    local_sync_stop(&world.local, was_stopped, &is_stopped);
    assert_false(is_stopped);
    co_written *done = held_done;
    held_done = NULL;
    done(held_arg, CO_CANCELLED, NULL, 0, NULL);
    assert_true(is_stopped);
}

static void the_scale_follows_consuls_table(void **state) {
    (void)state;
    const struct {
        uint64_t members;
        uint32_t scale;
    } table[] = {{0, 1}, {1, 1}, {128, 1}, {129, 2}, {256, 2}, {257, 3}, {1000, 4}, {8192, 7}};
    for (size_t i = 0; i < CO_COUNT(table); i++) assert_int_equal(local_sync_scale(table[i].members), table[i].scale);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_service_arrives_with_its_checks_in_one_write, setup, teardown),
        cmocka_unit_test_setup_teardown(a_change_is_written_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(output_alone_waits_for_its_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(strangers_are_removed_but_not_the_leaders, setup, teardown),
        cmocka_unit_test_setup_teardown(what_others_changed_is_put_right, setup, teardown),
        cmocka_unit_test_setup_teardown(without_a_leader_it_tries_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_change_during_a_write_is_not_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(stopping_waits_for_the_last_write, setup, teardown),
        cmocka_unit_test(the_scale_follows_consuls_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
