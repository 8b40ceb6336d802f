/* The registry: start order, missing and circular needs, conflicts between offers, lookup. Works on descriptors alone. */
#include "core/registry.h"

#include "cohort/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

CO_SCHEMA(nothing_schema, struct co_duration, "Nothing", CO_FIELD(1, struct co_duration, ns, "NS", 0));

static co_status apply(struct co_apply *a, const void *request, void *reply, struct co_error *error) {
    (void)a, (void)request, (void)reply, (void)error;
    return CO_OK;
}
static co_status query(struct co_query *q, const void *request, void *reply, struct co_error *error) {
    (void)q, (void)request, (void)reply, (void)error;
    return CO_OK;
}

#define MODULE(NAME, NEEDS, OFFERS)                                                                                    \
    { .abi = CO_MODULE_ABI, .size = sizeof(struct co_module), .name = NAME, .needs = NEEDS, .offers = OFFERS }
#define LIST(...)                                                                                                      \
    (const char *const[]) {                                                                                            \
        __VA_ARGS__, NULL                                                                                              \
    }

static const struct co_offer no_offers[] = {{CO_OFFER_END, NULL, NULL, 0}};

static struct co_buffer said;

static void hear(void *arg, struct co_place place, const char *text) {
    (void)arg, (void)place;
    co_buffer_printf(&said, "%s\n", text);
}

static int tear_down(void **state) {
    (void)state;
    co_buffer_fini(&said);
    return 0;
}

static struct co_registry *make(const struct co_module *const *modules, struct co_slot *slots, struct co_slot **order,
                                size_t count) {
    struct co_registry *registry = NULL;
    for (size_t i = 0; i < count; i++) {
        slots[i] = (struct co_slot){.ctx.module = modules[i]};
        order[i] = &slots[i];
    }
    co_status status = co_registry_new(order, count, &registry, hear, NULL);
    assert_int_equal(status == CO_OK, registry != NULL);
    return registry;
}

static void modules_come_after_what_they_need(void **state) {
    (void)state;
    static const struct co_offer storage[] = {{CO_OFFER_STORAGE, "x", NULL, 1}, {CO_OFFER_END, NULL, NULL, 0}};
    const struct co_module kv = MODULE("kv", LIST("catalog", "storage"), no_offers),
                           catalog = MODULE("catalog", LIST("storage"), no_offers),
                           store = MODULE("store", NULL, storage), other = MODULE("other", NULL, no_offers);
    const struct co_module *const modules[] = {&other, &kv, &catalog, &store};
    struct co_slot slots[4], *order[4];
    struct co_registry *registry = make(modules, slots, order, 4);
    assert_non_null(registry);
    const char *const expected[] = {"other", "store", "catalog", "kv"};
    for (size_t i = 0; i < 4; i++) assert_string_equal(order[i]->ctx.module->name, expected[i]);
    assert_ptr_equal(co_registry_slot(registry, "kv"), &slots[1]);
    assert_null(co_registry_slot(registry, "absent"));
    co_registry_free(registry);
}

static void missing_needs_are_all_told(void **state) {
    (void)state;
    const struct co_module kv = MODULE("kv", LIST("storage", "catalog"), no_offers);
    const struct co_module *const modules[] = {&kv};
    struct co_slot slots[1], *order[1];
    assert_null(make(modules, slots, order, 1));
    assert_string_equal(
        co_buffer_text(&said),
        "module \"kv\" needs an implementation of storage, and none is loaded; add one to modules { storage \"...\" {} "
        "}\n"
        "module \"kv\" needs \"catalog\", which is not loaded; add it to modules { catalog {} } or disable kv\n");
}

static void circles_are_told_in_full(void **state) {
    (void)state;
    const struct co_module a = MODULE("a", LIST("b"), no_offers), b = MODULE("b", LIST("c"), no_offers),
                           c = MODULE("c", LIST("b"), no_offers);
    const struct co_module *const modules[] = {&a, &b, &c};
    struct co_slot slots[3], *order[3];
    assert_null(make(modules, slots, order, 3));
    assert_string_equal(co_buffer_text(&said), "modules need each other in a circle: b needs c needs b\n");
}

static void two_of_one_interface_conflict(void **state) {
    (void)state;
    static const struct co_offer lmdb[] = {{CO_OFFER_STORAGE, "lmdb", NULL, 1}, {CO_OFFER_END, NULL, NULL, 0}};
    static const struct co_offer memory[] = {{CO_OFFER_STORAGE, "memory", NULL, 1}, {CO_OFFER_END, NULL, NULL, 0}};
    const struct co_module x = MODULE("x", NULL, lmdb), y = MODULE("y", NULL, lmdb), z = MODULE("z", NULL, memory);
    const struct co_module *const same[] = {&x, &y}, *const other[] = {&x, &z};
    struct co_slot slots[2], *order[2];
    assert_null(make(same, slots, order, 2));
    assert_string_equal(co_buffer_text(&said), "storage \"lmdb\" is offered by both x and y; disable one of them\n");
    said.size = 0;
    assert_null(make(other, slots, order, 2));
    assert_string_equal(co_buffer_text(&said),
                        "two implementations of storage are loaded, \"lmdb\" by x and \"memory\" by z; keep one\n");
}

