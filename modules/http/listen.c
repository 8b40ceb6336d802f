/* Listening: the agent's addresses become sockets, each with one MHD daemon that has no thread of its own. The loop watches the
 * daemon's epoll descriptor and runs it. Knows nothing of requests. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/server.h"

enum { CLOCK_MS = 5000, RUNS_MAX = 4 };

/* --- running a daemon --- */

static void clock_tick(void *arg);

static void run(void *arg) {
    struct http_listener *listener = arg;
    MHD_UNSIGNED_LONG_LONG wait_ms = 1;
    co_defer_stop(listener->server->loop, &listener->rerun);
    for (int i = 0; i < RUNS_MAX; i++) {
        MHD_run(listener->daemon);
        wait_ms = 1;
        if (MHD_get_timeout(listener->daemon, &wait_ms) != MHD_YES || wait_ms > 0) break;
    }
    /* Still something ready inside MHD, which its epoll descriptor does not show: come back after the others had their turn. */
    if (wait_ms == 0) co_defer_start(listener->server->loop, &listener->rerun, run, listener);
    if (listener->connections > 0 && !co_timer_is_armed(&listener->clock))
        co_timer_start(listener->server->loop, &listener->clock, CLOCK_MS, clock_tick, listener);
}

static void clock_tick(void *arg) {
    run(arg);
}

static void ready(void *arg, unsigned events) {
    (void)events;
    run(arg);
}

void http_listener_run(struct http_listener *listener) {
    co_defer_start(listener->server->loop, &listener->rerun, run, listener);
}

/* --- connections --- */

static void describe_client(struct http_client *client, const struct sockaddr *from) {
    char text[INET6_ADDRSTRLEN] = "";
    if (from && from->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)from;
        inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
        snprintf(client->peer, sizeof client->peer, "%s:%u", text, ntohs(v4->sin_port));
        client->address[10] = client->address[11] = 0xff;
        memcpy(client->address + 12, &v4->sin_addr, 4);
        client->has_address = true;
    } else if (from && from->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)from;
        inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
        snprintf(client->peer, sizeof client->peer, "[%s]:%u", text, ntohs(v6->sin6_port));
        memcpy(client->address, &v6->sin6_addr, 16);
        client->has_address = true;
    } else {
        snprintf(client->peer, sizeof client->peer, "@");
    }
}

static void on_connection(void *arg, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code) {
    struct http_listener *listener = arg;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        free(*context);
        *context = NULL;
        if (--listener->connections == 0) co_timer_stop(&listener->clock);
        return;
    }
    struct http_client *client = co_calloc(1, sizeof *client);
    client->listener = listener;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    describe_client(client, info ? info->client_addr : NULL);
    *context = client;
    listener->connections++;
}

/* MHD must leave the target alone: percent-decoding is ours (uri.c). */
static size_t leave_escaped(void *arg, struct MHD_Connection *connection, char *text) {
    (void)arg;
    (void)connection;
    return strlen(text);
}

static void log_message(void *arg, const char *format, va_list list) __attribute__((__format__(__printf__, 2, 0)));
static void log_message(void *arg, const char *format, va_list list) {
    struct http_listener *listener = arg;
    if (!co_log_wants(listener->server->log, CO_LOG_DEBUG)) return;
    char text[512];
    vsnprintf(text, sizeof text, format, list);
    text[strcspn(text, "\r\n")] = '\0';
    co_log_debug(listener->server->log, "connection trouble", "reason=%s", text);
}

/* Descriptors are shared with everybody else in the agent: leave some. */
static unsigned connection_limit(const struct http_settings *settings) {
    struct rlimit files = {0};
    uint64_t limit = (uint64_t)settings->connections_max;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY && limit + 128 > files.rlim_cur)
        limit = files.rlim_cur > 256 ? files.rlim_cur - 128 : files.rlim_cur / 2;
    return (unsigned)limit;
}

