/* The small part of the checker interface that lives in the core: names of the states and the way a probe ends.
 * Who schedules probes and what becomes of the result is the business of the probe's owner. */
#include "cohort/checker.h"

#include <stdio.h>

const char *co_health_text(enum co_health health) {
    switch (health) {
    case CO_PASSING:
        return "passing";
    case CO_WARNING:
        return "warning";
    case CO_CRITICAL:
        return "critical";
    }
    return "critical";
}

void co_probe_done(struct co_probe *probe, enum co_health health, struct co_bytes output) {
    /* A second end, or one after cancel, is a mistake in the checker. */
    co_assert(probe->is_running);
    probe->is_running = false;
    probe->done(probe, health, output);
}

void co_probe_donef(struct co_probe *probe, enum co_health health, const char *format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (size < 0) size = 0;
    co_probe_done(probe, health, co_bytes(text, (size_t)size < sizeof text ? (size_t)size : sizeof text - 1));
}
