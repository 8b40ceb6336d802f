/* Anti-entropy: the agent is right about its own node, and the catalog follows. A change is written at once and alone; from
 * time to time everything is compared (sync_diff.c). A write that fails is tried again later, each time later, with jitter;
 * what was changed while a write was under way is written again. */
#include "agent_local.h"

#include <math.h>
#include <stdlib.h>

#define IN_FLIGHT_MAX    16
#define FULL_EVERY_MS    60000
#define BACKOFF_FIRST_MS 50
#define BACKOFF_MAX_MS   15000

/* One write to the catalog: which items it carries, and in which version. */
struct flight {
    struct agent_local *self;
    struct co_arena arena;
    struct flown {
        bool is_check;
        const char *id;
        uint64_t version;
    } * items;
    size_t count;
    bool has_node;
    uint64_t node_version;
};

static void pump(void *arg);

static struct local_sync *sync_of(struct agent_local *self, const struct flown *item) {
    struct local_service *service;
    struct local_check *check;
    if (item->is_check) return (check = local_set_find(&self->checks, item->id)) ? &check->sync : NULL;
    return (service = local_set_find(&self->services, item->id)) ? &service->sync : NULL;
}

static void pump_soon(struct agent_local *self) {
    if (!self->is_stopping) co_defer_start(self->loop, &self->pump_sync, pump, self);
}

/* Queued items are those that may have to be written. Only pump() takes them out, so that it can walk in peace. */
static void enqueue(struct agent_local *self, struct local_sync *sync) {
    if (sync->link || sync == &self->node_sync) return;
    if (!self->queue) self->queue_end = &self->queue;
    sync->next = NULL;
    sync->link = self->queue_end;
    *self->queue_end = sync;
    self->queue_end = &sync->next;
}

static void dequeue(struct agent_local *self, struct local_sync *sync) {
    if (!sync->link) return;
    *sync->link = sync->next;
    if (sync->next)
        sync->next->link = sync->link;
    else
        self->queue_end = sync->link;
    sync->link = NULL;
}

static struct local_service *service_of(struct local_sync *sync) {
    return (struct local_service *)((char *)sync - offsetof(struct local_service, sync));
}

static struct local_check *check_of(struct local_sync *sync) {
    return (struct local_check *)((char *)sync - offsetof(struct local_check, sync));
}

void local_sync_changed(struct agent_local *self, struct local_sync *sync) {
    sync->is_in_sync = false;
    sync->version++;
    enqueue(self, sync);
    if (self->register_method) pump_soon(self);
}

void local_sync_node_changed(struct agent_local *self) {
    local_sync_changed(self, &self->node_sync);
}

/* Consul's scale: 1 up to 128 members, one more for each doubling. */
uint32_t local_sync_scale(uint64_t members) {
    return members <= 128 ? 1 : (uint32_t)(ceil(log2((double)members) - log2(128.0)) + 1.0);
}

static uint64_t members(const struct agent_local *self) {
    struct co_consensus_status status = {0};
    const struct co_consensus *consensus = co_ctx_consensus(self->ctx);
    consensus->ops->status(consensus->self, &status);
    return status.voters;
}

static void full_due(void *arg) {
    struct agent_local *self = arg;
    self->is_full_sync_due = true;
    pump_soon(self);
}

static void full_later(struct agent_local *self) {
    uint64_t every_ms = (uint64_t)FULL_EVERY_MS * local_sync_scale(members(self));
    co_timer_start(self->loop, &self->full_sync, every_ms + co_random_below(every_ms / 2), full_due, self);
}

static void retry(void *arg) {
    pump_soon(arg);
}

static void back_off(struct agent_local *self, const char *what, const struct co_error *error, co_status status) {
    uint64_t held = 0;
    if (co_status_retryable(status)) self->is_unreachable = true; /* else it is about this one item */
    if (!co_timer_is_armed(&self->retry_sync)) {                  /* the first of several failures */
        self->backoff_ms = self->backoff_ms ? self->backoff_ms * 2 : BACKOFF_FIRST_MS;
        if (self->backoff_ms > BACKOFF_MAX_MS) self->backoff_ms = BACKOFF_MAX_MS;
        co_timer_start(self->loop, &self->retry_sync, self->backoff_ms + co_random_below(self->backoff_ms), retry,
                       self);
    }
    /* Right after the start there is no leader yet: only worth a line when it lasts. */
    if ((self->backoff_ms > 1000 || !co_status_retryable(status)) &&
        co_log_limit_pass(&self->sync_complaint, co_loop_now_ms(self->loop), &held))
        co_log_warn(self->log, "cannot sync with the catalog, trying again", "what=%s error=%s held_back=%llu", what,
                    error && error->text[0] ? error->text : co_status_text(status), (unsigned long long)held);
}

