/* Listening: the agent's addresses become sockets, each with one MHD daemon that has no thread of its own. The loop watches the
 * daemon's epoll descriptor and runs it. Knows nothing of requests. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "http/server.h"

enum { BACKLOG = 1024, CLOCK_MS = 1000, RUNS_MAX = 4 };

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
};

/* --- running a daemon --- */

static void clock_tick(void *arg);

static void run(void *arg) {
    struct http_listener *listener = arg;
    MHD_UNSIGNED_LONG_LONG wait_ms = 1;
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

/* --- sockets --- */

static co_status bind_failed(struct co_error *error, int errnum, const char *address, bool is_port) {
    if (errnum == EADDRINUSE && is_port)
        return co_fail(error, CO_IO, "cannot listen on %s: address already in use; another agent? Change ports.http",
                       address);
    if (errnum == EADDRNOTAVAIL)
        return co_fail(error, CO_IO,
                       "cannot listen on %s: no interface of this host has that address; see client_addr and "
                       "addresses.http",
                       address);
    if (errnum == EACCES && is_port)
        return co_fail(error, CO_IO,
                       "cannot listen on %s: permission denied; ports below 1024 need privileges. Change ports.http",
                       address);
    return co_fail_errno(error, errnum, "cannot listen on %s", address);
}

/* A socket file that nobody listens on is left over from an agent that was killed. */
static void remove_stale(const union address *address) {
    struct stat found;
    if (lstat(address->local.sun_path, &found) != 0 || !S_ISSOCK(found.st_mode)) return;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return;
    if (connect(fd, &address->any, sizeof address->local) != 0 && errno == ECONNREFUSED)
        unlink(address->local.sun_path);
    close(fd);
}

static co_status open_socket(const union address *address, socklen_t size, const char *text, int *out,
                             struct co_error *error) {
    bool is_local = address->any.sa_family == AF_UNIX;
    int on = 1, fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return co_fail_errno(error, errno, "cannot open a socket for %s", text);
    if (is_local) remove_stale(address);
    if (!is_local) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address->any.sa_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, &address->any, size) != 0 || listen(fd, BACKLOG) != 0) {
        int errnum = errno;
        close(fd);
        return bind_failed(error, errnum, text, !is_local);
    }
    *out = fd;
    return CO_OK;
}

/* The port that the kernel chose for port 0. */
static int bound_port(int fd, int port) {
    union address address = {0};
    socklen_t size = sizeof address;
    if (port != 0 || getsockname(fd, &address.any, &size) != 0) return port;
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

static co_status parse_address(const char *text, size_t size, int port, union address *out, socklen_t *out_size,
                               struct co_error *error) {
    char host[256];
    if (size >= 8 && memcmp(text, "unix://", 7) == 0) {
        if (size - 7 >= sizeof out->local.sun_path)
            return co_fail(error, CO_INVALID, "\"%.*s\" is too long for a Unix socket", (int)size, text);
        out->local.sun_family = AF_UNIX;
        memcpy(out->local.sun_path, text + 7, size - 7);
        *out_size = sizeof out->local;
        return CO_OK;
    }
    if (size > 2 && text[0] == '[' && text[size - 1] == ']') text++, size -= 2;
    if (size < sizeof host) {
        memcpy(host, text, size);
        host[size] = '\0';
        if (strcmp(host, "localhost") == 0) memcpy(host, "127.0.0.1", sizeof "127.0.0.1");
        if (inet_pton(AF_INET, host, &out->v4.sin_addr) == 1) {
            out->v4.sin_family = AF_INET;
            out->v4.sin_port = htons((uint16_t)port);
            *out_size = sizeof out->v4;
            return CO_OK;
        }
        if (inet_pton(AF_INET6, host, &out->v6.sin6_addr) == 1) {
            out->v6.sin6_family = AF_INET6;
            out->v6.sin6_port = htons((uint16_t)port);
            *out_size = sizeof out->v6;
            return CO_OK;
        }
    }
    return co_fail(error, CO_INVALID,
                   "cannot listen on \"%.*s\": neither an IP address nor unix:///path; see client_addr and "
                   "addresses.http",
                   (int)size, text);
}

static co_status listen_on(struct http_server *server, const char *text, size_t size, int port,
                           struct co_error *error) {
    union address address = {0};
    socklen_t address_size = 0;
    int fd = -1;
    co_status status = parse_address(text, size, port, &address, &address_size, error);
    if (status) return status;
    bool is_local = address.any.sa_family == AF_UNIX, is_v6 = address.any.sa_family == AF_INET6 && text[0] != '[';
    struct co_buffer name = {0};
    co_buffer_printf(&name, "%s%.*s%s", is_v6 ? "[" : "", (int)size, text, is_v6 ? "]" : "");
    size_t host_size = name.size;
    if (!is_local) co_buffer_printf(&name, ":%d", port);
    status = open_socket(&address, address_size, co_buffer_text(&name), &fd, error);
    if (status) {
        co_buffer_fini(&name);
        return status;
    }
    if (!is_local && port == 0) {
        name.size = host_size;
        co_buffer_printf(&name, ":%d", bound_port(fd, port));
    }
    struct http_listener *listener = co_calloc(1, sizeof *listener);
    listener->server = server;
    listener->is_local = is_local;
    listener->unlink_path = is_local ? co_strdup(address.local.sun_path) : NULL;
    co_buffer_text(&name);
    listener->address = co_buffer_take(&name);
    listener->next = server->listeners;
    server->listeners = listener;
    status = start_daemon(listener, fd, error);
    if (status) {
        if (!listener->daemon) close(fd);
        return status;
    }
    co_log_info(server->log, "Started HTTP server", "address=%s network=%s", listener->address,
                is_local ? "unix" : "tcp");
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
