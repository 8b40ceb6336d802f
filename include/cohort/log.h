/* Logging: one event, one line, key=value fields. Loop thread or jobs.
 *
 *     co_log_info(log, "started HTTP server", "address=%s port=%d", address, port);
 *
 * The field format is a space-separated list of key=<conversion>, or "" for none. Values are quoted when they hold
 * blanks. error = operator now, warn = operator soon, info = life cycle, debug = developer. */
#ifndef COHORT_LOG_H
#define COHORT_LOG_H

#include "base.h"

enum co_log_level { CO_LOG_TRACE, CO_LOG_DEBUG, CO_LOG_INFO, CO_LOG_WARN, CO_LOG_ERROR };

struct co_log; /* a named source of lines, e.g. "agent.http"; owned by the core */

CO_EXPORT void co_log_write(struct co_log *, enum co_log_level, const char *message, const char *fields, ...)
    CO_PRINTF(4, 5);
CO_EXPORT bool co_log_wants(const struct co_log *, enum co_log_level);

#define co_log_trace(log, message, ...)                                                                                \
    (co_log_wants((log), CO_LOG_TRACE) ? co_log_write((log), CO_LOG_TRACE, (message), __VA_ARGS__) : (void)0)
#define co_log_debug(log, message, ...)                                                                                \
    (co_log_wants((log), CO_LOG_DEBUG) ? co_log_write((log), CO_LOG_DEBUG, (message), __VA_ARGS__) : (void)0)
#define co_log_info(log, message, ...)  co_log_write((log), CO_LOG_INFO, (message), __VA_ARGS__)
#define co_log_warn(log, message, ...)  co_log_write((log), CO_LOG_WARN, (message), __VA_ARGS__)
#define co_log_error(log, message, ...) co_log_write((log), CO_LOG_ERROR, (message), __VA_ARGS__)

/* At most one line per second passes; the next one that passes says how many were held back. Zero-initialise. */
struct co_log_limit {
    uint64_t last_ms;
    uint64_t held;
};
CO_EXPORT bool co_log_limit_pass(struct co_log_limit *, uint64_t now_ms, uint64_t *held);

#endif