/* --- one write --- */

static void landed(void *arg, co_status status, const struct co_error *error, uint64_t index, const void *reply) {
    struct flight *flight = arg;
    struct agent_local *self = flight->self;
    (void)index;
    (void)reply;
    for (size_t i = 0; i < flight->count; i++) {
        struct local_sync *sync = sync_of(self, &flight->items[i]);
        sync->is_in_flight = false;
        if (!status && sync->version == flight->items[i].version) sync->is_in_sync = true;
    }
    if (flight->has_node) {
        self->node_sync.is_in_flight = false;
        if (!status && self->node_sync.version == flight->node_version) self->node_sync.is_in_sync = true;
    }
    if (status)
        back_off(self, flight->count ? flight->items[0].id : "node", error, status);
    else
        self->backoff_ms = 0;
    self->in_flight--;
    co_arena_fini(&flight->arena);
    free(flight);
    if (self->is_stopping && self->in_flight == 0 && self->stopped) {
        void (*stopped)(void *) = self->stopped;
        self->stopped = NULL;
        stopped(self->stopped_arg);
    } else if (!status) {
        pump_soon(self);
    }
}

static struct flight *flight_new(struct agent_local *self, size_t room) {
    struct flight *flight = co_calloc(1, sizeof *flight);
    flight->self = self;
    flight->items = co_arena_alloc(&flight->arena, (room ? room : 1) * sizeof *flight->items);
    return flight;
}

static void flight_add(struct flight *flight, bool is_check, const char *id, struct local_sync *sync) {
    flight->items[flight->count++] = (struct flown){is_check, co_arena_strdup(&flight->arena, id), sync->version};
    sync->is_in_flight = true;
}

static void launch(struct flight *flight, const struct co_method *method, void *request) {
    struct co_arena arena = CO_ARENA_INIT;
    flight->self->in_flight++;
    co_write(flight->self->ctx, method, request, &arena, landed, flight);
    co_arena_fini(&arena);
}

static struct catalog_register request_begin(struct flight *flight) {
    struct agent_local *self = flight->self;
    struct catalog_register request = {.datacenter = self->agent->datacenter,
                                       .id = self->agent->node_id,
                                       .node = self->agent->node_name,
                                       .address = self->agent->advertise_addr,
                                       .tagged_addresses = local_node_addresses(self, &flight->arena),
                                       .node_meta = local_node_meta(self, &flight->arena),
                                       .skip_node_update = self->node_sync.is_in_sync};
    if (!self->node_sync.is_in_sync && !self->node_sync.is_in_flight) {
        flight->has_node = true;
        flight->node_version = self->node_sync.version;
        self->node_sync.is_in_flight = true;
    }
    return request;
}

static void forget(struct agent_local *self, bool is_check, const char *id, struct local_sync *sync) {
    struct flight *flight = flight_new(self, 1);
    struct catalog_deregister request = {
        .datacenter = self->agent->datacenter, .node = self->agent->node_name, .service_id = "", .check_id = ""};
    flight_add(flight, is_check, id, sync);
    *(is_check ? &request.check_id : &request.service_id) = flight->items[0].id;
    launch(flight, self->deregister_method, &request);
}

static bool is_waiting(const struct local_sync *sync) {
    return !sync->is_in_sync && !sync->is_in_flight;
}

static bool goes_along(struct local_sync *sync, const struct local_service *service) {
    return sync->is_check && is_waiting(sync) && check_of(sync)->def &&
           !strcmp(check_of(sync)->def->service_id, service->id);
}

