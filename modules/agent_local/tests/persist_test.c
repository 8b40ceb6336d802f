/* What the API registered comes back after a restart, unless the configuration has it; broken files are set aside. */
#include "local_world.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

static struct world world;
static char data_dir[] = "/tmp/agent_local_persist_XXXXXX";

static int setup(void **state) {
    (void)state;
    snprintf(data_dir, sizeof data_dir, "/tmp/agent_local_persist_XXXXXX");
    assert_non_null(mkdtemp(data_dir));
    world_new(&world, data_dir);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    char command[100];
    world_free(&world);
    snprintf(command, sizeof command, "rm -rf %s", data_dir);
    return system(command);
}

static void restart(void) {
    world_free(&world);
    world_new(&world, data_dir);
}

/* As the agent starts without services of its own. */
static void load_kept(void) {
    local_persist_load_services(&world.local);
    local_persist_load_checks(&world.local);
}

static size_t files(const char *folder, const char *suffix) {
    char path[200];
    size_t count = 0;
    snprintf(path, sizeof path, "%s/%s", data_dir, folder);
    DIR *dir = opendir(path);
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) count += entry->d_type == DT_REG && strstr(entry->d_name, suffix) != NULL;
    if (dir) closedir(dir);
    return count;
}

/* As the route does it. */
static void register_service(const char *text, const char *id, const char *check) {
    assert_int_equal(add_service(&world, text), CO_OK);
    local_persist_service(&world.local, local_service_find(&world.local, id)->def);
    if (check) local_persist_check(&world.local, local_check_find(&world.local, check)->def);
}

static void registrations_come_back(void **state) {
    (void)state;
    register_service("{\"Name\":\"web\",\"Port\":80,\"Tags\":[\"a\"],\"Check\":{\"TTL\":\"1h\",\"Notes\":\"why\"}}",
                     "web", "service:web");
    assert_int_equal(add_check(&world, "{\"Name\":\"node check\",\"ID\":\"nc\",\"Fake\":\"f\",\"Interval\":\"10s\"}"),
                     CO_OK);
    local_persist_check(&world.local, local_check_find(&world.local, "nc")->def);
    struct local_check_def *def =
        local_maintenance_def("_node_maintenance", "Node Maintenance Mode", "", "because", true);
    local_check_add(&world.local, def, NULL);
    local_persist_check(&world.local, local_check_find(&world.local, "_node_maintenance")->def);
    local_ttl_report(&world.local, "service:web", CO_WARNING, "hm", 2, NULL);
    assert_int_equal(files("services", ".json"), 1);
    assert_int_equal(files("checks", ".json"), 3);
    restart();
    load_kept();
    const struct local_service *web = local_service_find(&world.local, "web");
    assert_non_null(web);
    assert_true(web->def->is_remote);
    assert_int_equal(web->def->row.port, 80);
    assert_string_equal(web->def->row.tags.items[0], "a");
    const struct local_check *check = local_check_find(&world.local, "service:web");
    assert_string_equal(check->def->name, "Service 'web' check");
    assert_string_equal(check->def->service_id, "web");
    assert_string_equal(check->def->notes, "why");
    assert_int_equal(check->health, CO_WARNING); /* the report is still good */
    assert_string_equal(check->output, "hm");
    assert_string_equal(local_check_find(&world.local, "nc")->def->type, "fake");
    assert_string_equal(local_check_find(&world.local, "_node_maintenance")->def->notes, "because");
    assert_string_equal(local_check_find(&world.local, "_node_maintenance")->def->type, "maintenance");
}

static void removed_ones_stay_away(void **state) {
    (void)state;
    register_service("{\"Name\":\"web\",\"Check\":{\"TTL\":\"1h\"}}", "web", "service:web");
    local_ttl_report(&world.local, "service:web", CO_PASSING, "", 0, NULL);
    local_service_remove(&world.local, local_service_find(&world.local, "web"));
    assert_int_equal(files("services", ""), 0);
    assert_int_equal(files("checks", ""), 0);
    assert_int_equal(files("checks/state", ""), 0);
}

