/* libcurl on our loop: its sockets become co_io watches, its one timer a co_timer, and finished transfers are handed to
 * their check. Nothing is made before the first check needs it, so that an agent without HTTP checks stays small. */
#include "check_http.h"

#include <stdlib.h>

/* One watched socket, kept by libcurl beside it (curl_multi_assign). */
struct http_socket {
    struct check_http_module *module;
    struct co_io *io;
    curl_socket_t fd;
};

static void collect(void *arg) {
    struct check_http_module *module = arg;
    const struct http_curl *curl = &module->curl;
    const CURLMsg *message;
    int left;
    while ((message = curl->multi_info_read(module->multi, &left))) {
        CURL *easy = message->easy_handle;
        CURLcode code = message->data.result; /* the message does not survive the removal */
        struct check_http *check = NULL;
        if (message->msg != CURLMSG_DONE) continue;
        curl->easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&check);
        curl->multi_remove_handle(module->multi, easy);
        check_http_finished(check, code);
    }
}

static void act(struct check_http_module *module, curl_socket_t fd, int events) {
    int running;
    module->is_inside = true;
    module->curl.multi_socket_action(module->multi, fd, events, &running);
    module->is_inside = false;
    /* Later, because a finished check may start or cancel others. */
    co_defer_start(module->loop, &module->collect, collect, module);
}

static void socket_ready(void *arg, unsigned events) {
    struct http_socket *socket = arg;
    int what = 0;
    if (events & CO_IO_READ) what |= CURL_CSELECT_IN;
    if (events & CO_IO_WRITE) what |= CURL_CSELECT_OUT;
    if (events & CO_IO_HANGUP) what |= CURL_CSELECT_IN;
    act(socket->module, socket->fd, what);
}

static int socket_wanted(CURL *easy, curl_socket_t fd, int what, void *arg, void *known) {
    struct check_http_module *module = arg;
    const struct http_curl *curl = &module->curl;
    struct http_socket *socket = known;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (!socket) return 0;
        co_io_free(socket->io);
        free(socket);
        curl->multi_assign(module->multi, fd, NULL);
        return 0;
    }
    if (!socket) {
        socket = co_calloc(1, sizeof *socket);
        socket->module = module;
        socket->fd = fd;
        socket->io = co_io_new(module->loop, fd, socket_ready, socket);
        curl->multi_assign(module->multi, fd, socket);
    }
    co_io_watch(socket->io, (what & CURL_POLL_IN ? CO_IO_READ : 0u) | (what & CURL_POLL_OUT ? CO_IO_WRITE : 0u));
    return 0;
}

static void timer_fired(void *arg) {
    act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int timer_wanted(CURLM *multi, long after_ms, void *arg) {
    struct check_http_module *module = arg;
    (void)multi;
    if (after_ms < 0)
        co_timer_stop(&module->timer);
    else
        co_timer_start(module->loop, &module->timer, (uint64_t)after_ms, timer_fired, module);
    return 0;
}

co_status check_http_multi_open(struct check_http_module *module, struct co_loop *loop, struct co_error *error) {
    const struct http_curl *curl = &module->curl;
    co_status status;
    if (module->multi) return CO_OK;
    status = http_curl_load(&module->curl, error);
    if (status) return status;
    if (curl->global_init(CURL_GLOBAL_DEFAULT)) return co_fail(error, CO_INTERNAL, "cannot set up libcurl");
    module->multi = curl->multi_init();
    if (!module->multi) return co_fail(error, CO_INTERNAL, "cannot set up libcurl");
    module->loop = loop;
    curl->multi_setopt(module->multi, CURLMOPT_SOCKETFUNCTION, socket_wanted);
    curl->multi_setopt(module->multi, CURLMOPT_SOCKETDATA, module);
    curl->multi_setopt(module->multi, CURLMOPT_TIMERFUNCTION, timer_wanted);
    curl->multi_setopt(module->multi, CURLMOPT_TIMERDATA, module);
    curl->multi_setopt(module->multi, CURLMOPT_MAXCONNECTS, 1L);
    return CO_OK;
}

void check_http_multi_add(struct check_http_module *module, CURL *easy) {
    co_assert(!module->is_inside);
    module->curl.multi_add_handle(module->multi, easy);
}

void check_http_multi_remove(struct check_http_module *module, CURL *easy) {
    co_assert(!module->is_inside);
    module->curl.multi_remove_handle(module->multi, easy);
}

void check_http_multi_close(struct check_http_module *module) {
    if (!module->multi) return;
    module->curl.multi_cleanup(module->multi);
    co_timer_stop(&module->timer);
    co_defer_stop(module->loop, &module->collect);
    module->curl.global_cleanup();
    module->multi = NULL;
}
