/* Bodies of registrations and kept files: any JSON, first as a service, then as a check. */
#include "agent_local/agent_local.h"

extern const struct co_module check_ttl_LTX_cohort_module, check_http_LTX_cohort_module, check_tcp_LTX_cohort_module,
    check_script_LTX_cohort_module;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_service(struct agent_local *self, const struct co_node *node, bool is_config) {
    struct co_error error = {0};
    struct local_report report = {.is_config = is_config, .error = &error};
    struct local_service_def *def = local_service_parse(self, node, !is_config, &report);
    co_assert(!def == (report.count > 0));
    local_service_def_free(def);
}

static void try_check(struct agent_local *self, const struct co_node *node, bool is_config) {
    struct co_error error = {0};
    struct local_report report = {.is_config = is_config, .error = &error};
    struct local_check_def *def = local_check_parse(self, node, !is_config, NULL, 0, &report);
    co_assert(!def == (report.count > 0));
    if (def) co_assert(def->kind && *def->id && *def->name);
    local_check_def_free(def);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct co_module *modules[] = {&check_ttl_LTX_cohort_module, &check_http_LTX_cohort_module,
                                         &check_tcp_LTX_cohort_module, &check_script_LTX_cohort_module};
    struct agent_local self = {.now = {.enable_script_checks = true, .check_output_max_size = 4096}};
    struct co_arena arena = CO_ARENA_INIT;
    struct co_node *node = NULL;
    for (size_t i = 0; i < CO_COUNT(modules); i++)
        self.checkers[self.checker_count++].checker = modules[i]->offers[0].table;
    if (size < 65536 && co_tree_parse_body(&arena, co_bytes(data, size), &node, NULL) == CO_OK) {
        for (int i = 0; i < 2; i++) {
            try_service(&self, node, i);
            try_check(&self, node, i);
        }
    }
    co_arena_fini(&arena);
    return 0;
}
