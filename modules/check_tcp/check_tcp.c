/* One probe: resolve the name (on a job, as getaddrinfo blocks), try its addresses in turn with non-blocking connects,
 * pass at the first that answers. Connections are closed at once; no byte is sent. The agent owns the time limit.
 * A lookup cannot be stopped: a cancelled probe leaves it behind, and it frees itself when it comes back. */
#include "check_tcp.h"

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <arpa/inet.h>

struct check_tcp_lookup {
    struct check_tcp *owner; /* NULL: the probe was cancelled */
    struct addrinfo *found;
    int error;
    char host[256], port[8];
};

/* Splits "host:port" and "[v6]:port". Returns what is wrong in the words of Go's net package, which users know. */
static const char *target_split(struct check_tcp *check) {
    const char *text = check->target, *host = text, *colon = strrchr(text, ':');
    size_t size = 0;
    if (!colon) return "missing port in address";
    if (*text == '[') {
        const char *end = strchr(text, ']');
        if (!end) return "missing ']' in address";
        if (end[1] != ':') return "missing port in address";
        host = text + 1;
        size = (size_t)(end - host);
        colon = end + 1;
    } else {
        size = (size_t)(colon - text);
        if (memchr(text, ':', size)) return "too many colons in address";
    }
    if (size >= sizeof check->host) return "the host name is too long";
    if (strlen(colon + 1) >= sizeof check->port) return "unknown port";
    memcpy(check->host, host, size);
    check->host[size] = '\0';
    memcpy(check->port, colon + 1, strlen(colon + 1) + 1);
    return NULL;
}

co_status check_tcp_open(const struct co_checker_env *env, void *state, const void *settings, struct co_error *error) {
    const struct check_tcp_settings *given = settings;
    struct check_tcp *check = state;
    (void)error;
    check->env = *env;
    check->fd = -1;
    check->target = given->tcp;
    /* A bad address is a failing check, not a refused one: users see the reason where they look for it. */
    check->complaint = target_split(check);
    return CO_OK;
}

static void close_attempt(struct check_tcp *check) {
    if (check->io) co_io_free(check->io);
    if (check->fd >= 0) close(check->fd);
    check->io = NULL;
    check->fd = -1;
}

static void forget(struct check_tcp *check) {
    close_attempt(check);
    if (check->addresses) freeaddrinfo(check->addresses);
    check->addresses = check->next = NULL;
    check->probe = NULL;
}

static void finish(struct check_tcp *check, enum co_health health, const char *text) {
    struct co_probe *probe = check->probe;
    forget(check);
    co_probe_done(probe, health, co_bytes_text(text));
}

static void describe(const struct addrinfo *address, int errnum, char *out, size_t size) {
    char host[64] = "", reason[128];
    uint16_t port = 0;
    bool is_v6 = address->ai_family == AF_INET6;
    if (is_v6) {
        const struct sockaddr_in6 *in6 = (const void *)address->ai_addr;
        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
        port = ntohs(in6->sin6_port);
    } else {
        const struct sockaddr_in *in = (const void *)address->ai_addr;
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
        port = ntohs(in->sin_port);
    }
    snprintf(reason, sizeof reason, "%s", strerror(errnum));
    reason[0] = (char)tolower((unsigned char)reason[0]);
    snprintf(out, size, "dial tcp %s%s%s:%u: connect: %s", is_v6 ? "[" : "", host, is_v6 ? "]" : "", port, reason);
}

static void try_next(struct check_tcp *check, const struct addrinfo *failed, int errnum);

static void connected(void *arg, unsigned events) {
    struct check_tcp *check = arg;
    struct addrinfo *tried = check->next;
    char text[300];
    int errnum = 0;
    socklen_t size = sizeof errnum;
    (void)events;
    if (getsockopt(check->fd, SOL_SOCKET, SO_ERROR, &errnum, &size)) errnum = errno;
    if (errnum) {
        close_attempt(check);
        check->next = tried->ai_next;
        try_next(check, tried, errnum);
        return;
    }
    snprintf(text, sizeof text, "TCP connect %s: Success", check->target);
    finish(check, CO_PASSING, text);
}

static void try_next(struct check_tcp *check, const struct addrinfo *failed, int errnum) {
    char text[300];
    for (struct addrinfo *address = check->next; address; check->next = address = address->ai_next) {
        check->fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
        if (check->fd >= 0 &&
            (connect(check->fd, address->ai_addr, address->ai_addrlen) == 0 || errno == EINPROGRESS)) {
            check->io = co_io_new(check->env.loop, check->fd, connected, check);
            co_io_watch(check->io, CO_IO_WRITE);
            return;
        }
        errnum = errno;
        failed = address;
        close_attempt(check);
    }
    describe(failed, errnum, text, sizeof text);
    finish(check, CO_CRITICAL, text);
}

static void begin(struct check_tcp *check, struct addrinfo *found, int error) {
    char text[400];
    if (error || !found) {
        snprintf(text, sizeof text, "dial tcp: lookup %s: %s", check->host,
                 error == EAI_NONAME ? "no such host" : gai_strerror(error));
        finish(check, CO_CRITICAL, text);
        return;
    }
    check->addresses = check->next = found;
    try_next(check, found, 0);
}

static int resolve(const char *host, const char *port, int flags, struct addrinfo **found) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_protocol = IPPROTO_TCP, .ai_flags = flags};
    return getaddrinfo(*host ? host : "localhost", port, &hints, found);
}

static void lookup_work(void *arg) {
    struct check_tcp_lookup *lookup = arg;
    lookup->error = resolve(lookup->host, lookup->port, 0, &lookup->found);
}

static void lookup_done(void *arg) {
    struct check_tcp_lookup *lookup = arg;
    struct check_tcp *check = lookup->owner;
    if (check) {
        check->lookup = NULL;
        begin(check, lookup->found, lookup->error);
    } else if (lookup->found) {
        freeaddrinfo(lookup->found);
    }
    free(lookup);
}

void check_tcp_probe(void *state, struct co_probe *probe) {
    struct check_tcp *check = state;
    struct addrinfo *found = NULL;
    char text[400];
    check->probe = probe;
    if (check->complaint) {
        snprintf(text, sizeof text, "dial tcp: address %.200s: %s", check->target, check->complaint);
        finish(check, CO_CRITICAL, text);
        return;
    }
    if (resolve(check->host, check->port, AI_NUMERICHOST | AI_NUMERICSERV, &found) == 0) {
        begin(check, found, 0);
        return;
    }
    check->lookup = co_calloc(1, sizeof *check->lookup);
    check->lookup->owner = check;
    memcpy(check->lookup->host, check->host, sizeof check->host);
    memcpy(check->lookup->port, check->port, sizeof check->port);
    co_job_start(check->env.loop, lookup_work, lookup_done, check->lookup);
}

void check_tcp_cancel(void *state) {
    struct check_tcp *check = state;
    if (check->lookup) check->lookup->owner = NULL;
    check->lookup = NULL;
    forget(check);
}
