/* Module check_script: a check that runs a program. check_script.c is the probe, script_run.c the process. */
#include "check_script.h"

CO_SCHEMA(check_script_schema, struct check_script_settings, "ScriptCheck",
          CO_FIELD(0, struct check_script_settings, args, "Args", CO_REQUIRED, .config = "args",
                   .doc = "The program and its arguments, as a list; no shell is involved."));

static const struct co_checker checker = {
    .type = "args",
    .label = "script",
    .settings = &check_script_schema,
    .state_size = sizeof(struct check_script),
    .default_timeout_ns = 30 * CO_SECOND,
    .open = check_script_open,
    .probe = check_script_probe,
    .cancel = check_script_cancel,
    .close = check_script_close,
};

/* Processes of checks that went away shortly before the end. */
static void fini(void *self) {
    struct check_script_module *module = self;
    while (module->runs) {
        script_run_kill(module->runs);
        script_run_free(module->runs);
    }
}

static const struct co_offer offers[] = {{CO_OFFER_CHECKER, "args", &checker, 1}, {CO_OFFER_END, NULL, NULL, 0}};

const struct co_module CO_MODULE_SYMBOL(check_script) = {
    .abi = CO_MODULE_ABI,
    .size = sizeof(struct co_module),
    .name = "check_script",
    .summary = "health checks that run a program",
    .state_size = sizeof(struct check_script_module),
    .offers = offers,
    .fini = fini,
};
