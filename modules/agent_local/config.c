/* Services and checks from configuration files. All of them are read before anything changes, so that a reload with a mistake
 * changes nothing; what a file no longer has goes away, what the API brought stays. */
#include "agent_local.h"

#include <stdlib.h>

/* Everything that the files define, not in use yet. */
struct wanted {
    struct local_service_def **services;
    struct local_check_def **checks;
    size_t service_count, check_count;
};

static void duplicate(struct local_report *report, struct co_place place, const char *what, const char *id) {
    local_report_add(report, CO_INVALID, place, "%s \"%s\" is defined a second time; give one of them another id", what,
                     id);
}

static void services_read(struct agent_local *self, const struct co_trees *trees, struct wanted *wanted,
                          struct local_report *report) {
    for (size_t i = 0; i < trees->count; i++) {
        struct local_service_def *def = local_service_parse(self, trees->items[i], false, report);
        if (!def) continue;
        for (size_t j = 0; j < wanted->service_count; j++)
            if (!strcmp(wanted->services[j]->row.id, def->row.id))
                duplicate(report, trees->items[i]->place, "service", def->row.id);
        wanted->services[wanted->service_count++] = def;
    }
}

static void checks_read(struct agent_local *self, const struct co_trees *trees, struct wanted *wanted,
                        struct local_report *report) {
    for (size_t i = 0; i < trees->count; i++) {
        struct local_check_def *def = local_check_parse(self, trees->items[i], false, NULL, 0, report);
        if (!def) continue;
        for (size_t j = 0; j < wanted->check_count; j++)
            if (!strcmp(wanted->checks[j]->id, def->id)) duplicate(report, trees->items[i]->place, "check", def->id);
        wanted->checks[wanted->check_count++] = def;
    }
}

/* A check of the files may belong to a service of the files or to one that the API brought. */
static void owners_check(struct agent_local *self, const struct wanted *wanted, struct local_report *report) {
    for (size_t i = 0; i < wanted->check_count; i++) {
        const char *id = wanted->checks[i]->service_id;
        const struct local_service *known = local_service_find(self, id);
        bool is_found = !*id || (known && known->def->is_remote);
        for (size_t j = 0; j < wanted->service_count && !is_found; j++)
            is_found = !strcmp(wanted->services[j]->row.id, id);
        if (!is_found)
            local_report_add(report, CO_INVALID, (struct co_place){0}, "check \"%s\": ServiceID \"%s\" does not exist",
                             wanted->checks[i]->id, id);
    }
}

static bool is_wanted_service(const struct wanted *wanted, const char *id) {
    for (size_t i = 0; i < wanted->service_count; i++)
        if (!strcmp(wanted->services[i]->row.id, id)) return true;
    return false;
}

static bool is_wanted_check(const struct wanted *wanted, const char *id) {
    for (size_t i = 0; i < wanted->check_count; i++)
        if (!strcmp(wanted->checks[i]->id, id)) return true;
    return false;
}

static void remove_unwanted(struct agent_local *self, const struct wanted *wanted) {
    for (size_t i = 0; i < self->services.count; i++) {
        struct local_service *service = self->services.items[i];
        if (service->def && !service->def->is_remote && !is_wanted_service(wanted, service->id))
            local_service_remove(self, service);
    }
    for (size_t i = 0; i < self->checks.count; i++) {
        struct local_check *check = self->checks.items[i];
        if (!check->def || check->def->is_remote || check->def->is_part || !check->def->kind) continue;
        if (!is_wanted_check(wanted, check->id)) local_check_remove(self, check);
    }
}

/* A service whose definition is the old one word for word goes on as it is. */
static bool is_unchanged(struct agent_local *self, const struct local_service_def *def) {
    const struct local_service *service = local_service_find(self, def->row.id);
    return service && !service->def->is_remote && !strcmp(service->def->text, def->text);
}

