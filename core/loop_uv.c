/* The event loop over libuv: timers in one binary heap behind one uv_timer, deferred calls, jobs on the thread pool, posts
 * from other threads, descriptors and signals. The only file that includes uv.h. */
#include "core.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <uv.h>

struct signal_watch {
    uv_signal_t handle;
    void (*fire)(void *arg, int signum);
    void *arg;
    struct signal_watch *next;
};

struct post {
    struct post *next;
    void (*run)(void *arg);
    void *arg;
};

struct co_loop {
    uv_loop_t uv;
    uv_timer_t clock;    /* armed for the earliest co_timer */
    uint64_t clock_due;  /* what `clock` is armed for; 0 when it is not */
    uv_check_t after_io; /* runs deferred calls after poll */
    uv_idle_t awake;     /* keeps poll from blocking while deferred calls wait */
    uv_async_t wake;
    struct co_timer **heap;
    size_t heap_count, heap_capacity;
    struct co_defer *defer_first, **defer_last;
    struct co_defer *pass; /* those still to run in this pass */
    uv_mutex_t post_lock;
    struct post *post_first, **post_last;
    struct signal_watch *signals;
    size_t jobs;
    bool is_stopping;
};

/* --- timers --- */

static void heap_place(struct co_loop *loop, size_t slot, struct co_timer *timer) {
    loop->heap[slot] = timer;
    timer->slot = slot;
}

static void heap_up(struct co_loop *loop, size_t slot) {
    struct co_timer *timer = loop->heap[slot];
    while (slot > 0) {
        size_t parent = (slot - 1) / 2;
        if (loop->heap[parent]->due_ms <= timer->due_ms) break;
        heap_place(loop, slot, loop->heap[parent]);
        slot = parent;
    }
    heap_place(loop, slot, timer);
}

static void heap_down(struct co_loop *loop, size_t slot) {
    struct co_timer *timer = loop->heap[slot];
    for (;;) {
        size_t child = slot * 2 + 1;
        if (child >= loop->heap_count) break;
        if (child + 1 < loop->heap_count && loop->heap[child + 1]->due_ms < loop->heap[child]->due_ms) child++;
        if (loop->heap[child]->due_ms >= timer->due_ms) break;
        heap_place(loop, slot, loop->heap[child]);
        slot = child;
    }
    heap_place(loop, slot, timer);
}

static void clock_fire(uv_timer_t *handle);

static void clock_arm(struct co_loop *loop) {
    if (loop->heap_count == 0) {
        if (loop->clock_due) uv_timer_stop(&loop->clock);
        loop->clock_due = 0;
        return;
    }
    uint64_t due = loop->heap[0]->due_ms;
    if (loop->clock_due == due) return;
    loop->clock_due = due;
    uint64_t now = uv_now(&loop->uv);
    uv_timer_start(&loop->clock, clock_fire, due > now ? due - now : 0, 0);
}

static void heap_remove(struct co_loop *loop, struct co_timer *timer) {
    size_t slot = timer->slot;
    struct co_timer *last = loop->heap[--loop->heap_count];
    timer->loop = NULL;
    if (last == timer) return;
    heap_place(loop, slot, last);
    heap_up(loop, slot);
    heap_down(loop, last->slot);
}

static void clock_fire(uv_timer_t *handle) {
    struct co_loop *loop = handle->data;
    uint64_t now = uv_now(&loop->uv);
    loop->clock_due = 0;
    while (loop->heap_count > 0 && loop->heap[0]->due_ms <= now) {
        struct co_timer *timer = loop->heap[0];
        heap_remove(loop, timer);
        timer->fire(timer->arg); /* may free the timer, arm others */
    }
    clock_arm(loop);
}

void co_timer_start(struct co_loop *loop, struct co_timer *timer, uint64_t after_ms, void (*fire)(void *), void *arg) {
    if (timer->loop) heap_remove(loop, timer);
    timer->loop = loop;
    timer->fire = fire;
    timer->arg = arg;
    uint64_t now = uv_now(&loop->uv);
    if (after_ms == 0) after_ms = 1; /* never inside this pass of clock_fire */
    timer->due_ms = after_ms < UINT64_MAX - now ? now + after_ms : UINT64_MAX;
    if (loop->heap_count == loop->heap_capacity) {
        loop->heap_capacity = loop->heap_capacity ? loop->heap_capacity * 2 : 64;
        loop->heap = co_realloc(loop->heap, loop->heap_capacity * sizeof *loop->heap);
    }
    loop->heap[loop->heap_count++] = timer;
    heap_up(loop, loop->heap_count - 1);
    clock_arm(loop);
}

void co_timer_stop(struct co_timer *timer) {
    struct co_loop *loop = timer->loop;
    if (!loop) return;
    heap_remove(loop, timer);
    clock_arm(loop);
}

