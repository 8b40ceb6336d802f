/* The event loop: one thread owns every control-plane object. Call everything here on the loop thread,
 * except co_post(). Callbacks never run inside the call that arms them. Driven by libuv (core/loop_uv.c). */
#ifndef COHORT_LOOP_H
#define COHORT_LOOP_H

#include "base.h"

struct co_loop;

/* Milliseconds and nanoseconds of a monotonic clock, cached once per turn of the loop. */
CO_EXPORT uint64_t co_loop_now_ms(struct co_loop *);
/* Wall clock, nanoseconds since 1970, read anew. Any thread. */
CO_EXPORT int64_t co_wall_ns(void);
/* Monotonic clock, nanoseconds, read anew. Any thread. For measuring. */
CO_EXPORT uint64_t co_mono_ns(void);

/* One-shot timer, embedded in its owner. Zero-initialise. Cheap to start and stop (a binary heap). */
struct co_timer {
    struct co_loop *loop; /* NULL when not armed */
    uint64_t due_ms;
    size_t slot;
    void (*fire)(void *arg);
    void *arg;
};
/* Arms, or re-arms when armed already. */
CO_EXPORT void co_timer_start(struct co_loop *, struct co_timer *, uint64_t after_ms, void (*fire)(void *arg),
                              void *arg);
CO_EXPORT void co_timer_stop(struct co_timer *); /* harmless when not armed */
static inline bool co_timer_is_armed(const struct co_timer *timer) {
    return timer->loop != NULL;
}

/* Runs `run` once, after the I/O callbacks of this turn. Embedded, zero-initialised; starting twice is one run. */
struct co_defer {
    struct co_defer *next;
    void (*run)(void *arg);
    void *arg;
    bool is_queued;
};
CO_EXPORT void co_defer_start(struct co_loop *, struct co_defer *, void (*run)(void *arg), void *arg);
CO_EXPORT void co_defer_stop(struct co_loop *, struct co_defer *);

/* Blocking work on a thread pool. `work` runs on a pool thread and sees only what `arg` owns; `done` runs on the loop.
 * Jobs cannot be cancelled; the loop does not end before they have. */
CO_EXPORT void co_job_start(struct co_loop *, void (*work)(void *arg), void (*done)(void *arg), void *arg);

/* From any thread: run `run(arg)` on the loop. */
CO_EXPORT void co_post(struct co_loop *, void (*run)(void *arg), void *arg);

/* Readiness of a file descriptor (sockets, pipes, pidfds). The descriptor stays the caller's. */
struct co_io;
enum co_io_event { CO_IO_READ = 1, CO_IO_WRITE = 2, CO_IO_HANGUP = 4 /* delivered, never asked for */ };
CO_EXPORT struct co_io *co_io_new(struct co_loop *, int fd, void (*ready)(void *arg, unsigned events), void *arg);
CO_EXPORT void co_io_watch(struct co_io *, unsigned events); /* 0 pauses */
CO_EXPORT void co_io_free(struct co_io *); /* no callback comes after; close the descriptor AFTER this call */

#endif
