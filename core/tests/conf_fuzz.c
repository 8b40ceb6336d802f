/* Fuzzing the configuration behind the parser: the plan of modules, the agent's settings and their rules, address templates,
 * the judgement of unknown keys. Loads no module: a configuration may name any file. */
#include "core/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct co_conf conf = {.users = 1};
    if (size > 1 << 16) return 0;
    conf.problems.arena = &conf.arena;
    char *text = co_arena_text(&conf.arena, size ? (const char *)data : "", size);
    struct co_conf_source source = {CO_CONF_TEXT, text, "fuzz"};
    struct co_conf_input input = {.sources = &source, .count = 1, .is_dev = size % 2 == 0};
    conf.root = co_conf_read(&conf.arena, &input, &conf.problems);
    conf.plan = co_conf_plan(&conf.arena, conf.root, input.is_dev, &conf.problems);
    co_conf_settings(&conf, &input);
    const struct co_schema *schemas[] = {&co_agent_settings_schema};
    co_conf_unknown(conf.root, schemas, 1, &conf.arena, &conf.problems);
    struct co_buffer out = {0};
    for (size_t i = 0; i < conf.problems.count; i++) co_conf_problem_write(&conf.problems.items[i], &out);
    co_buffer_fini(&out);
    co_arena_fini(&conf.arena);
    return 0;
}