uint64_t co_loop_now_ms(struct co_loop *loop) {
    return uv_now(&loop->uv);
}

int64_t co_wall_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * CO_SECOND + now.tv_nsec;
}

uint64_t co_mono_ns(void) {
    return uv_hrtime();
}

/* --- deferred calls --- */

static void awake_nothing(uv_idle_t *handle) {
    (void)handle;
}

/* Runs what was queued before this pass; what those calls defer waits for the next turn, so I/O is never starved. */
static void run_deferred(uv_check_t *handle) {
    struct co_loop *loop = handle->data;
    loop->pass = loop->defer_first;
    loop->defer_first = NULL;
    loop->defer_last = &loop->defer_first;
    while (loop->pass) {
        struct co_defer *defer = loop->pass;
        loop->pass = defer->next;
        defer->is_queued = false;
        defer->run(defer->arg); /* may free it, start and stop others */
    }
    if (!loop->defer_first) uv_idle_stop(&loop->awake);
}

void co_defer_start(struct co_loop *loop, struct co_defer *defer, void (*run)(void *), void *arg) {
    defer->run = run;
    defer->arg = arg;
    if (defer->is_queued) return;
    defer->is_queued = true;
    defer->next = NULL;
    if (!loop->defer_first) uv_idle_start(&loop->awake, awake_nothing);
    *loop->defer_last = defer;
    loop->defer_last = &defer->next;
}

/* Takes it off the list that starts at `link`; false when it is not there. */
static bool defer_unlink(struct co_loop *loop, struct co_defer **link, const struct co_defer *defer) {
    while (*link && *link != defer) link = &(*link)->next;
    if (!*link) return false;
    *link = defer->next;
    if (loop->defer_last == &defer->next) loop->defer_last = link;
    return true;
}

void co_defer_stop(struct co_loop *loop, struct co_defer *defer) {
    if (!defer->is_queued) return;
    bool was_found = defer_unlink(loop, &loop->defer_first, defer) || defer_unlink(loop, &loop->pass, defer);
    co_assert(was_found);
    defer->is_queued = false;
    if (!loop->defer_first && !loop->pass) uv_idle_stop(&loop->awake); /* or the loop would spin */
}

/* --- jobs and posts --- */

struct job {
    uv_work_t work;
    struct co_loop *loop;
    void (*run)(void *arg);
    void (*done)(void *arg);
    void *arg;
};

static void job_work(uv_work_t *work) {
    struct job *job = work->data;
    job->run(job->arg);
}

static void job_done(uv_work_t *work, int status) {
    (void)status; /* never cancelled */
    struct job *job = work->data;
    struct co_loop *loop = job->loop;
    void (*done)(void *) = job->done;
    void *arg = job->arg;
    free(job);
    loop->jobs--;
    if (done) done(arg);
    if (loop->is_stopping && loop->jobs == 0) uv_stop(&loop->uv);
}

void co_job_start(struct co_loop *loop, void (*work)(void *), void (*done)(void *), void *arg) {
    struct job *job = co_calloc(1, sizeof *job);
    *job = (struct job){.loop = loop, .run = work, .done = done, .arg = arg};
    job->work.data = job;
    loop->jobs++;
    co_assert(uv_queue_work(&loop->uv, &job->work, job_work, job_done) == 0);
}

static void run_posts(uv_async_t *handle) {
    struct co_loop *loop = handle->data;
    uv_mutex_lock(&loop->post_lock);
    struct post *post = loop->post_first;
    loop->post_first = NULL;
    loop->post_last = &loop->post_first;
    uv_mutex_unlock(&loop->post_lock);
    while (post) {
        struct post *next = post->next;
        post->run(post->arg);
        free(post);
        post = next;
    }
}

void co_post(struct co_loop *loop, void (*run)(void *), void *arg) {
    struct post *post = co_malloc(sizeof *post);
    *post = (struct post){NULL, run, arg};
    uv_mutex_lock(&loop->post_lock);
    *loop->post_last = post;
    loop->post_last = &post->next;
    uv_mutex_unlock(&loop->post_lock);
    uv_async_send(&loop->wake);
}

/* --- descriptors --- */

struct co_io {
    uv_poll_t handle;
    void (*ready)(void *arg, unsigned events);
    void *arg;
};

static void io_ready(uv_poll_t *handle, int status, int events) {
    struct co_io *io = handle->data;
    if (status < 0) {
        io->ready(io->arg, CO_IO_READ | CO_IO_WRITE | CO_IO_HANGUP);
        return;
    }
    unsigned what = 0;
    if (events & UV_READABLE) what |= CO_IO_READ;
    if (events & UV_WRITABLE) what |= CO_IO_WRITE;
    if (events & UV_DISCONNECT) what |= CO_IO_HANGUP;
    io->ready(io->arg, what);
}