static void the_configuration_wins(void **state) {
    (void)state;
    register_service("{\"Name\":\"web\",\"Port\":80}", "web", NULL);
    register_service("{\"Name\":\"db\"}", "db", NULL);
    restart();
    local_persist_load_services(&world.local);
    /* The check's service is one that the API brought. */
    assert_int_equal(
        load_config(
            &world,
            "service { name = \"web\" port = 8080 }\ncheck { name = \"on-db\" service_id = \"db\" ttl = \"1h\" }"),
        CO_OK);
    local_persist_load_checks(&world.local);
    assert_non_null(local_check_find(&world.local, "on-db"));
    assert_int_equal(local_service_find(&world.local, "web")->def->row.port, 8080);
    assert_int_equal(files("services", ""), 1);
}

static void old_reports_are_forgotten(void **state) {
    (void)state;
    char text[] = "{\"Name\":\"t\",\"TTL\":\"1h\"}";
    add_check(&world, text);
    local_persist_check(&world.local, local_check_find(&world.local, "t")->def);
    local_ttl_report(&world.local, "t", CO_PASSING, "", 0, NULL);
    local_check_find(&world.local, "t")->ttl_due_ms = 0;
    local_persist_state(&world.local, local_check_find(&world.local, "t"));
    int64_t second = co_wall_ns() / CO_SECOND;
    WAIT_FOR(&world, co_wall_ns() / CO_SECOND > second);
    restart();
    load_kept();
    ASSERT_STATUS(&world, "t", "critical");
    assert_int_equal(files("checks/state", ".json"), 0);
}

static void write_file(const char *name, const char *text) {
    char path[200];
    snprintf(path, sizeof path, "%s/%s", data_dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void broken_files_are_set_aside(void **state) {
    (void)state;
    register_service("{\"Name\":\"web\"}", "web", NULL);
    write_file("services/cut.json", "{\"Service\":{\"Na");
    write_file("services/empty.json", "");
    write_file("services/list.json", "[]");
    write_file("services/other.json", "{\"Thing\":1}");
    write_file("checks/noname.json", "{\"Check\":{\"TTL\":\"5s\"}}");
    write_file("checks/state/x.json", "{\"CheckID\":1}");
    restart();
    load_kept();
    assert_non_null(local_service_find(&world.local, "web"));
    assert_int_equal(files("services", ".broken"), 4);
    assert_int_equal(files("checks", ".broken"), 1);
    assert_int_equal(files("checks/state", ".broken"), 1);
    assert_int_equal(files("services", ".tmp"), 0);
}

/* Scripts were allowed once: the check rests until they are again. */
static void what_is_not_allowed_now_is_kept(void **state) {
    (void)state;
    world.local.now.enable_script_checks = true;
    assert_int_equal(add_check(&world, "{\"Name\":\"s\",\"Args\":[\"true\"],\"Interval\":\"10s\"}"), CO_OK);
    local_persist_check(&world.local, local_check_find(&world.local, "s")->def);
    restart();
    load_kept();
    assert_null(local_check_find(&world.local, "s"));
    assert_int_equal(files("checks", ".broken"), 0);
    restart();
    world.local.now.enable_script_checks = true;
    load_kept();
    assert_non_null(local_check_find(&world.local, "s"));
}

static void files_are_private(void **state) {
    (void)state;
    struct stat info;
    char path[200];
    register_service("{\"Name\":\"web\",\"Token\":\"secret\"}", "web", NULL);
    snprintf(path, sizeof path, "%s/services", data_dir);
    DIR *dir = opendir(path);
    struct dirent *entry;
    while ((entry = readdir(dir)))
        if (entry->d_type == DT_REG) {
            assert_int_equal(fstatat(dirfd(dir), entry->d_name, &info, 0), 0);
            assert_int_equal(info.st_mode & 0777, 0600);
        }
    closedir(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(registrations_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(removed_ones_stay_away, setup, teardown),
        cmocka_unit_test_setup_teardown(the_configuration_wins, setup, teardown),
        cmocka_unit_test_setup_teardown(old_reports_are_forgotten, setup, teardown),
        cmocka_unit_test_setup_teardown(broken_files_are_set_aside, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_allowed_now_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(files_are_private, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
