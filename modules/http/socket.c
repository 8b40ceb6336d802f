/* Listening sockets from addresses as people write them: IPv4, IPv6, unix:///path. Knows the reasons why an address cannot be
 * had, and how Unix sockets are guarded; nothing of HTTP. */
#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "http/server.h"

enum { BACKLOG = 1024 };

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
};

static co_status bind_failed(struct co_error *error, int errnum, const char *address) {
    if (errnum == EADDRINUSE)
        return co_fail(error, CO_IO, "cannot listen on %s: address already in use; another agent? Change ports.http",
                       address);
    if (errnum == EADDRNOTAVAIL)
        return co_fail(error, CO_IO,
                       "cannot listen on %s: no interface of this host has that address; see client_addr and "
                       "addresses.http",
                       address);
    if (errnum == EACCES)
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

/* Digits only, and not the number that means "leave it" to chown. */
static bool number_id(const char *text, unsigned *out) {
    size_t size = strlen(text);
    if (size == 0 || size > 10 || strspn(text, "0123456789") != size) return false;
    unsigned long long id = strtoull(text, NULL, 10);
    *out = (unsigned)id;
    return id < UINT32_MAX;
}

/* The id of a name, or a number as it is. */
static bool user_id(const char *text, unsigned *out) {
    const struct passwd *user = getpwnam(text);
    if (user) *out = user->pw_uid;
    return user || number_id(text, out);
}

static bool group_id(const char *text, unsigned *out) {
    const struct group *group = getgrnam(text);
    if (group) *out = group->gr_gid;
    return group || number_id(text, out);
}

/* Without a path, `fd` itself gets the mode: before bind, so that the file is never open to more. */
static co_status guard_mode(const char *text, int fd, const char *path, struct co_error *error) {
    char *end;
    if (!text || !text[0]) return CO_OK;
    unsigned long mode = strtoul(text, &end, 8);
    if (*end || mode > 0777)
        return co_fail(error, CO_INVALID, "unix_sockets.mode: \"%s\" is not octal like \"0770\"", text);
    if ((path ? chmod(path, (mode_t)mode) : fchmod(fd, (mode_t)mode)) == 0) return CO_OK;
    return co_fail_errno(error, errno, "cannot change the mode of %s", path ? path : "a socket");
}

static co_status guard_owner(const struct http_socket_file *file, const char *path, struct co_error *error) {
    unsigned user = (unsigned)-1, group = (unsigned)-1;
    if (file->user && file->user[0] && !user_id(file->user, &user))
        return co_fail(error, CO_INVALID, "unix_sockets.user: there is no user \"%s\"", file->user);
    if (file->group && file->group[0] && !group_id(file->group, &group))
        return co_fail(error, CO_INVALID, "unix_sockets.group: there is no group \"%s\"", file->group);
    if (user == (unsigned)-1 && group == (unsigned)-1) return CO_OK;
    return chown(path, user, group) == 0 ? CO_OK : co_fail_errno(error, errno, "cannot change the owner of %s", path);
}

static co_status open_local(const struct http_socket_file *file, const union address *address, int fd,
                            struct co_error *error) {
    const char *path = address->local.sun_path;
    remove_stale(address);
    co_status status = guard_mode(file->mode, fd, NULL, error);
    if (status) return status;
    if (bind(fd, &address->any, sizeof address->local) != 0)
        return co_fail_errno(error, errno, "cannot listen on unix://%s", path);
    status = guard_mode(file->mode, fd, path, error);
    if (!status) status = guard_owner(file, path, error);
    if (!status && listen(fd, BACKLOG) != 0) status = co_fail_errno(error, errno, "cannot listen on unix://%s", path);
    if (status) unlink(path);
    return status;
}

static co_status open_network(const union address *address, socklen_t size, const char *text, int fd,
                              struct co_error *error) {
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address->any.sa_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, &address->any, size) == 0 && listen(fd, BACKLOG) == 0) return CO_OK;
    return bind_failed(error, errno, text);
}

/* The port that the kernel chose for port 0. */
static int bound_port(int fd, int port) {
    union address address = {0};
    socklen_t size = sizeof address;
    if (port != 0 || getsockname(fd, &address.any, &size) != 0) return port;
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

static bool parse_host(char *host, int port, union address *out, socklen_t *out_size) {
    if (strcmp(host, "localhost") == 0) memcpy(host, "127.0.0.1", sizeof "127.0.0.1");
    if (inet_pton(AF_INET, host, &out->v4.sin_addr) == 1) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons((uint16_t)port);
        *out_size = sizeof out->v4;
        return true;
    }
    if (inet_pton(AF_INET6, host, &out->v6.sin6_addr) != 1) return false;
    out->v6.sin6_family = AF_INET6;
    out->v6.sin6_port = htons((uint16_t)port);
    *out_size = sizeof out->v6;
    return true;
}

static void write_name(char *out, size_t size, const union address *address, const char *host, int port) {
    if (address->any.sa_family == AF_UNIX)
        snprintf(out, size, "unix://%s", host);
    else
        snprintf(out, size, address->any.sa_family == AF_INET6 ? "[%s]:%d" : "%s:%d", host, port);
}

co_status http_socket_open(const struct http_socket_file *file, const char *text, size_t size, int port,
                           struct http_socket *out, struct co_error *error) {
    union address address = {0};
    socklen_t address_size = 0;
    char host[sizeof address.local.sun_path] = "";
    bool is_local = size > 7 && memcmp(text, "unix://", 7) == 0;
    bool is_bracketed = size > 2 && text[0] == '[' && text[size - 1] == ']';
    size_t cut = is_local ? 7 : is_bracketed ? 1 : 0, host_size = size - cut - (is_bracketed ? 1 : 0);
    if (host_size < sizeof host) memcpy(host, text + cut, host_size);
    if (is_local && host_size >= sizeof host)
        return co_fail(error, CO_INVALID, "cannot listen on %.*s: the path is too long for a Unix socket", (int)size,
                       text);
    if (is_local) {
        address.local.sun_family = AF_UNIX;
        memcpy(address.local.sun_path, host, sizeof host);
    } else if (host_size >= sizeof host || !parse_host(host, port, &address, &address_size)) {
        return co_fail(error, CO_INVALID,
                       "cannot listen on \"%.*s\": neither an IP address nor unix:///path; see client_addr and "
                       "addresses.http",
                       (int)size, text);
    }
    int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return co_fail_errno(error, errno, "cannot open a socket for %.*s", (int)size, text);
    char name[sizeof host + 32];
    write_name(name, sizeof name, &address, host, port);
    co_status status =
        is_local ? open_local(file, &address, fd, error) : open_network(&address, address_size, name, fd, error);
    if (status) {
        close(fd);
        return status;
    }
    if (!is_local) write_name(name, sizeof name, &address, host, bound_port(fd, port));
    *out = (struct http_socket){fd, co_strdup(name), is_local ? co_strdup(host) : NULL};
    return CO_OK;
}
