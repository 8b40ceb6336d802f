/* Connections: two bytes of length before each message (RFC 7766), any number of questions in a row. While an answer waits for a slow
 * reader nothing more is read from it, so a connection holds at most one buffer of questions and one answer. A connection that has
 * neither asked a whole question nor taken a whole answer for idle_ms is closed. */
#include "dns/server.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "cohort/buffer.h"

enum { ACCEPTS_MAX = 16, PAUSE_MS = 200, MESSAGE_MAX = 65535 };

struct dns_connection {
    struct dns_server *server;
    struct dns_connection *next, **link;
    struct co_io *io;
    struct co_timer idle;
    int fd;
    uint8_t client[16];
    size_t in_size;
    uint8_t in[2 + DNS_TCP_IN_MAX];
    struct co_buffer out; /* what the socket did not take at once */
    size_t out_at;
};

static void connection_close(struct dns_connection *connection) {
    struct dns_server *server = connection->server;
    co_timer_stop(&connection->idle);
    co_io_free(connection->io);
    close(connection->fd);
    *connection->link = connection->next;
    if (connection->next) connection->next->link = connection->link;
    server->connection_count--;
    co_buffer_fini(&connection->out);
    free(connection);
}

static void went_idle(void *arg) {
    connection_close(arg);
}

static void moved(struct dns_connection *connection) {
    co_timer_start(connection->server->loop, &connection->idle, connection->server->idle_ms, went_idle, connection);
}

/* Sends what it can; the rest waits in `out`. False: the connection is broken. */
static bool send_out(struct dns_connection *connection, const uint8_t *data, size_t size) {
    while (size > 0) {
        ssize_t sent = send(connection->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && errno != EAGAIN) return false;
        if (sent < 0) break;
        data += sent;
        size -= (size_t)sent;
    }
    if (size > 0) co_buffer_add(&connection->out, data, size);
    return true;
}

/* Answers the whole questions in the buffer until the socket is full. False: broken. */
static bool serve_buffered(struct dns_connection *connection) {
    struct dns_server *server = connection->server;
    size_t at = 0, served = 0;
    bool is_good = true;
    if (!server->tcp_out) server->tcp_out = co_malloc(2 + MESSAGE_MAX);
    server->begin(server->arg);
    while (is_good && connection->out.size == 0 && connection->in_size - at >= 2) {
        size_t size = (size_t)connection->in[at] << 8 | connection->in[at + 1];
        if (size > DNS_TCP_IN_MAX) is_good = false; /* no question is that long */
        if (!is_good || connection->in_size - at - 2 < size) break;
        size_t answer = server->serve(server->arg, connection->in + at + 2, size, true, server->tcp_out + 2);
        at += 2 + size;
        served++;
        if (answer == 0) continue;
        server->tcp_out[0] = (uint8_t)(answer >> 8);
        server->tcp_out[1] = (uint8_t)answer;
        is_good = send_out(connection, server->tcp_out, 2 + answer);
    }
    server->finish(server->arg, served);
    connection->in_size -= at;
    if (at > 0) {
        memmove(connection->in, connection->in + at, connection->in_size);
        moved(connection);
    }
    return is_good;
}

static bool send_waiting(struct dns_connection *connection) {
    struct co_buffer *out = &connection->out;
    while (connection->out_at < out->size) {
        ssize_t sent = send(connection->fd, out->data + connection->out_at, out->size - connection->out_at,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return errno == EAGAIN;
        connection->out_at += (size_t)sent;
    }
    co_buffer_fini(out);
    *out = (struct co_buffer){0};
    connection->out_at = 0;
    moved(connection);
    return true;
}

/* False: broken, or the client has finished. */
static bool read_more(struct dns_connection *connection) {
    ssize_t got = recv(connection->fd, connection->in + connection->in_size,
                       sizeof connection->in - connection->in_size, MSG_DONTWAIT);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    connection->in_size += (size_t)got;
    return got > 0;
}

static void connection_ready(void *arg, unsigned events) {
    struct dns_connection *connection = arg;
    (void)events;
    bool was_waiting = connection->out.size > 0, is_good = true;
    if (was_waiting) is_good = send_waiting(connection);
    if (is_good && connection->out.size == 0) is_good = was_waiting || read_more(connection);
    if (is_good && connection->out.size == 0) is_good = serve_buffered(connection);
    if (!is_good) {
        connection_close(connection);
        return;
    }
    co_io_watch(connection->io, connection->out.size > 0 ? CO_IO_WRITE : CO_IO_READ);
}

/* --- new connections --- */

static void client_of(const struct sockaddr_storage *from, uint8_t client[16]) {
    memset(client, 0, 16);
    if (from->ss_family == AF_INET6)
        memcpy(client, &((const struct sockaddr_in6 *)from)->sin6_addr, 16);
    else if (from->ss_family == AF_INET)
        memcpy(client + 12, &((const struct sockaddr_in *)from)->sin_addr, 4);
}

static bool has_room(const struct dns_server *server, const uint8_t client[16]) {
    uint32_t same = 0;
    if (server->connection_count >= server->connections_max) return false;
    for (const struct dns_connection *at = server->connections; at; at = at->next)
        same += memcmp(at->client, client, 16) == 0;
    return same < server->connections_per_client;
}

static void warn(struct dns_server *server, struct co_log_limit *limit, const char *message, const char *reason) {
    uint64_t held = 0;
    if (!server->log || !co_log_limit_pass(limit, co_loop_now_ms(server->loop), &held)) return;
    co_log_warn(server->log, message, "reason=%s held_back=%llu", reason, (unsigned long long)held);
}

void dns_tcp_adopt(struct dns_server *server, int fd, const struct sockaddr_storage *from) {
    uint8_t client[16];
    client_of(from, client);
    if (!has_room(server, client)) {
        close(fd);
        warn(server, &server->refused_limit, "TCP connection refused", "too many; see modules.dns.tcp_connections_max");
        return;
    }
    struct dns_connection *connection = co_malloc(sizeof *connection);
    *connection = (struct dns_connection){.server = server, .fd = fd};
    memcpy(connection->client, client, sizeof client);
    connection->next = server->connections;
    connection->link = &server->connections;
    if (connection->next) connection->next->link = &connection->next;
    server->connections = connection;
    server->connection_count++;
    connection->io = co_io_new(server->loop, fd, connection_ready, connection);
    co_io_watch(connection->io, CO_IO_READ);
    moved(connection);
}

static void pause_over(void *arg) {
    struct dns_listener *listener = arg;
    co_io_watch(listener->io, CO_IO_READ);
}

void dns_tcp_ready(void *arg, unsigned events) {
    struct dns_listener *listener = arg;
    struct dns_server *server = listener->server;
    (void)events;
    for (int i = 0; i < ACCEPTS_MAX; i++) {
        struct sockaddr_storage from = {0};
        socklen_t size = sizeof from;
        int fd = accept4(listener->fd, (struct sockaddr *)&from, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            dns_tcp_adopt(server, fd, &from);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            /* The connection stays in the queue and the socket readable: look again later instead of spinning. */
            warn(server, &server->accept_limit, "cannot accept TCP connections", strerror(errno));
            co_io_watch(listener->io, 0);
            co_timer_start(server->loop, &listener->pause, PAUSE_MS, pause_over, listener);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

void dns_tcp_close_all(struct dns_server *server) {
    while (server->connections) connection_close(server->connections);
    free(server->tcp_out);
    server->tcp_out = NULL;
}