struct co_io *co_io_new(struct co_loop *loop, int fd, void (*ready)(void *, unsigned), void *arg) {
    struct co_io *io = co_calloc(1, sizeof *io);
    io->ready = ready;
    io->arg = arg;
    co_assert(uv_poll_init(&loop->uv, &io->handle, fd) == 0);
    io->handle.data = io;
    return io;
}

void co_io_watch(struct co_io *io, unsigned events) {
    int what = 0;
    if (events & CO_IO_READ) what |= UV_READABLE | UV_DISCONNECT;
    if (events & CO_IO_WRITE) what |= UV_WRITABLE;
    if (events & CO_IO_HANGUP) what |= UV_DISCONNECT;
    if (what)
        uv_poll_start(&io->handle, what, io_ready);
    else
        uv_poll_stop(&io->handle);
}

static void io_closed(uv_handle_t *handle) {
    free(handle->data);
}

void co_io_free(struct co_io *io) {
    if (!io) return;
    uv_poll_stop(&io->handle);
    uv_close((uv_handle_t *)&io->handle, io_closed);
}

/* --- signals and life --- */

static void signal_fire(uv_signal_t *handle, int signum) {
    struct signal_watch *watch = handle->data;
    watch->fire(watch->arg, signum);
}

void co_loop_on_signal(struct co_loop *loop, int signum, void (*fire)(void *, int), void *arg) {
    struct signal_watch *watch = co_calloc(1, sizeof *watch);
    watch->fire = fire;
    watch->arg = arg;
    watch->next = loop->signals;
    loop->signals = watch;
    uv_signal_init(&loop->uv, &watch->handle);
    watch->handle.data = watch;
    uv_signal_start(&watch->handle, signal_fire, signum);
    uv_unref((uv_handle_t *)&watch->handle);
}

struct co_loop *co_loop_new(void) {
    struct co_loop *loop = co_calloc(1, sizeof *loop);
    co_assert(uv_loop_init(&loop->uv) == 0);
    uv_timer_init(&loop->uv, &loop->clock);
    uv_check_init(&loop->uv, &loop->after_io);
    uv_idle_init(&loop->uv, &loop->awake);
    uv_async_init(&loop->uv, &loop->wake, run_posts);
    uv_mutex_init(&loop->post_lock);
    loop->clock.data = loop->after_io.data = loop->awake.data = loop->wake.data = loop;
    loop->defer_last = &loop->defer_first;
    loop->post_last = &loop->post_first;
    uv_check_start(&loop->after_io, run_deferred);
    return loop;
}

void co_loop_run(struct co_loop *loop) {
    loop->is_stopping = false;
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    while (loop->jobs > 0) uv_run(&loop->uv, UV_RUN_ONCE);
}

void co_loop_stop(struct co_loop *loop) {
    loop->is_stopping = true;
    uv_stop(&loop->uv);
}

bool co_loop_is_stopping(const struct co_loop *loop) {
    return loop->is_stopping;
}

static bool has_posts(struct co_loop *loop) {
    uv_mutex_lock(&loop->post_lock);
    bool has = loop->post_first != NULL;
    uv_mutex_unlock(&loop->post_lock);
    return has;
}

/* Waits by itself: uv_run(UV_RUN_ONCE) polls without a bound when no timer is left after it has run those that were due. */
bool co_loop_turn(struct co_loop *loop, uint64_t wait_ms_max) {
    uv_update_time(&loop->uv);
    int wait = uv_backend_timeout(&loop->uv), wait_max = wait_ms_max < 1000000 ? (int)wait_ms_max : 1000000;
    struct pollfd poll_fd = {.fd = uv_backend_fd(&loop->uv), .events = POLLIN};
    if (wait < 0 || wait > wait_max) wait = wait_max;
    if (wait > 0) poll(&poll_fd, 1, wait);
    uv_run(&loop->uv, UV_RUN_NOWAIT);
    return loop->jobs > 0 || loop->heap_count > 0 || loop->defer_first != NULL || has_posts(loop);
}

static void close_any(uv_handle_t *handle, void *arg) {
    (void)arg;
    if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

void co_loop_free(struct co_loop *loop) {
    if (!loop) return;
    while (loop->jobs > 0) uv_run(&loop->uv, UV_RUN_ONCE);
    run_posts(&loop->wake);
    for (struct signal_watch *watch = loop->signals; watch; watch = watch->next)
        uv_close((uv_handle_t *)&watch->handle, NULL);
    uv_walk(&loop->uv, close_any, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    co_assert(uv_loop_close(&loop->uv) == 0);
    uv_mutex_destroy(&loop->post_lock);
    while (loop->signals) {
        struct signal_watch *watch = loop->signals;
        loop->signals = watch->next;
        free(watch);
    }
    free(loop->heap);
    free(loop);
}
