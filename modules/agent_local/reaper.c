/* Removes services that have been critical for too long, for checks that ask for it. The clock starts with the report or probe
 * that makes a check critical, not with its registration. */
#include "agent_local.h"

static void reap(void *arg) {
    struct agent_local *self = arg;
    uint64_t now_ms = co_loop_now_ms(self->loop);
    co_timer_start(self->loop, &self->reap, LOCAL_REAP_EVERY_MS, reap, self);
    for (size_t i = 0; i < self->checks.count; i++) {
        const struct local_check *check = self->checks.items[i];
        struct local_service *service;
        if (!check->def || !check->def->deregister_after_ns || !check->critical_since_ms) continue;
        if ((int64_t)(now_ms + 1 - check->critical_since_ms) <= check->def->deregister_after_ns / CO_MILLISECOND)
            continue;
        service = local_service_find(self, check->def->service_id);
        if (!service) continue;
        co_log_info(self->log, "check was critical for too long, service is removed", "check=%s service=%s", check->id,
                    service->id);
        local_service_remove(self, service); /* items stay until the catalog knows: the walk goes on */
    }
}

void local_reaper_start(struct agent_local *self) {
    co_timer_start(self->loop, &self->reap, LOCAL_REAP_EVERY_MS, reap, self);
}
