/* check_http against the suite of all checkers, and what is special about HTTP: states by status, redirects, long bodies. The
 * target is a small server in this process; the silent one accepts and says nothing. */
#include "conformance/checker.h"

#include "core.h"

#include <poll.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

extern const struct co_module check_http_LTX_cohort_module;

#define CLIENTS 64

struct server {
    struct co_loop *loop;
    int listener, clients[CLIENTS];
    uint16_t port;
    char request[4096]; /* the newest */
};

static int listen_on(uint16_t *port, bool listens) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    co_assert(fd >= 0 && bind(fd, (void *)&address, sizeof address) == 0);
    if (listens) co_assert(listen(fd, 128) == 0);
    co_assert(getsockname(fd, (void *)&address, &size) == 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static void answer(struct server *server, int fd) {
    char reply[512];
    int code = 404, hops = 0;
    ssize_t ignored;
    if (sscanf(server->request, "%*s /hop/%d", &hops) == 1) {
        if (hops == 0)
            snprintf(reply, sizeof reply, "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\narrived");
        else
            snprintf(reply, sizeof reply, "HTTP/1.1 302 Found\r\nLocation: /hop/%d\r\nContent-Length: 5\r\n\r\nmoved",
                     hops - 1);
        ignored = write(fd, reply, strlen(reply));
    } else if (strstr(server->request, " /long ")) {
        ignored = write(fd, "HTTP/1.1 200 OK\r\n\r\n", 19);
        for (int i = 0; i < 100; i++)
            ignored = write(fd, "0123456789012345678901234567890123456789012345678901234567890123", 64);
        return; /* no end: stays open */
    } else {
        sscanf(server->request, "%*s /%d", &code);
        snprintf(reply, sizeof reply, "HTTP/1.1 %d Some Reason\r\nContent-Length: %d\r\n\r\n%s", code,
                 code == 204 ? 0 : 5, code == 204 ? "" : "body\n");
        ignored = write(fd, reply, strlen(reply));
    }
    (void)ignored;
}

static void serve(struct server *server) {
    for (int i = 0; i < CLIENTS; i++) {
        char request[sizeof server->request];
        ssize_t size;
        if (server->clients[i] < 0)
            server->clients[i] = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (server->clients[i] < 0) continue;
        size = read(server->clients[i], request, sizeof request - 1);
        if (size > 0) {
            memcpy(server->request, request, (size_t)size);
            server->request[size] = '\0';
            answer(server, server->clients[i]);
        } else if (size == 0) {
            close(server->clients[i]);
            server->clients[i] = -1;
        }
    }
}

static void turn(void *arg) {
    struct server *server = arg;
    co_loop_turn(server->loop, 0);
    poll(NULL, 0, 1);
    serve(server);
}

struct outcome {
    struct co_probe probe;
    enum co_health health;
    char output[8192];
};

static void ended(struct co_probe *probe, enum co_health health, struct co_bytes output) {
    struct outcome *outcome = (struct outcome *)probe;
    outcome->health = health;
    co_assert(output.size < sizeof outcome->output);
    memcpy(outcome->output, output.data, output.size);
    outcome->output[output.size] = '\0';
}

static void ask(struct server *server, void *module, struct outcome *outcome, const char *json) {
    const struct co_checker *checker = check_http_LTX_cohort_module.offers[0].table;
    struct co_checker_env env = {
        .loop = server->loop, .log = co_log_named("test"), .output_max = 4096, .module = module};
    struct co_arena arena = CO_ARENA_INIT;
    void *settings = co_arena_zalloc(&arena, checker->settings->size), *state = co_calloc(1, checker->state_size);
    *outcome = (struct outcome){.probe = {.done = ended, .is_running = true}};
    co_schema_defaults(checker->settings, settings, &arena);
    co_assert(co_decode_json(checker->settings, settings, co_bytes_text(json), &arena, NULL) == CO_OK);
    co_assert(checker->open(&env, state, settings, NULL) == CO_OK);
    checker->probe(state, &outcome->probe);
    for (int i = 0; i < 5000 && outcome->probe.is_running; i++) turn(server);
    co_assert(!outcome->probe.is_running);
    checker->close(state);
    free(state);
    co_arena_fini(&arena);
}

static int failures;
#define EXPECT(condition)                                                                                              \
    ((condition) ? (void)0                                                                                             \
                 : (void)(failures++, fprintf(stderr, "%s:%d: failed: %s\n    %s\n", __FILE__, __LINE__, #condition,   \
                                              outcome.output)))
#define ASK(path, more)                                                                                                \
    (snprintf(json, sizeof json, "{\"http\":\"http://127.0.0.1:%u%s\"%s}", server->port, path, more),                  \
     ask(server, module, &outcome, json))

static void answers(struct server *server) {
    void *module = co_calloc(1, check_http_LTX_cohort_module.state_size);
    struct outcome outcome;
    char json[512], text[256];
    ASK("/200", "");
    snprintf(text, sizeof text, "HTTP GET http://127.0.0.1:%u/200: 200 Some Reason Output: body\n", server->port);
    EXPECT(outcome.health == CO_PASSING && !strcmp(outcome.output, text));
    EXPECT(strstr(server->request, "User-Agent: Consul Health Check\r\n") &&
           strstr(server->request, "Accept: text/plain, text/*, */*\r\n"));
    ASK("/204",
        ",\"method\":\"POST\",\"body\":\"zz\",\"header\":{\"x-one\":[\"1\",\"2\"],\"Host\":[\"example.test\"]}");
    EXPECT(outcome.health == CO_PASSING && !strncmp(outcome.output, "HTTP POST ", 10));
    EXPECT(!strncmp(server->request, "POST /204 ", 10) && strstr(server->request, "x-one: 1\r\nx-one: 2\r\n"));
    EXPECT(strstr(server->request, "Host: example.test\r\n") && strstr(server->request, "\r\n\r\nzz"));
    ASK("/429", "");
    EXPECT(outcome.health == CO_WARNING);
    ASK("/404", "");
    EXPECT(outcome.health == CO_CRITICAL);
    ASK("/503", "");
    EXPECT(outcome.health == CO_CRITICAL && strstr(outcome.output, ": 503 Some Reason Output: body"));
    ASK("/hop/10", "");
    EXPECT(outcome.health == CO_PASSING && strstr(outcome.output, "Output: arrived"));
    ASK("/hop/11", "");
    EXPECT(outcome.health == CO_CRITICAL && strstr(outcome.output, "stopped after 10 redirects"));
    ASK("/long", "");
    EXPECT(outcome.health == CO_PASSING && strlen(outcome.output) > 4096 && strlen(outcome.output) < 4300);
    ask(server, module, &outcome, "{\"http\":\"http://127.0.0.1:1/\"}");
    EXPECT(!strcmp(outcome.output, "Get \"http://127.0.0.1:1/\": dial tcp 127.0.0.1:1: connect: connection refused"));
    ask(server, module, &outcome, "{\"http\":\"zzz://x\"}");
    EXPECT(!strcmp(outcome.output, "Get \"zzz://x\": unsupported protocol scheme \"zzz\""));
    ask(server, module, &outcome, "{\"http\":\"file:///etc/passwd\"}");
    EXPECT(outcome.health == CO_CRITICAL);
    check_http_LTX_cohort_module.fini(module);
    free(module);
}

int main(void) {
    char healthy[64], unhealthy[64], silent[64];
    uint16_t mute;
    struct server server = {.loop = co_loop_new()};
    for (int i = 0; i < CLIENTS; i++) server.clients[i] = -1;
    server.listener = listen_on(&server.port, true);
    listen_on(&mute, true);
    snprintf(healthy, sizeof healthy, "{\"http\":\"http://127.0.0.1:%u/200\"}", server.port);
    snprintf(unhealthy, sizeof unhealthy, "{\"http\":\"http://127.0.0.1:%u/500\"}", server.port);
    snprintf(silent, sizeof silent, "{\"http\":\"http://127.0.0.1:%u/\"}", mute);
    const struct co_checker_world world = {.module = &check_http_LTX_cohort_module,
                                           .loop = server.loop,
                                           .log = co_log_named("test"),
                                           .arg = &server,
                                           .turn = turn,
                                           .healthy = healthy,
                                           .unhealthy = unhealthy,
                                           .silent = silent,
                                           .refused = "{\"http\":\"http://127.0.0.1/\",\"header\":[1]}"};
    failures = co_conformance_checker(&world);
    answers(&server);
    co_loop_free(server.loop);
    return failures ? 1 : 0;
}
