/* Clients that go away while their question waits. MHD does not look at suspended connections, so their sockets also stand in
 * an epoll instance of ours, which reports only the hang-up. A client that merely shuts its sending side counts as gone. */
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "http/server.h"

enum { EVENTS_MAX = 64 };

static int socket_of(const struct http_exchange *exchange) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? info->connect_fd : -1;
}

static void ready(void *arg, unsigned events) {
    struct http_server *server = arg;
    struct epoll_event found[EVENTS_MAX];
    (void)events;
    int count = epoll_wait(server->hangup_fd, found, EVENTS_MAX, 0);
    for (int i = 0; i < count; i++) {
        struct http_exchange *exchange = found[i].data.ptr;
        if (exchange->is_watched) http_exchange_cut(exchange);
    }
}

static bool open_watch(struct http_server *server) {
    if (server->hangup_fd > 0) return true;
    int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0) return false;
    server->hangup_fd = fd;
    server->hangup_io = co_io_new(server->loop, fd, ready, server);
    co_io_watch(server->hangup_io, CO_IO_READ);
    return true;
}

/* Without descriptors to spare the question simply waits its time out. */
void http_hangup_watch(struct http_exchange *exchange) {
    if (exchange->is_watched || !open_watch(exchange->server)) return;
    struct epoll_event event = {.events = EPOLLRDHUP, .data.ptr = exchange};
    exchange->is_watched = epoll_ctl(exchange->server->hangup_fd, EPOLL_CTL_ADD, socket_of(exchange), &event) == 0;
}

void http_hangup_forget(struct http_exchange *exchange) {
    if (!exchange->is_watched) return;
    exchange->is_watched = false;
    epoll_ctl(exchange->server->hangup_fd, EPOLL_CTL_DEL, socket_of(exchange), NULL);
}

void http_hangup_fini(struct http_server *server) {
    if (server->hangup_io) co_io_free(server->hangup_io);
    if (server->hangup_fd > 0) close(server->hangup_fd);
    server->hangup_io = NULL;
    server->hangup_fd = 0;
}
