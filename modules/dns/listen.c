/* Listening: the agent's addresses become a UDP and a TCP socket each. Knows nothing of packets. */
#include "dns/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BACKLOG = 512, PORT_TRIES = 16 };

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage room;
};

static socklen_t address_size(const union address *address) {
    return address->any.sa_family == AF_INET6 ? sizeof address->v6 : sizeof address->v4;
}

static void set_port(union address *address, int port) {
    if (address->any.sa_family == AF_INET6)
        address->v6.sin6_port = htons((uint16_t)port);
    else
        address->v4.sin_port = htons((uint16_t)port);
}

static int port_of(int fd) {
    union address address = {0};
    socklen_t size = sizeof address;
    if (getsockname(fd, &address.any, &size) != 0) return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

static bool is_wildcard(const union address *address) {
    if (address->any.sa_family == AF_INET) return address->v4.sin_addr.s_addr == htonl(INADDR_ANY);
    return IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr);
}

static co_status parse_address(const char *text, size_t size, union address *out, struct co_error *error) {
    char host[64];
    *out = (union address){0};
    const char *at = text;
    size_t left = size;
    if (left > 2 && at[0] == '[' && at[left - 1] == ']') at++, left -= 2;
    if (left < sizeof host) {
        memcpy(host, at, left);
        host[left] = '\0';
        if (strcmp(host, "localhost") == 0) memcpy(host, "127.0.0.1", sizeof "127.0.0.1");
        if (inet_pton(AF_INET, host, &out->v4.sin_addr) == 1) {
            out->v4.sin_family = AF_INET;
            return CO_OK;
        }
        if (inet_pton(AF_INET6, host, &out->v6.sin6_addr) == 1) {
            out->v6.sin6_family = AF_INET6;
            return CO_OK;
        }
    }
    return co_fail(error, CO_INVALID, "cannot listen on \"%.*s\": not an IP address; see client_addr and addresses.dns",
                   (int)size, text);
}

static co_status bind_failed(struct co_error *error, int errnum, const char *address, const char *network) {
    if (errnum == EADDRINUSE)
        return co_fail(error, CO_IO,
                       "cannot listen on %s (%s): address already in use; another agent? Change ports.dns", address,
                       network);
    if (errnum == EADDRNOTAVAIL)
        return co_fail(
            error, CO_IO,
            "cannot listen on %s (%s): no interface of this host has that address; see client_addr and addresses.dns",
            address, network);
    if (errnum == EACCES)
        return co_fail(
            error, CO_IO,
            "cannot listen on %s (%s): permission denied; ports below 1024 need privileges. Change ports.dns", address,
            network);
    return co_fail_errno(error, errnum, "cannot listen on %s (%s)", address, network);
}

/* With all addresses on one socket the kernel would answer from whichever it likes; clients drop what comes from another. */
static bool ask_packet_info(int fd, const union address *address) {
    int on = 1;
    if (!is_wildcard(address)) return false;
    if (address->any.sa_family == AF_INET) return setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) == 0;
    return setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on) == 0;
}

static void describe(struct dns_listener *listener, const union address *address) {
    char text[INET6_ADDRSTRLEN] = "";
    if (address->any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &address->v6.sin6_addr, text, sizeof text);
        snprintf(listener->address, sizeof listener->address, "[%s]:%u", text, ntohs(address->v6.sin6_port));
    } else {
        inet_ntop(AF_INET, &address->v4.sin_addr, text, sizeof text);
        snprintf(listener->address, sizeof listener->address, "%s:%u", text, ntohs(address->v4.sin_port));
    }
}

static co_status open_one(struct dns_server *server, union address *address, bool is_tcp, struct co_error *error) {
    int on = 1, kind = (is_tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
    struct dns_listener *listener = co_calloc(1, sizeof *listener);
    listener->server = server;
    listener->is_tcp = is_tcp;
    listener->next = server->listeners;
    server->listeners = listener; /* dns_server_close() takes it from here, also half made */
    describe(listener, address);
    listener->fd = socket(address->any.sa_family, kind, 0);
    if (listener->fd < 0) return co_fail_errno(error, errno, "cannot open a socket for %s", listener->address);
    if (address->any.sa_family == AF_INET6) setsockopt(listener->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (is_tcp) setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (!is_tcp && server->receive_buffer > 0)
        setsockopt(listener->fd, SOL_SOCKET, SO_RCVBUF, &server->receive_buffer, sizeof server->receive_buffer);
    if (!is_tcp) listener->has_packet_info = ask_packet_info(listener->fd, address);
    if (bind(listener->fd, &address->any, address_size(address)) != 0 || (is_tcp && listen(listener->fd, BACKLOG) != 0))
        return bind_failed(error, errno, listener->address, is_tcp ? "tcp" : "udp");
    set_port(address, port_of(listener->fd));
    describe(listener, address);
    listener->io = co_io_new(server->loop, listener->fd, is_tcp ? dns_tcp_ready : dns_udp_ready, listener);
    co_io_watch(listener->io, CO_IO_READ);
    if (server->log)
        co_log_info(server->log, "Started DNS server", "address=%s network=%s", listener->address,
                    is_tcp ? "tcp" : "udp");
    return CO_OK;
}

static void close_newest(struct dns_server *server) {
    struct dns_listener *listener = server->listeners;
    server->listeners = listener->next;
    co_timer_stop(&listener->pause);
    co_io_free(listener->io);
    if (listener->fd >= 0) close(listener->fd);
    free(listener);
}

/* UDP and TCP on one number. With port 0 the kernel's choice for the first may be taken for the second: then once more. */
static co_status open_pair(struct dns_server *server, union address *address, int port, struct co_error *error) {
    for (int tries = 1;; tries++) {
        set_port(address, port);
        co_status status = open_one(server, address, false, error);
        if (status) return status;
        status = open_one(server, address, true, error);
        if (!status || port != 0 || tries == PORT_TRIES) return status;
        close_newest(server);
        close_newest(server);
    }
}

co_status dns_listen(struct dns_server *server, const char *addresses, int port, struct co_error *error) {
    for (const char *at = addresses; *(at += strspn(at, " \t"));) {
        union address address;
        size_t size = strcspn(at, " \t");
        co_status status = parse_address(at, size, &address, error);
        if (status) return status;
        status = open_pair(server, &address, port, error);
        if (status) return status;
        at += size;
    }
    if (!server->listeners)
        return co_fail(error, CO_INVALID,
                       "no address to listen on for DNS: set client_addr or addresses.dns, or ports.dns = -1");
    dns_udp_batch_new(server);
    return CO_OK;
}

int dns_server_port(const struct dns_server *server, bool is_tcp) {
    const struct dns_listener *listener = server->listeners;
    while (listener && listener->is_tcp != is_tcp) listener = listener->next;
    return listener ? port_of(listener->fd) : -1;
}

void dns_server_close(struct dns_server *server) {
    while (server->listeners) close_newest(server);
    dns_tcp_close_all(server);
    dns_udp_batch_free(server);
}
