/* check_tcp against the suite of all checkers. Targets: a listener, a port that nobody listens on, and a listener whose queue
 * is full, so that connecting to it never ends. */
#include "conformance/checker.h"

#include "core.h"

#include <poll.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

extern const struct co_module check_tcp_LTX_cohort_module;

struct targets {
    struct co_loop *loop;
    int listener;
};

static int listen_on(uint16_t *port, int backlog) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    co_assert(fd >= 0 && bind(fd, (void *)&address, sizeof address) == 0);
    if (backlog >= 0) co_assert(listen(fd, backlog) == 0);
    co_assert(getsockname(fd, (void *)&address, &size) == 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static void fill_queue(uint16_t port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    for (int i = 0; i < 4; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        connect(fd, (void *)&address, sizeof address); /* kept open until the process ends */
    }
}

static void turn(void *arg) {
    struct targets *targets = arg;
    int fd;
    co_loop_turn(targets->loop, 0);
    poll(NULL, 0, 1);
    while ((fd = accept(targets->listener, NULL, NULL)) >= 0) close(fd);
}

int main(void) {
    char healthy[64], unhealthy[64], silent[64];
    uint16_t port, closed, full;
    struct targets targets = {.loop = co_loop_new(), .listener = listen_on(&port, 128)};
    int bound = listen_on(&closed, -1), failures;
    (void)bound;
    listen_on(&full, 0);
    fill_queue(full);
    snprintf(healthy, sizeof healthy, "{\"tcp\":\"localhost:%u\"}", port);
    snprintf(unhealthy, sizeof unhealthy, "{\"tcp\":\"127.0.0.1:%u\"}", closed);
    snprintf(silent, sizeof silent, "{\"tcp\":\"127.0.0.1:%u\"}", full);
    const struct co_checker_world world = {.module = &check_tcp_LTX_cohort_module,
                                           .loop = targets.loop,
                                           .log = co_log_named("test"),
                                           .arg = &targets,
                                           .turn = turn,
                                           .healthy = healthy,
                                           .unhealthy = unhealthy,
                                           .silent = silent};
    failures = co_conformance_checker(&world);
    co_loop_free(targets.loop);
    return failures ? 1 : 0;
}
