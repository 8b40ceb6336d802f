/* The Redis checker against the suite of all checkers:  check_redis_conformance PORT  (of a running redis-server) */
#include <cohort/testing.h>
#include <conformance/checker.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

extern const struct co_module check_redis_LTX_cohort_module;

static void turn(void *loop) {
    co_loop_turn(loop, 1);
}

/* A server that accepts (in its backlog) and never answers. */
static int silent_server(unsigned *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) || listen(fd, 128)) return -1;
    if (getsockname(fd, (struct sockaddr *)&address, &size)) return -1;
    *port = ntohs(address.sin_port);
    return fd;
}

int main(int argc, char **argv) {
    unsigned port = 0;
    char healthy[64], silent[64];
    int fd = silent_server(&port);
    if (argc != 2 || fd < 0) {
        fprintf(stderr, "usage: %s PORT\n", argv[0]);
        return 2;
    }
    snprintf(healthy, sizeof healthy, "{\"redis\":\"127.0.0.1:%s\"}", argv[1]);
    snprintf(silent, sizeof silent, "{\"redis\":\"127.0.0.1:%u\"}", port);
    struct co_loop *loop = co_loop_new();
    const struct co_checker_world world = {.module = &check_redis_LTX_cohort_module,
                                           .loop = loop,
                                           .log = co_log_named("test"),
                                           .arg = loop,
                                           .turn = turn,
                                           .healthy = healthy,
                                           .unhealthy = "{\"redis\":\"127.0.0.1:1\"}",
                                           .silent = silent,
                                           .refused = "{\"redis\":\"no address\"}"};
    int failures = co_conformance_checker(&world);
    co_loop_free(loop);
    close(fd);
    return failures ? 1 : 0;
}