static co_status start_daemon(struct http_listener *listener, int fd, struct co_error *error) {
    struct http_server *server = listener->server;
    int64_t per_client = co_ctx_agent(server->ctx)->limits.http_max_conns_per_client;
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | MHD_USE_TURBO;
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_CONNECTION_LIMIT, connection_limit(&server->settings), NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)(server->settings.idle_timeout.ns / CO_SECOND), NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)server->settings.rules.max_header_bytes, NULL},
        {MHD_OPTION_PER_IP_CONNECTION_LIMIT, per_client > 0 && per_client < INT32_MAX ? (intptr_t)per_client : 0, NULL},
        {MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL}, /* Host is required, blanks in the target are refused */
        {MHD_OPTION_END, 0, NULL},
    };
    listener->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, http_exchange_step, listener, MHD_OPTION_EXTERNAL_LOGGER, log_message, listener,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_URI_LOG_CALLBACK, http_exchange_begin, listener,
        MHD_OPTION_NOTIFY_COMPLETED, http_exchange_end, listener, MHD_OPTION_NOTIFY_CONNECTION, on_connection, listener,
        MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
    if (!listener->daemon) return co_fail(error, CO_INTERNAL, "cannot start the HTTP server on %s", listener->address);
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(listener->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (!info) return co_fail(error, CO_UNSUPPORTED, "this libmicrohttpd cannot be driven by epoll");
    listener->io = co_io_new(server->loop, info->epoll_fd, ready, listener);
    co_io_watch(listener->io, CO_IO_READ);
    return CO_OK;
}

/* --- listening --- */

static co_status listen_on(struct http_server *server, const char *text, size_t size, int port,
                           struct co_error *error) {
    struct http_socket socket = {.fd = -1};
    co_status status = http_socket_open(&server->settings.socket_file, text, size, port, &socket, error);
    if (status) return status;
    struct http_listener *listener = co_calloc(1, sizeof *listener);
    listener->server = server;
    listener->is_local = socket.path != NULL;
    listener->unlink_path = socket.path;
    listener->address = socket.address;
    listener->next = server->listeners;
    server->listeners = listener;
    status = start_daemon(listener, socket.fd, error);
    if (status) {
        if (!listener->daemon) close(socket.fd);
        return status;
    }
    const char *network = listener->is_local ? "unix" : "tcp";
    co_log_info(server->log, "Started HTTP server", "address=%s network=%s", listener->address, network);
    return CO_OK;
}

co_status http_listen(struct http_server *server, struct co_error *error) {
    const struct co_agent_settings *agent = co_ctx_agent(server->ctx);
    int port = agent->ports.http;
    if (port < 0) {
        co_log_info(server->log, "HTTP is off", "reason=%s", "ports.http is negative");
        return CO_OK;
    }
    const char *list = agent->addresses.http && agent->addresses.http[0] ? agent->addresses.http : agent->client_addr;
    for (const char *at = list ? list : ""; *(at += strspn(at, " \t"));) {
        size_t size = strcspn(at, " \t");
        co_status status = listen_on(server, at, size, port, error);
        if (status) return status;
        at += size;
    }
    if (server->listeners) return CO_OK;
    return co_fail(error, CO_INVALID,
                   "no address to listen on for HTTP: set client_addr or addresses.http, or ports.http = -1");
}

/* --- the end --- */

void http_listeners_quiesce(struct http_server *server) {
    for (struct http_listener *listener = server->listeners; listener; listener = listener->next) {
        if (!listener->daemon) continue;
        MHD_socket fd = MHD_quiesce_daemon(listener->daemon);
        if (fd != MHD_INVALID_SOCKET) close(fd);
        if (listener->unlink_path) unlink(listener->unlink_path);
    }
}

void http_listeners_close(struct http_server *server) {
    while (server->listeners) {
        struct http_listener *listener = server->listeners;
        server->listeners = listener->next;
        if (listener->io) co_io_free(listener->io);
        if (listener->daemon) MHD_stop_daemon(listener->daemon);
        co_defer_stop(server->loop, &listener->rerun);
        co_timer_stop(&listener->clock);
        free(listener->address);
        free(listener->unlink_path);
        free(listener);
    }
}
