/* A health checker to start from: "template" passes when a file exists. Rename check_template and template throughout. */
#include <cohort/checker.h>
#include <unistd.h>

/* The keys of a check definition that belong to this checker. The field named like the type selects it:
 *     check { name = "flag" template = "/run/ready" interval = "10s" } */
struct settings {
    const char *template;
};
CO_SCHEMA(settings_schema, struct settings, "TemplateCheck",
          CO_FIELD(0, struct settings, template, "Template", CO_REQUIRED, .doc = "Path of the file that must exist."));

/* One per check. Allocated zeroed by the agent; freed by it after close. */
struct state {
    const char *path;
};

static co_status state_open(const struct co_checker_env *env, void *self, const void *settings,
                            struct co_error *error) {
    struct state *state = self;
    (void)env;
    state->path = ((const struct settings *)settings)->template;
    if (state->path[0] != '/')
        return co_fail(error, CO_INVALID, "template = \"%s\" must be an absolute path", state->path);
    return CO_OK;
}

/* Must not block: wait with co_io or co_timer, or compute in a co_job, and call co_probe_done* when the answer is there. */
static void state_probe(void *self, struct co_probe *probe) {
    struct state *state = self;
    if (access(state->path, F_OK) == 0)
        co_probe_donef(probe, CO_PASSING, "%s exists", state->path);
    else
        co_probe_donef(probe, CO_CRITICAL, "%s does not exist", state->path);
}

/* Called when the time is over or the check goes away while a probe is under way. This one is never under way. */
static void state_cancel(void *self) {
    (void)self;
}

static const struct co_checker checker = {
    .type = "template",
    .label = "template",
    .settings = &settings_schema,
    .state_size = sizeof(struct state),
    .open = state_open,
    .probe = state_probe,
    .cancel = state_cancel,
};

static const struct co_offer offers[] = {
    {CO_OFFER_CHECKER, "template", &checker, 1},
    {CO_OFFER_END, NULL, NULL, 0},
};

const struct co_module CO_MODULE_SYMBOL(check_template) = {
    .abi = CO_MODULE_ABI,
    .size = sizeof(struct co_module),
    .name = "check_template",
    .summary = "health checker: a file exists",
    .offers = offers,
};