static const struct co_method methods_a[] = {
    {.name = "A.Write", .command = 900, .request = &nothing_schema, .apply = apply},
    {.name = "A.Read", .request = &nothing_schema, .query = query}};
static const struct co_method methods_b[] = {
    {.name = "B.Write", .command = 900, .request = &nothing_schema, .apply = apply},
    {.name = "A.Read", .request = &nothing_schema, .query = query}};
static const struct co_table tables_a[] = {{512, "a"}}, tables_b[] = {{512, "b"}},
                             tables_core[] = {{CO_TABLE_META, "mine"}};
static const struct co_route routes_a[] = {{.verbs = CO_GET | CO_PUT, .pattern = "/v1/a/:name/x"}};
static const struct co_route routes_b[] = {{.verbs = CO_PUT, .pattern = "/v1/a/:other/x"},
                                           {.verbs = CO_GET, .pattern = "/v1/a/:other"}};

static void offers_of_everything_must_be_unique(void **state) {
    (void)state;
    static const struct co_offer offers_a[] = {{CO_OFFER_METHODS, NULL, methods_a, 2},
                                               {CO_OFFER_TABLES, NULL, tables_a, 1},
                                               {CO_OFFER_ROUTES, NULL, routes_a, 1},
                                               {CO_OFFER_END, NULL, NULL, 0}};
    static const struct co_offer offers_b[] = {{CO_OFFER_METHODS, NULL, methods_b, 2},
                                               {CO_OFFER_TABLES, NULL, tables_b, 1},
                                               {CO_OFFER_ROUTES, NULL, routes_b, 2},
                                               {CO_OFFER_END, NULL, NULL, 0}};
    const struct co_module a = MODULE("a", NULL, offers_a), b = MODULE("b", NULL, offers_b);
    const struct co_module *const modules[] = {&a, &b};
    struct co_slot slots[2], *order[2];
    assert_null(make(modules, slots, order, 2));
    assert_string_equal(co_buffer_text(&said),
                        "command id 900 is offered by both a and b; disable one of them\n"
                        "method \"A.Read\" is offered by both a and b; disable one of them\n"
                        "route \"PUT /v1/a/:other/x\" is offered by both a and b; disable one of them\n"
                        "table 512 (b) is offered by both a and b; disable one of them\n");
}

static void faulty_rows_are_refused(void **state) {
    (void)state;
    static const struct co_method bad[] = {{.name = "Bad.Write", .command = 5, .request = &nothing_schema},
                                           {.name = "Bad.Read", .query = query}};
    static const struct co_offer offers[] = {
        {CO_OFFER_METHODS, NULL, bad, 2}, {CO_OFFER_TABLES, NULL, tables_core, 1}, {CO_OFFER_END, NULL, NULL, 0}};
    const struct co_module module = MODULE("bad", NULL, offers);
    const struct co_module *const modules[] = {&module};
    struct co_slot slots[1], *order[1];
    assert_null(make(modules, slots, order, 1));
    assert_string_equal(co_buffer_text(&said), "bad: method \"Bad.Write\" lacks apply\n"
                                               "bad: method \"Bad.Read\" lacks its request schema\n"
                                               "bad: table 1 (mine) is outside the range of modules (3 to 1023)\n");
}

static void note_table(void *arg, const struct co_table *table) {
    co_buffer_printf(arg, "%u %s, ", table->id, table->name);
}

static void methods_commands_and_tables_are_found(void **state) {
    (void)state;
    static const struct co_offer offers[] = {
        {CO_OFFER_METHODS, NULL, methods_a, 2}, {CO_OFFER_TABLES, NULL, tables_a, 1}, {CO_OFFER_END, NULL, NULL, 0}};
    const struct co_module module = MODULE("a", NULL, offers);
    const struct co_module *const modules[] = {&module};
    struct co_slot slots[1], *order[1];
    struct co_registry *registry = make(modules, slots, order, 1);
    int self;
    slots[0].ctx.self = &self;
    co_registry_attach(registry);
    assert_ptr_equal(co_registry_find_method(registry, "A.Write")->method, &methods_a[0]);
    assert_ptr_equal(co_registry_find_method(registry, "A.Read")->self, &self);
    assert_null(co_registry_find_method(registry, "A.Rea"));
    assert_ptr_equal(co_registry_command(registry, 900)->method, &methods_a[0]);
    assert_ptr_equal(co_registry_method(registry, &methods_a[1])->ctx, &slots[0].ctx);
    assert_null(co_registry_command(registry, 0));
    assert_null(co_registry_command(registry, 901));
    assert_null(co_registry_command(registry, 65535));
    co_registry_tables(registry, note_table, &said);
    assert_string_equal(co_buffer_text(&said), "1 meta, 2 index, 512 a, ");
    co_registry_free(registry);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(modules_come_after_what_they_need, tear_down),
        cmocka_unit_test_teardown(missing_needs_are_all_told, tear_down),
        cmocka_unit_test_teardown(circles_are_told_in_full, tear_down),
        cmocka_unit_test_teardown(two_of_one_interface_conflict, tear_down),
        cmocka_unit_test_teardown(offers_of_everything_must_be_unique, tear_down),
        cmocka_unit_test_teardown(faulty_rows_are_refused, tear_down),
        cmocka_unit_test_teardown(methods_commands_and_tables_are_found, tear_down),
    };
    return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