static co_status apply(struct agent_local *self, struct wanted *wanted, struct co_error *error) {
    co_status status = CO_OK;
    remove_unwanted(self, wanted);
    for (size_t i = 0; i < wanted->service_count; i++) {
        struct local_service_def *def = wanted->services[i];
        wanted->services[i] = NULL;
        if (is_unchanged(self, def)) {
            local_service_def_free(def);
            continue;
        }
        co_status one = local_service_add(self, def, true, status ? NULL : error);
        if (one && !status) status = one;
    }
    for (size_t i = 0; i < wanted->check_count; i++) {
        struct local_check_def *def = wanted->checks[i];
        wanted->checks[i] = NULL;
        co_status one = local_check_add(self, def, status ? NULL : error);
        if (one && !status) status = one;
    }
    return status;
}

static void scalars_take(struct agent_local *self, const struct local_settings *config) {
    self->now = *config;
    self->now.service = self->now.services = self->now.check = self->now.checks = (struct co_trees){0};
    if (self->now.check_output_max_size <= 0) self->now.check_output_max_size = LOCAL_OUTPUT_MAX_DEFAULT;
}

static void gather_checker(void *arg, const struct co_module *module, void *module_self, const struct co_offer *offer) {
    struct agent_local *self = arg;
    const struct co_checker *checkers = offer->table;
    (void)module;
    for (size_t i = 0; i < offer->count && self->checker_count < LOCAL_CHECKER_MAX; i++)
        self->checkers[self->checker_count++] = (struct local_checker){&checkers[i], module_self};
}

void local_checkers_gather(struct agent_local *self) {
    co_ctx_offers(self->ctx, CO_OFFER_CHECKER, gather_checker, self);
}

/* Everything but who owns which check. */
static void wanted_read(struct agent_local *self, const struct local_settings *config, struct wanted *wanted,
                        struct local_report *report) {
    wanted->services = co_calloc(config->service.count + config->services.count + 1, sizeof *wanted->services);
    wanted->checks = co_calloc(config->check.count + config->checks.count + 1, sizeof *wanted->checks);
    services_read(self, &config->service, wanted, report);
    services_read(self, &config->services, wanted, report);
    checks_read(self, &config->check, wanted, report);
    checks_read(self, &config->checks, wanted, report);
}

static void wanted_free(struct wanted *wanted) {
    for (size_t i = 0; i < wanted->service_count; i++) local_service_def_free(wanted->services[i]);
    for (size_t i = 0; i < wanted->check_count; i++) local_check_def_free(wanted->checks[i]);
    free(wanted->services);
    free(wanted->checks);
}

/* Which services the API brought is not known here, so that a check of theirs is judged when the agent starts. */
void local_config_check(struct co_ctx *ctx, const void *config, co_problem *problem, void *problem_arg) {
    struct agent_local *self = co_calloc(1, sizeof *self);
    struct local_report report = {.is_config = true, .problem = problem, .problem_arg = problem_arg};
    const struct local_settings *settings = config;
    struct wanted wanted = {0};
    self->ctx = ctx;
    self->log = co_ctx_log(ctx);
    self->agent = co_ctx_agent(ctx);
    local_checkers_gather(self);
    scalars_take(self, settings);
    wanted_read(self, settings, &wanted, &report);
    wanted_free(&wanted);
    free(self);
}

co_status local_config_load(struct agent_local *self, const struct local_settings *config, struct co_error *error) {
    struct local_settings before = self->now;
    struct local_report report = {.is_config = true, .error = error};
    struct wanted wanted = {0};
    co_status status = CO_OK;
    scalars_take(self, config);
    wanted_read(self, config, &wanted, &report);
    owners_check(self, &wanted, &report);
    if (report.count) {
        status = CO_INVALID;
        self->now = before;
    } else {
        status = apply(self, &wanted, error);
    }
    wanted_free(&wanted);
    return status;
}