/* A service goes with its checks: it must not be seen healthy for lack of them. */
static void service_write(struct agent_local *self, struct local_service *service) {
    size_t count = 0;
    for (struct local_sync *sync = self->queue; sync; sync = sync->next) count += goes_along(sync, service);
    struct flight *flight = flight_new(self, count + 1);
    struct catalog_register request = request_begin(flight);
    struct catalog_service row = local_service_row(service);
    struct catalog_check *checks = co_arena_array(&flight->arena, struct catalog_check, count + 1);
    flight_add(flight, false, service->id, &service->sync);
    request.service = &row;
    request.checks.items = checks;
    for (struct local_sync *sync = self->queue; sync; sync = sync->next) {
        if (!goes_along(sync, service)) continue;
        flight_add(flight, true, check_of(sync)->id, sync);
        checks[request.checks.count++] = local_check_row(self, check_of(sync));
    }
    launch(flight, self->register_method, &request);
}

static void check_write(struct agent_local *self, struct local_check *check) {
    struct flight *flight = flight_new(self, 1);
    struct catalog_register request = request_begin(flight);
    struct catalog_check row = local_check_row(self, check);
    struct local_service *service = *check->def->service_id ? local_service_find(self, check->def->service_id) : NULL;
    struct catalog_service service_row;
    flight_add(flight, true, check->id, &check->sync);
    if (service) {
        service_row = local_service_row(service);
        request.service = &service_row;
    }
    request.check = &row;
    launch(flight, self->register_method, &request);
}

static void node_write(struct agent_local *self) {
    struct flight *flight = flight_new(self, 0);
    struct catalog_register request = request_begin(flight);
    launch(flight, self->register_method, &request);
}

/* --- what there is to do --- */

/* A check waits for its service, which takes it along. */
static bool is_service_pending(struct agent_local *self, const struct local_check *check) {
    const struct local_service *service =
        *check->def->service_id ? local_set_find(&self->services, check->def->service_id) : NULL;
    return service && !service->sync.is_in_sync;
}

/* The catalog knows. What is gone on both sides is forgotten. */
static void done_with(struct agent_local *self, struct local_sync *sync) {
    dequeue(self, sync);
    if (sync->is_check && !check_of(sync)->def)
        local_check_drop(self, check_of(sync));
    else if (!sync->is_check && !service_of(sync)->def)
        local_service_drop(self, service_of(sync));
}

static void write_one(struct agent_local *self, struct local_sync *sync) {
    if (!sync->is_check) {
        struct local_service *service = service_of(sync);
        if (service->def)
            service_write(self, service);
        else
            forget(self, false, service->id, sync);
    } else {
        struct local_check *check = check_of(sync);
        if (!check->def)
            forget(self, true, check->id, sync);
        else if (!is_service_pending(self, check))
            check_write(self, check);
    }
}

static void pump(void *arg) {
    struct agent_local *self = arg;
    struct co_error error = {0};
    if (self->is_stopping) return;
    co_timer_stop(&self->retry_sync);
    self->is_unreachable = false;
    if (self->is_full_sync_due) {
        co_status status = local_sync_diff(self, &error);
        if (status) {
            back_off(self, "comparison", &error, status);
        } else {
            self->is_full_sync_due = false;
            full_later(self);
        }
    }
    for (struct local_sync *sync = self->queue, *next; sync; sync = next) {
        next = sync->next;
        if (sync->is_in_sync && !sync->is_in_flight)
            done_with(self, sync);
        else if (is_waiting(sync) && self->in_flight < IN_FLIGHT_MAX)
            write_one(self, sync);
    }
    if (is_waiting(&self->node_sync) && self->in_flight < IN_FLIGHT_MAX && !self->is_unreachable) node_write(self);
}

co_status local_sync_start(struct agent_local *self, struct co_error *error) {
    self->register_method = co_method_find(self->ctx, "Catalog.Register");
    self->deregister_method = co_method_find(self->ctx, "Catalog.Deregister");
    self->node_method = co_method_find(self->ctx, "Catalog.NodeServices");
    if (!self->register_method || !self->deregister_method || !self->node_method)
        return co_fail(error, CO_UNSUPPORTED,
                       "the loaded catalog has no Catalog.Register, Catalog.Deregister or Catalog.NodeServices");
    self->is_full_sync_due = true;
    pump_soon(self);
    return CO_OK;
}

void local_sync_stop(struct agent_local *self, void (*stopped)(void *arg), void *arg) {
    self->is_stopping = true; /* landed() answers when the last write is back */
    co_timer_stop(&self->full_sync);
    co_timer_stop(&self->retry_sync);
    co_defer_stop(self->loop, &self->pump_sync);
    if (self->in_flight == 0) {
        stopped(arg);
        return;
    }
    self->stopped = stopped;
    self->stopped_arg = arg;
}
