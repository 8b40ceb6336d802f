/* What this node runs: its services and checks by id. An item that was removed stays, without a definition, until the
 * catalog has forgotten it too. Re-registration keeps the health of a check, so that nothing flaps. It refuses to know how
 * health is found out, how the catalog is told and where definitions are kept. */
#include "agent_local.h"

#include <stdlib.h>

static size_t place_of(const struct local_set *set, const char *id) {
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(*(char *const *)set->items[middle], id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void *local_set_find(const struct local_set *set, const char *id) {
    size_t at = place_of(set, id);
    return at < set->count && !strcmp(*(char *const *)set->items[at], id) ? set->items[at] : NULL;
}

void local_set_add(struct local_set *set, void *item) {
    size_t at = place_of(set, *(char *const *)item);
    if (set->count == set->room) {
        set->room = set->room ? set->room * 2 : 8;
        set->items = co_realloc(set->items, set->room * sizeof *set->items);
    }
    memmove(set->items + at + 1, set->items + at, (set->count - at) * sizeof *set->items);
    set->items[at] = item;
    set->count++;
}

void local_set_remove(struct local_set *set, void *item) {
    size_t at = place_of(set, *(char *const *)item);
    co_assert(at < set->count && set->items[at] == item);
    set->count--;
    memmove(set->items + at, set->items + at + 1, (set->count - at) * sizeof *set->items);
}

void local_set_fini(struct local_set *set) {
    free(set->items);
    *set = (struct local_set){0};
}

struct local_service *local_service_find(struct agent_local *self, const char *id) {
    struct local_service *service = local_set_find(&self->services, id);
    return service && service->def ? service : NULL;
}

struct local_check *local_check_find(struct agent_local *self, const char *id) {
    struct local_check *check = local_set_find(&self->checks, id);
    return check && check->def ? check : NULL;
}

static void tags_forget(struct local_service *service) {
    co_arena_fini(&service->tags_arena);
    service->tags = (struct co_strings){0};
    service->has_tags = false;
}

/* --- checks --- */

static co_status checker_open(struct agent_local *self, const struct local_check_def *def, void **state,
                              struct co_error *error) {
    const struct co_checker *checker = def->kind ? def->kind->checker : NULL;
    struct co_checker_env env = {.loop = self->loop,
                                 .log = self->log,
                                 .ctx = self->ctx,
                                 .timeout_ns = def->timeout_ns,
                                 .interval_ns = def->interval_ns,
                                 .output_max = (uint64_t)def->output_max,
                                 .is_remote = def->is_remote};
    co_status status;
    *state = NULL;
    if (!checker || checker->is_passive || checker->state_size == 0) return CO_OK;
    env.module = def->kind->module;
    *state = co_calloc(1, checker->state_size);
    status = checker->open ? checker->open(&env, *state, def->settings, error) : CO_OK;
    if (!status) return CO_OK;
    free(*state);
    *state = NULL;
    if (error) error->status = CO_INVALID;
    return co_fail_context(error, "Invalid check");
}

static enum co_health health_of(const char *status) {
    if (!strcmp(status, "passing")) return CO_PASSING;
    return strcmp(status, "warning") ? CO_CRITICAL : CO_WARNING;
}

/* The check as the catalog shows it carries the service's name and tags of its registration. */
static void service_parts_copy(struct local_check *check, const struct catalog_service *row) {
    struct co_arena *arena = &check->def->arena;
    check->service_name = "";
    check->service_tags = (struct co_strings){0};
    if (!row) return;
    check->service_name = co_arena_strdup(arena, row->service);
    check->service_tags.items = co_arena_array(arena, const char *, row->tags.count + 1);
    for (size_t i = 0; i < row->tags.count; i++)
        check->service_tags.items[check->service_tags.count++] = co_arena_strdup(arena, row->tags.items[i]);
}

static bool is_same_check(const struct local_check_def *a, const struct local_check_def *b) {
    return !a->is_remote && !b->is_remote && a->is_part == b->is_part && a->output_max == b->output_max &&
           !strcmp(a->text, b->text) && !strcmp(a->id, b->id) && !strcmp(a->service_id, b->service_id) &&
           !strcmp(a->name, b->name);
}

co_status local_check_add(struct agent_local *self, struct local_check_def *def, struct co_error *error) {
    struct local_check *check = local_set_find(&self->checks, def->id);
    const struct local_service *service = NULL;
    bool was_alive = check && check->def;
    void *state = NULL;
    co_status status;
    if (*def->service_id && !(service = local_service_find(self, def->service_id))) {
        status = co_fail(error, CO_INTERNAL, "ServiceID \"%s\" does not exist", def->service_id);
        local_check_def_free(def);
        return status;
    }
    if (was_alive && is_same_check(check->def, def)) {
        /* Nothing new in the file: the check goes on, with what the service is called now. */
        service_parts_copy(check, service ? &service->def->row : NULL);
        local_sync_changed(self, &check->sync);
        local_check_def_free(def);
        return CO_OK;
    }
    status = checker_open(self, def, &state, error);
    if (status) {
        local_check_def_free(def);
        return status;
    }
    if (!check) {
        check = co_calloc(1, sizeof *check);
        check->id = co_strdup(def->id);
        check->owner = self;
        check->sync.is_check = true;
        local_set_add(&self->checks, check);
    }
    if (was_alive) {
        if (check->def->is_remote && !def->is_remote) local_persist_forget_check(self, check->id);
        local_check_stop(check);
        local_check_def_free(check->def);
    } else {
        free(check->output);
        check->output = co_strdup("");
        check->health = health_of(def->status);
        check->critical_since_ms = 0;
    }
    check->def = def;
    check->state = state;
    service_parts_copy(check, service ? &service->def->row : NULL);
    local_check_start(check);
    local_sync_changed(self, &check->sync);
    return CO_OK;
}

void local_check_remove(struct agent_local *self, struct local_check *check) {
    local_check_stop(check);
    local_persist_forget_check(self, check->id);
    local_check_def_free(check->def);
    check->def = NULL;
    local_sync_changed(self, &check->sync);
}

void local_check_drop(struct agent_local *self, struct local_check *check) {
    local_set_remove(&self->checks, check);
    free(check->output);
    free(check->id);
    free(check);
}

/* --- services --- */

static bool is_listed(const struct local_check_def *const *defs, size_t count, const char *id) {
    for (size_t i = 0; i < count; i++)
        if (!strcmp(defs[i]->id, id)) return true;
    return false;
}

/* Removes checks of the service that its new definition no longer has. From a file: those that a file brought. */
static void checks_prune(struct agent_local *self, const struct local_service_def *def, struct co_strings kept) {
    for (size_t i = 0; i < self->checks.count; i++) {
        struct local_check *check = self->checks.items[i];
        bool is_kept = false;
        if (!check->def || strcmp(check->def->service_id, def->row.id) || !check->def->kind) continue;
        if (!def->is_remote && !check->def->is_part) continue;
        for (size_t j = 0; j < kept.count && !is_kept; j++) is_kept = !strcmp(kept.items[j], check->id);
        if (!is_kept) local_check_remove(self, check);
    }
}

static void service_install(struct agent_local *self, struct local_service_def *def) {
    struct local_service *service = local_set_find(&self->services, def->row.id);
    if (!service) {
        service = co_calloc(1, sizeof *service);
        service->id = co_strdup(def->row.id);
        local_set_add(&self->services, service);
    }
    if (service->def && service->def->is_remote && !def->is_remote) local_persist_forget_service(self, service->id);
    if (service->def) local_service_def_free(service->def);
    tags_forget(service);
    service->def = def;
    local_sync_changed(self, &service->sync);
}

co_status local_service_add(struct agent_local *self, struct local_service_def *def, bool replace_checks,
                            struct co_error *error) {
    struct local_check_def **checks = def->checks;
    size_t count = def->check_count, done = 0;
    struct co_strings kept = {co_arena_array(&def->arena, const char *, count + 1), 0};
    co_status status = CO_OK;
    /* Tried first, so that a service whose check is refused changes nothing. */
    for (size_t i = 0; i < count && !status; i++) {
        void *state = NULL;
        if (is_listed((const struct local_check_def *const *)checks, i, checks[i]->id))
            status = co_fail(error, CO_INVALID, "Invalid check: the ID \"%s\" is used twice in service \"%s\"",
                             checks[i]->id, def->row.id);
        if (!status) status = checker_open(self, checks[i], &state, error);
        if (!status && state) {
            if (checks[i]->kind->checker->close) checks[i]->kind->checker->close(state);
            free(state);
        }
    }
    if (status) {
        local_service_def_free(def);
        return status;
    }
    def->check_count = 0;
    for (size_t i = 0; i < count; i++) kept.items[kept.count++] = co_arena_strdup(&def->arena, checks[i]->id);
    service_install(self, def);
    for (; done < count; done++) {
        co_status one = local_check_add(self, checks[done], error); /* takes it over in any case */
        if (one && !status) status = one;
    }
    if (replace_checks) checks_prune(self, def, kept);
    local_waiters_wake(self, false);
    return status;
}

void local_service_remove(struct agent_local *self, struct local_service *service) {
    for (size_t i = 0; i < self->checks.count; i++) {
        struct local_check *check = self->checks.items[i];
        if (check->def && !strcmp(check->def->service_id, service->id)) local_check_remove(self, check);
    }
    local_persist_forget_service(self, service->id);
    local_service_def_free(service->def);
    service->def = NULL;
    tags_forget(service);
    local_sync_changed(self, &service->sync);
    local_waiters_wake(self, false);
}

void local_service_drop(struct agent_local *self, struct local_service *service) {
    local_set_remove(&self->services, service);
    tags_forget(service);
    free(service->id);
    free(service);
}

void local_state_fini(struct agent_local *self) {
    while (self->checks.count) {
        struct local_check *check = self->checks.items[self->checks.count - 1];
        if (check->def) {
            local_check_stop(check);
            local_check_def_free(check->def);
        }
        local_check_drop(self, check);
    }
    while (self->services.count) {
        struct local_service *service = self->services.items[self->services.count - 1];
        local_service_def_free(service->def);
        local_service_drop(self, service);
    }
    local_set_fini(&self->checks);
    local_set_fini(&self->services);
}

/* --- as others see it --- */

struct catalog_service local_service_row(const struct local_service *service) {
    struct catalog_service row = service->def->row;
    if (service->has_tags) row.tags = service->tags;
    return row;
}

struct catalog_check local_check_row(const struct agent_local *self, const struct local_check *check) {
    const struct local_check_def *def = check->def;
    return (struct catalog_check){.node = self->agent->node_name,
                                  .check_id = check->id,
                                  .name = def->name,
                                  .status = co_health_text(check->health),
                                  .notes = def->notes,
                                  .output = check->output,
                                  .service_id = def->service_id,
                                  .service_name = check->service_name,
                                  .service_tags = check->service_tags,
                                  .type = def->type};
}
