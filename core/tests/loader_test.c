/* Loading: what is found where, and whether the reason of a failure is the true one. */
#include "core/loader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static struct co_arena arena;

static int set_up(void **state) {
    (void)state;
    setenv("COHORT_MODULE_PATH", FIXTURE_DIR, 1);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    co_arena_fini(&arena);
    return 0;
}

static void assert_refused(const char *name, const char *path, co_status status, const char *const *parts) {
    struct co_loaded loaded;
    struct co_error error = {0};
    assert_int_equal(co_loader_open(&arena, name, path, &loaded, &error), status);
    for (; *parts; parts++)
        if (!strstr(error.text, *parts)) fail_msg("\"%s\" lacks \"%s\"", error.text, *parts);
}
#define REFUSED(name, path, status, ...) assert_refused(name, path, status, (const char *const[]){__VA_ARGS__, NULL})

static void a_good_module_is_found_by_name_and_by_path(void **state) {
    (void)state;
    struct co_loaded loaded;
    assert_int_equal(co_loader_open(&arena, "fx_good", NULL, &loaded, NULL), CO_OK);
    assert_string_equal(loaded.module->name, "fx_good");
    assert_string_equal(loaded.file, FIXTURE_DIR "/fx_good.so");
    const struct co_module *first = loaded.module;
    assert_int_equal(co_loader_open(&arena, "fx_good", FIXTURE_DIR "/fx_good.so", &loaded, NULL), CO_OK);
    assert_ptr_equal(loaded.module, first);
}

static void a_missing_module_names_the_places_and_what_was_meant(void **state) {
    (void)state;
    REFUSED("fx_godo", NULL, CO_NOT_FOUND, "no fx_godo.so in " FIXTURE_DIR, "did you mean \"fx_good\"?");
    REFUSED("fx_good", "/nowhere/fx_good.so", CO_IO, "/nowhere/fx_good.so", "No such file");
}

static void a_name_is_not_a_path(void **state) {
    (void)state;
    REFUSED("../fx_good", NULL, CO_INVALID, "not a module name");
    REFUSED("", NULL, CO_INVALID, "not a module name");
}

static void a_broken_file_gets_the_linkers_reason(void **state) {
    (void)state;
    REFUSED("fx_text", NULL, CO_INVALID, "fx_text.so cannot be loaded", "it is not a shared object");
}

static void a_wrong_descriptor_says_what_is_wrong(void **state) {
    (void)state;
    REFUSED("fx_nosymbol", NULL, CO_INVALID, "no symbol fx_nosymbol_LTX_cohort_module");
    REFUSED("fx_abi", NULL, CO_INVALID, "built for module ABI 2, this agent has 1; rebuild it");
    REFUSED("fx_small", NULL, CO_INVALID, "descriptor of 24 bytes");
    REFUSED("fx_name", NULL, CO_INVALID, "calls itself \"fx_other\" instead of \"fx_name\"");
}

static void names_are_listed_once_and_sorted(void **state) {
    (void)state;
    setenv("COHORT_MODULE_PATH", FIXTURE_DIR ":" FIXTURE_DIR ":/nowhere", 1);
    struct co_strings names = co_loader_names(&arena);
    size_t seen = 0;
    for (size_t i = 0; i < names.count; i++) {
        if (i) assert_true(strcmp(names.items[i - 1], names.items[i]) < 0);
        seen += strcmp(names.items[i], "fx_good") == 0;
    }
    assert_int_equal(seen, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_good_module_is_found_by_name_and_by_path, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_missing_module_names_the_places_and_what_was_meant, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_name_is_not_a_path, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_broken_file_gets_the_linkers_reason, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_wrong_descriptor_says_what_is_wrong, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_are_listed_once_and_sorted, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("loader", tests, NULL, NULL);
}
