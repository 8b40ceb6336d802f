/* The server in one process with its clients: real sockets on 127.0.0.1, the real loop, a made-up core with one question and one
 * write. Requests go in as bytes, answers are read as bytes; the loop turns until the answer is complete or time is over. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <zlib.h>
#include <cmocka.h>

#include "core/core.h"
#include "http/server.h"

enum { DEADLINE_MS = 5000 };

/* --- a made-up core --- */

struct thing {
    const char *name;
};
CO_SCHEMA(thing_schema, struct thing, "Thing", CO_FIELD(1, struct thing, name, "Name", 0));
static const struct co_method ask_method = {.name = "Health.Thing", .request = &thing_schema, .reply = &thing_schema};
static const struct co_method write_method = {.name = "Thing.Apply", .command = 1, .request = &thing_schema};

struct fake_answer {
    struct co_answer answer;
    const struct co_view *view;
};

struct co_asking {
    struct co_asking *next;
    struct co_ask ask;
    struct thing thing;
    co_asked *done;
    void *arg;
};

static struct {
    struct co_loop *loop;
    struct co_agent agent;
    struct co_agent_settings settings;
    struct co_ctx ctx;
    struct http_server server;
    uint16_t port;
    uint64_t index;
    size_t big; /* length of the name in answers, when > 0 */
    struct co_asking *waiting;
    unsigned cancelled, evaluated, closed;
    bool has_leader, holds_writes;
    struct co_defer later;
    co_written *write_done;
    void *write_arg;
    struct co_http *stream;
    bool is_stopped;
} fake;

void co_ctx_offers(struct co_ctx *ctx, enum co_offer_kind kind,
                   void (*visit)(void *arg, const struct co_module *, void *self, const struct co_offer *), void *arg);
struct co_loop *co_ctx_loop(struct co_ctx *ctx) {
    return ctx->agent->loop;
}
struct co_log *co_ctx_log(struct co_ctx *ctx) {
    return ctx->log;
}
const struct co_agent_settings *co_ctx_agent(struct co_ctx *ctx) {
    return ctx->agent->settings;
}

struct co_answer *co_answer_retain(struct co_answer *answer) {
    answer->refs++;
    return answer;
}

void co_answer_release(struct co_answer *answer) {
    if (!answer || --answer->refs > 0) return;
    ((struct fake_answer *)answer)->view->release(answer->object);
    free(answer);
}

static void evaluate(const struct co_ask *ask, co_asked *done, void *arg) {
    struct thing reply = *(const struct thing *)ask->request;
    char *big = NULL;
    size_t size = 0;
    if (fake.big) {
        big = co_calloc(1, fake.big + 1);
        memset(big, 'x', fake.big);
        reply.name = big;
    }
    struct fake_answer *made = co_calloc(1, sizeof *made);
    made->answer = (struct co_answer){.index = fake.index, .refs = 1};
    made->view = ask->view;
    made->answer.object = ask->view->render(ask->view, ask, fake.index, &reply, &size);
    fake.evaluated++;
    done(arg, CO_OK, NULL, &made->answer);
    co_answer_release(&made->answer);
    free(big);
}

struct co_asking *co_ask(struct co_ctx *ctx, const struct co_ask *ask, co_asked *done, void *arg) {
    (void)ctx;
    if (!fake.has_leader && ask->consistency != CO_READ_STALE) {
        struct co_error error;
        co_fail(&error, CO_NO_LEADER, "No cluster leader");
        done(arg, CO_NO_LEADER, &error, NULL);
        return NULL;
    }
    if (ask->min_index == 0 || fake.index > ask->min_index) {
        evaluate(ask, done, arg);
        return NULL;
    }
    struct co_asking *asking = co_calloc(1, sizeof *asking);
    *asking = (struct co_asking){fake.waiting, *ask, {"waited"}, done, arg};
    asking->ask.request = &asking->thing;
    return fake.waiting = asking;
}

void co_ask_cancel(struct co_asking *asking) {
    struct co_asking **at = &fake.waiting;
    while (*at != asking) at = &(*at)->next;
    *at = asking->next;
    free(asking);
    fake.cancelled++;
}

static void change_data(void) {
    fake.index++;
    while (fake.waiting) {
        struct co_asking *asking = fake.waiting;
        fake.waiting = asking->next;
        evaluate(&asking->ask, asking->done, asking->arg);
        free(asking);
    }
}

static void finish_write(void *arg) {
    (void)arg;
    co_written *done = fake.write_done;
    fake.write_done = NULL;
    done(fake.write_arg, CO_OK, NULL, ++fake.index, NULL);
}

void co_write(struct co_ctx *ctx, const struct co_method *method, void *request, struct co_arena *arena,
              co_written *done, void *arg) {
    (void)ctx, (void)method, (void)request, (void)arena;
    fake.write_done = done;
    fake.write_arg = arg;
    if (!fake.holds_writes) co_defer_start(fake.loop, &fake.later, finish_write, NULL);
}

/* --- its routes --- */

static void render_thing(struct co_http_page *page, const void *request, const void *reply, uint64_t variant) {
    (void)request;
    if (variant == 404) {
        page->status = 404;
        page->content_type = NULL;
        return;
    }
    co_http_page_json(page, &thing_schema, reply);
}

static void handle_thing(void *self, struct co_http *http) {
    struct thing thing = {http->params[0]};
    (void)self;
    if (strcmp(thing.name, "headed") == 0) co_http_set_header(http, "X-Extra", "yes");
    co_http_ask(http, &ask_method, &thing, render_thing, strcmp(thing.name, "none") == 0 ? 404 : 0);
}

static void handle_put(void *self, struct co_http *http) {
    struct thing thing = {"put"};
    (void)self;
    co_http_write(http, &write_method, &thing, NULL);
}

static void handle_echo(void *self, struct co_http *http) {
    (void)self;
    const char *kind = co_http_query(http, "type");
    co_http_reply(http, 200, kind ? kind : "text/plain", http->body.size ? http->body : http->tail);
}

static void stream_closed(void *arg) {
    (void)arg;
    fake.closed++;
    fake.stream = NULL;
}

static void handle_stream(void *self, struct co_http *http) {
    (void)self;
    fake.stream = http;
    http->ops->stream_begin(http, 200, "text/plain", stream_closed, NULL);
}

static const struct co_route routes[] = {
    {.verbs = CO_GET, .pattern = "/v1/thing/:name", .handle = handle_thing},
    {.verbs = CO_PUT | CO_DELETE, .pattern = "/v1/put", .handle = handle_put},
    {.verbs = CO_GET | CO_PUT, .pattern = "/v1/echo/*", .handle = handle_echo},
    {.verbs = CO_PUT, .pattern = "/v1/small", .handle = handle_echo, .body_max = 10},
    {.verbs = CO_GET, .pattern = "/v1/stream", .handle = handle_stream},
};

void co_ctx_offers(struct co_ctx *ctx, enum co_offer_kind kind,
                   void (*visit)(void *arg, const struct co_module *, void *self, const struct co_offer *), void *arg) {
    static const struct co_module module = {.name = "fake"};
    struct co_offer offer = {kind, "fake", routes, CO_COUNT(routes)};
    (void)ctx;
    assert_int_equal(kind, CO_OFFER_ROUTES);
    visit(arg, &module, NULL, &offer);
}

/* --- starting and stopping --- */

static struct http_settings fresh_settings(void) {
    return (struct http_settings){
        .rules = {.max_header_bytes = 16384}, .idle_timeout = {120 * CO_SECOND}, .connections_max = 100};
}

static struct co_limits fake_limits; /* of the next agent */

static void start_with(struct http_settings settings, const char *address) {
    struct co_error error = {0};
    memset(&fake, 0, sizeof fake);
    fake.index = 7;
    fake.has_leader = true;
    fake.loop = co_loop_new();
    fake.settings = (struct co_agent_settings){
        .datacenter = "dc1", .client_addr = address, .addresses = {.http = ""}, .limits = fake_limits};
    fake.agent = (struct co_agent){.loop = fake.loop, .settings = &fake.settings};
    fake.agent.metrics = co_metrics_new(fake.loop, "consul", NULL);
    fake.ctx = (struct co_ctx){.agent = &fake.agent, .log = co_log_named("agent.http")};
    if (http_init(&fake.ctx, &fake.server, &settings, &error) || http_start(&fake.server, &error))
        fail_msg("%s", error.text);
    const char *colon = strrchr(fake.server.listeners->address, ':');
    fake.port = colon ? (uint16_t)atoi(colon + 1) : 0;
}

static int start(void **state) {
    (void)state;
    start_with(fresh_settings(), "127.0.0.1");
    return 0;
}

static void note_stopped(void *arg) {
    *(bool *)arg = true;
}

static bool turn_until(const bool *condition) {
    uint64_t end = co_mono_ns() + DEADLINE_MS * 1000000ull;
    while (!*condition && co_mono_ns() < end) co_loop_turn(fake.loop, 20);
    return *condition;
}

static int stop(void **state) {
    (void)state;
    http_stop(&fake.server, note_stopped, &fake.is_stopped);
    assert_true(turn_until(&fake.is_stopped));
    http_fini(&fake.server);
    assert_null(fake.waiting);
    co_metrics_free(fake.agent.metrics);
    co_loop_free(fake.loop);
    return 0;
}

/* --- a client --- */

struct client {
    int fd;
    char bytes[256 * 1024];
    size_t size;
    bool is_closed;
};

static struct client *client_of(int fd) {
    struct client *client = co_calloc(1, sizeof *client);
    client->fd = fd;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return client;
}

static struct client *client_new(void) {
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(fake.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return client_of(fd);
}

static void client_free(struct client *client) {
    close(client->fd);
    free(client);
}

static void turn(struct client *client) {
    co_loop_turn(fake.loop, 10);
    ssize_t got = recv(client->fd, client->bytes + client->size, sizeof client->bytes - 1 - client->size, MSG_DONTWAIT);
    if (got > 0) client->size += (size_t)got;
    if (got == 0 || (got < 0 && errno == ECONNRESET)) client->is_closed = true;
    client->bytes[client->size] = '\0';
}

static void say_bytes(struct client *client, const char *bytes, size_t size) {
    for (size_t sent = 0; sent < size;) {
        ssize_t took = send(client->fd, bytes + sent, size - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (took > 0) sent += (size_t)took;
        if (took < 0 && errno != EAGAIN) return;
        turn(client);
    }
}

static void say(struct client *client, const char *text) {
    say_bytes(client, text, strlen(text));
}

/* Turns the loop until `text` has arrived. */
static bool hears(struct client *client, const char *text) {
    uint64_t end = co_mono_ns() + DEADLINE_MS * 1000000ull;
    while (!strstr(client->bytes, text) && !client->is_closed && co_mono_ns() < end) turn(client);
    return strstr(client->bytes, text) != NULL;
}

static bool is_closed(struct client *client) {
    uint64_t end = co_mono_ns() + DEADLINE_MS * 1000000ull;
    while (!client->is_closed && co_mono_ns() < end) turn(client);
    return client->is_closed;
}

/* Some turns in which nothing is expected to happen. */
static void idle(struct client *client) {
    for (int i = 0; i < 5; i++) turn(client);
}

/* One request, one whole answer; forgets what came before. */
static const char *talk(struct client *client, const char *request) {
    client->size = 0;
    client->bytes[0] = '\0';
    say(client, request);
    if (!hears(client, "\r\n\r\n")) fail_msg("no answer to %s", request);
    const char *length = strstr(client->bytes, "Content-Length: "), *body = strstr(client->bytes, "\r\n\r\n") + 4;
    bool is_head = strncmp(request, "HEAD", 4) == 0;
    size_t want = length && !is_head ? (size_t)(body - client->bytes) + strtoul(length + 16, NULL, 10) : 0;
    uint64_t end = co_mono_ns() + DEADLINE_MS * 1000000ull;
    while (client->size < want && co_mono_ns() < end) turn(client);
    return client->bytes;
}

static const char *body_of(const char *answer) {
    return strstr(answer, "\r\n\r\n") + 4;
}

#define HOST "Host: x\r\n"
static const char *get(struct client *client, const char *target) {
    char request[2048];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n" HOST "\r\n", target);
    return talk(client, request);
}

#define assert_starts(text, start) assert_int_equal(strncmp((text), (start), strlen(start)), 0)
#define assert_holds(text, part)                                                                                       \
    do {                                                                                                               \
        if (!strstr((text), (part))) fail_msg("\"%s\" is not in\n%s", (part), (text));                                 \
    } while (0)

/* --- the tests --- */

static void a_read_is_answered_with_its_headers(void **state) {
    (void)state;
    struct client *client = client_new();
    const char *answer = get(client, "/v1/thing/a");
    assert_starts(answer, "HTTP/1.1 200 OK\r\n");
    assert_holds(answer, "\r\nContent-Type: application/json\r\n");
    assert_holds(answer, "\r\nVary: Accept-Encoding\r\n");
    assert_holds(answer, "\r\nX-Consul-Index: 7\r\n");
    assert_holds(answer, "\r\nX-Consul-Knownleader: true\r\n");
    assert_holds(answer, "\r\nX-Consul-Lastcontact: 0\r\n");
    assert_holds(answer, "\r\nX-Consul-Effective-Consistency: leader\r\n");
    assert_string_equal(body_of(answer), "{\"Name\":\"a\"}");
    answer = get(client, "/v1/thing/none?stale");
    assert_starts(answer, "HTTP/1.1 404 Not Found\r\n");
    assert_holds(answer, "X-Consul-Effective-Consistency: stale\r\n");
    assert_null(strstr(answer, "Content-Type"));
    assert_string_equal(body_of(answer), "");
    answer = get(client, "/v1/thing/b?pretty");
    assert_string_equal(body_of(answer), "{\n    \"Name\": \"b\"\n}\n");
    answer = get(client, "/v1/thing/headed");
    assert_holds(answer, "\r\nX-Extra: yes\r\n");
    assert_null(strstr(get(client, "/v1/thing/a"), "X-Extra"));
    answer = talk(client, "HEAD /v1/thing/a HTTP/1.1\r\n" HOST "\r\n");
    assert_holds(answer, "Content-Length: 12\r\n");
    assert_string_equal(body_of(answer), "");
    client_free(client);
}

static void pipelined_requests_are_answered_in_order(void **state) {
    (void)state;
    struct client *client = client_new();
    say(client, "GET /v1/thing/a HTTP/1.1\r\n" HOST "\r\nPUT /v1/put HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx"
                "GET /v1/thing/b HTTP/1.1\r\n" HOST "\r\n");
    assert_true(hears(client, "\"b\"}"));
    const char *first = strstr(client->bytes, "\"a\"}"), *second = strstr(client->bytes, "\r\n\r\ntrue");
    assert_true(first && second && first < second);
    client_free(client);
}

static void verbs_and_paths_are_refused_as_consul_does(void **state) {
    (void)state;
    struct client *client = client_new();
    const char *answer = talk(client, "PUT /v1/thing/a HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nxy");
    assert_starts(answer, "HTTP/1.1 405 ");
    assert_holds(answer, "\r\nAllow: OPTIONS,GET\r\n");
    assert_holds(answer, "\r\nContent-Type: text/plain; charset=utf-8\r\n");
    assert_string_equal(body_of(answer), "method PUT not allowed");
    answer = talk(client, "BREW /v1/thing/a HTTP/1.1\r\n" HOST "\r\n");
    assert_string_equal(body_of(answer), "method BREW not allowed");
    answer = talk(client, "OPTIONS /v1/echo/a HTTP/1.1\r\n" HOST "\r\n");
    assert_starts(answer, "HTTP/1.1 200 ");
    assert_holds(answer, "\r\nAllow: OPTIONS,GET,PUT\r\n");
    assert_starts(get(client, "/v1/nothing"), "HTTP/1.1 404 ");
    assert_string_equal(body_of(client->bytes), "");
    answer = get(client, "/v1//thing/../thing/a?stale");
    assert_starts(answer, "HTTP/1.1 301 ");
    assert_holds(answer, "\r\nLocation: /v1/thing/a?stale\r\n");
    assert_string_equal(body_of(answer), "<a href=\"/v1/thing/a?stale\">Moved Permanently</a>.\n\n");
    assert_holds(get(client, "/v1/echo?x=<b>"), "\r\nLocation: /v1/echo/?x=<b>\r\n");
    assert_null(strstr(body_of(client->bytes), "<b>"));
    assert_starts(get(client, "/v1/echo/%zz"), "HTTP/1.1 400 ");
    assert_starts(get(client, "/v1/echo/%00"), "HTTP/1.1 400 ");
    assert_starts(get(client, "/v1/echo/a?b=%z"), "HTTP/1.1 400 ");
    assert_string_equal(body_of(get(client, "/v1/echo/sl%2Fa+sh")), "sl/a+sh");
    assert_string_equal(body_of(get(client, "http://x/v1/echo/abs")), "abs");
    client_free(client);
}

static void query_parameters_of_reads_are_checked(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"index=abc", "Invalid index"},
        {"index=-1", "Invalid index"},
        {"index=18446744073709551616", "Invalid index"},
        {"index=1&wait=abc", "Invalid wait time"},
        {"index=1&wait=10", "Invalid wait time"},
        {"wait=1d", "Invalid wait time"},
        {"stale&consistent", "Cannot specify ?stale with ?consistent, conflicting semantics."},
        {"cached&consistent", "Cannot specify ?cached with ?consistent, conflicting semantics."},
        {"dc=other", "No path to datacenter"},
        {"index=", "{\"Name\":\"a\"}"},
        {"index=1&wait=", "{\"Name\":\"a\"}"},
        {"index=1&wait=-1s", "{\"Name\":\"a\"}"},
        {"index=1&wait=0", "{\"Name\":\"a\"}"},
        {"index=6;wait=1m30s", "{\"Name\":\"a\"}"},
        {"dc=dc1&token=zzz&unknown&max_stale=5s", "{\"Name\":\"a\"}"},
    };
    struct client *client = client_new();
    for (size_t i = 0; i < CO_COUNT(cases); i++) {
        char target[128];
        snprintf(target, sizeof target, "/v1/thing/a?%s", cases[i][0]);
        assert_string_equal(body_of(get(client, target)), cases[i][1]);
    }
    fake.has_leader = false;
    const char *answer = get(client, "/v1/thing/a");
    assert_starts(answer, "HTTP/1.1 500 ");
    assert_holds(answer, "\r\nX-Consul-Knownleader: false\r\n");
    assert_string_equal(body_of(answer), "No cluster leader");
    client_free(client);
}

static void writes_wait_for_their_commit(void **state) {
    (void)state;
    struct client *client = client_new(), *other = client_new();
    fake.holds_writes = true;
    say(client, "PUT /v1/put HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc");
    while (!fake.write_done) turn(client);
    assert_string_equal(body_of(get(other, "/v1/thing/meanwhile")), "{\"Name\":\"meanwhile\"}");
    assert_int_equal(client->size, 0);
    finish_write(NULL);
    assert_true(hears(client, "\r\n\r\ntrue"));
    client_free(client);
    client_free(other);
}

static void bodies_arrive_whole_and_bounded(void **state) {
    (void)state;
    struct client *client = client_new();
    const char *answer = talk(client, "PUT /v1/echo/x HTTP/1.1\r\n" HOST
                                      "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    assert_string_equal(body_of(answer), "abcde");
    assert_starts(talk(client, "PUT /v1/echo/x HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n"),
                  "HTTP/1.1 100 ");
    assert_holds(talk(client, "xyz"), "\r\n\r\nxyz");
    answer = talk(client, "PUT /v1/small HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\n0123456789");
    assert_string_equal(body_of(answer), "0123456789");
    answer = talk(client, "PUT /v1/small HTTP/1.1\r\n" HOST "Content-Length: 11\r\n\r\n0123456789a");
    assert_starts(answer, "HTTP/1.1 413 ");
    assert_string_equal(body_of(answer), "Request body(11 bytes) too large, max size: 10 bytes.");
    answer = talk(client,
                  "PUT /v1/small HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nb\r\n0123456789a\r\n0\r\n\r\n");
    assert_string_equal(body_of(answer), "Request body(11 bytes) too large, max size: 10 bytes.");
    size_t size = 100000;
    char *big = co_malloc(size);
    memset(big, 'b', size);
    client->size = 0;
    say(client, "PUT /v1/echo/x HTTP/1.1\r\n" HOST "Content-Length: 100000\r\n\r\n");
    say_bytes(client, big, size);
    while (client->size < size && !client->is_closed) turn(client);
    assert_holds(client->bytes, "Content-Length: 100000\r\n");
    free(big);
    /* Far too large: refused before it is read, and the connection ends. */
    answer = talk(client, "PUT /v1/small HTTP/1.1\r\n" HOST "Content-Length: 999999999999\r\n\r\n");
    assert_starts(answer, "HTTP/1.1 413 ");
    assert_true(is_closed(client));
    client_free(client);
}

static void ambiguous_requests_are_refused(void **state) {
    (void)state;
    static const char *const cases[] = {
        "PUT /v1/put HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "PUT /v1/put HTTP/1.1\r\n" HOST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "PUT /v1/put HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\nabc",
        "PUT /v1/put HTTP/1.1\r\n" HOST "Content-Length: x\r\n\r\nabc",
        "GET /v1/thing/a HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "GET /v1/thing/a HTTP/1.1\r\n" HOST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x",
        "GET /v1/thing/a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n",
        "PUT /v1/put HTTP/1.1\r\n" HOST "Content-Length : 3\r\n\r\nabc",
        "GET /v1/thing/a HTTP/1.1\r\n" HOST "Content-Length : 4\r\n\r\nGET ",
        "GET /v1/thing/a HTTP/1.1\r\n" HOST "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n",
        "GET /v1/thing/a b HTTP/1.1\r\n" HOST "\r\n",
        "GET /v1/thing/a HTTP/1.1\r\n\r\n",
        "nonsense\r\n\r\n",
    };
    for (size_t i = 0; i < CO_COUNT(cases); i++) {
        struct client *client = client_new();
        say(client, cases[i]);
        if (!is_closed(client)) fail_msg("still open after %s", cases[i]);
        if (client->size && strncmp(client->bytes, "HTTP/1.1 400 ", 13) != 0)
            fail_msg("%s: %s", cases[i], client->bytes);
        client_free(client);
    }
}

static void a_blocking_query_waits_for_a_change(void **state) {
    (void)state;
    struct client *client = client_new();
    say(client, "GET /v1/thing/a?index=7&wait=60s HTTP/1.1\r\n" HOST "\r\n");
    while (!fake.waiting) turn(client);
    assert_true(fake.waiting->ask.wait_ns == 60 * CO_SECOND);
    idle(client);
    assert_int_equal(client->size, 0);
    change_data();
    assert_true(hears(client, "{\"Name\":\"waited\"}"));
    assert_holds(client->bytes, "X-Consul-Index: 8\r\n");
    assert_string_equal(body_of(get(client, "/v1/thing/again")), "{\"Name\":\"again\"}"); /* the connection lives on */
    client_free(client);
}

static void a_client_that_goes_away_takes_its_question_along(void **state) {
    (void)state;
    struct client *gone = client_new(), *stays = client_new();
    say(gone, "GET /v1/thing/a?index=7 HTTP/1.1\r\n" HOST "\r\n");
    while (!fake.waiting) turn(gone);
    client_free(gone);
    uint64_t end = co_mono_ns() + DEADLINE_MS * 1000000ull;
    while (fake.cancelled == 0 && co_mono_ns() < end) turn(stays);
    assert_int_equal(fake.cancelled, 1);
    while (fake.server.live_count > 0 && co_mono_ns() < end) turn(stays);
    assert_int_equal(fake.server.live_count, 0);
    client_free(stays);
}

static void large_answers_are_compressed_on_request(void **state) {
    (void)state;
    struct client *client = client_new();
    fake.big = 5000;
    const char *answer = talk(client, "GET /v1/thing/a HTTP/1.1\r\n" HOST "Accept-Encoding: deflate, gzip\r\n\r\n");
    assert_holds(answer, "\r\nContent-Encoding: gzip\r\n");
    assert_holds(answer, "\r\nX-Consul-Index: 7\r\n");
    char plain[8192] = "";
    z_stream stream = {.next_in = (Bytef *)body_of(answer), .next_out = (Bytef *)plain, .avail_out = sizeof plain};
    stream.avail_in = (uInt)(client->size - (size_t)(body_of(answer) - answer));
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    inflateEnd(&stream);
    assert_int_equal(strlen(plain), 5000 + strlen("{\"Name\":\"\"}"));
    assert_null(strstr(talk(client, "GET /v1/thing/a HTTP/1.1\r\n" HOST "Accept-Encoding: gzip;q=0\r\n\r\n"),
                       "Content-Encoding"));
    assert_null(strstr(get(client, "/v1/thing/a"), "Content-Encoding"));
    fake.big = 0;
    assert_null(
        strstr(talk(client, "GET /v1/thing/a HTTP/1.1\r\n" HOST "Accept-Encoding: gzip\r\n\r\n"), "Content-Encoding"));
    client_free(client);
}

static void streams_flow_and_end(void **state) {
    (void)state;
    struct client *client = client_new();
    say(client, "GET /v1/stream HTTP/1.1\r\n" HOST "\r\n");
    while (!fake.stream) turn(client);
    idle(client);
    fake.stream->ops->stream_chunk(fake.stream, co_bytes_text("first line\n"));
    assert_true(hears(client, "first line\n"));
    fake.stream->ops->stream_chunk(fake.stream, co_bytes_text("second"));
    fake.stream->ops->stream_chunk(fake.stream, co_bytes_text(" line\n"));
    assert_true(hears(client, "second line\n"));
    fake.stream->ops->stream_end(fake.stream);
    assert_true(hears(client, "\r\n0\r\n\r\n"));
    assert_int_equal(fake.closed, 0);
    client_free(client);

    struct client *gone = client_new(), *other = client_new();
    fake.stream = NULL;
    say(gone, "GET /v1/stream HTTP/1.1\r\n" HOST "\r\n");
    while (!fake.stream) turn(gone);
    idle(gone);
    client_free(gone);
    uint64_t end = co_mono_ns() + DEADLINE_MS * 1000000ull;
    while (!fake.closed && co_mono_ns() < end) turn(other);
    assert_int_equal(fake.closed, 1);
    client_free(other);
}

static void stopping_answers_those_who_wait(void **state) {
    (void)state;
    struct client *client = client_new(), *writer = client_new(), *half = client_new();
    say(client, "GET /v1/thing/a?index=7 HTTP/1.1\r\n" HOST "\r\n");
    fake.holds_writes = true;
    say(writer, "PUT /v1/put HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n");
    say(half, "PUT /v1/put HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nab");
    while (!fake.waiting || !fake.write_done) turn(client);
    idle(half);
    http_stop(&fake.server, note_stopped, &fake.is_stopped);
    assert_true(hears(client, "HTTP/1.1 503 "));
    assert_false(fake.is_stopped); /* a write is on its way */
    finish_write(NULL);
    assert_true(hears(writer, "\r\n\r\ntrue"));
    assert_true(turn_until(&fake.is_stopped));
    assert_true(is_closed(half));
    client_free(client);
    client_free(writer);
    client_free(half);
    fake.is_stopped = false;
}

static void a_write_may_outlive_the_server(void **state) {
    (void)state;
    struct client *client = client_new();
    fake.holds_writes = true;
    say(client, "PUT /v1/put HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n");
    while (!fake.write_done) turn(client);
    http_stop(&fake.server, note_stopped, &fake.is_stopped);
    assert_true(turn_until(&fake.is_stopped)); /* after its two seconds */
    assert_true(is_closed(client));
    http_fini(&fake.server);
    finish_write(NULL);
    client_free(client);
    co_metrics_free(fake.agent.metrics);
    co_loop_free(fake.loop);
}

static void a_port_in_use_is_explained(void **state) {
    (void)state;
    struct http_server second = {0};
    struct http_settings settings = fresh_settings();
    struct co_error error = {0};
    char want[128];
    fake.settings.ports.http = fake.port;
    assert_int_equal(http_init(&fake.ctx, &second, &settings, &error), CO_OK);
    assert_int_not_equal(http_start(&second, &error), CO_OK);
    snprintf(want, sizeof want,
             "cannot listen on 127.0.0.1:%d: address already in use; another agent? Change ports.http", fake.port);
    assert_string_equal(error.text, want);
    http_fini(&second);
}

static void unix_sockets_serve_too(void **state) {
    (void)state;
    char folder[] = "/tmp/http_server_test.XXXXXX", address[128];
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    assert_non_null(mkdtemp(folder));
    snprintf(to.sun_path, sizeof to.sun_path, "%s/sock", folder);
    snprintf(address, sizeof address, "unix://%s", to.sun_path);
    struct http_settings settings = fresh_settings();
    struct stat file;
    settings.socket_file.mode = "0620";
    start_with(settings, address);
    assert_int_equal(stat(to.sun_path, &file), 0);
    assert_int_equal(file.st_mode & 0777, 0620);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    struct client *client = client_of(fd);
    assert_string_equal(body_of(get(client, "/v1/echo/local")), "local");
    client_free(client);
    stop(NULL);
    assert_int_not_equal(access(to.sun_path, F_OK), 0);
    rmdir(folder);
}

static void owners_of_sockets_are_names_or_numbers(void **state) {
    (void)state;
    static const char *const cases[] = {"-1", "4294967295", "99999999999", "12x", " 1", "no such user"};
    const char *address = "unix:///tmp/http_server_test.owner";
    for (size_t i = 0; i < CO_COUNT(cases); i++) {
        struct http_socket_file file = {.user = cases[i]};
        struct http_socket opened = {.fd = -1};
        struct co_error error = {0};
        assert_int_equal(http_socket_open(&file, address, strlen(address), 0, &opened, &error), CO_INVALID);
        assert_holds(error.text, cases[i]);
    }
}

static void the_rules_of_http_config_hold(void **state) {
    (void)state;
    const char *blocked[] = {"/v1/echo"}, *writers[] = {"10.0.0.0/8", "::1"};
    struct co_pair header = {"Access-Control-Allow-Origin", "*"};
    struct http_settings settings = fresh_settings();
    settings.rules.block_endpoints = (struct co_strings){blocked, 1};
    settings.rules.allow_write_http_from = (struct co_strings){writers, 2};
    settings.rules.response_headers = (struct co_map){&header, 1};
    start_with(settings, "127.0.0.1");
    struct client *client = client_new();
    assert_string_equal(body_of(get(client, "/v1/echo/x")), "Endpoint is blocked by agent configuration");
    const char *answer = talk(client, "PUT /v1/put HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n");
    assert_starts(answer, "HTTP/1.1 403 ");
    assert_string_equal(body_of(answer), "Access is restricted");
    assert_holds(get(client, "/v1/thing/a"), "\r\nAccess-Control-Allow-Origin: *\r\n");
    client_free(client);
    stop(NULL);
}

static void the_limit_of_values_raises_that_of_bodies(void **state) {
    (void)state;
    size_t size = HTTP_BODY_DEFAULT + 1;
    char *big = co_malloc(size);
    memset(big, 'b', size);
    fake_limits.kv_max_value_size = HTTP_BODY_DEFAULT * 2;
    start_with(fresh_settings(), "127.0.0.1");
    fake_limits.kv_max_value_size = 0;
    struct client *client = client_new();
    say(client, "PUT /v1/put HTTP/1.1\r\n" HOST "Content-Length: 524289\r\n\r\n");
    say_bytes(client, big, size);
    assert_true(hears(client, "\r\n\r\ntrue"));
    client_free(client);
    free(big);
    stop(NULL);
}

static void networks_are_parsed_and_matched(void **state) {
    (void)state;
    struct http_network network, one;
    assert_true(http_network_parse("10.1.2.0/23", &network));
    assert_true(http_network_parse("10.1.3.255", &one));
    assert_true(http_network_holds(&network, one.address));
    assert_true(http_network_parse("10.1.4.0", &one));
    assert_false(http_network_holds(&network, one.address));
    assert_true(http_network_parse("0.0.0.0/0", &network));
    assert_true(http_network_holds(&network, one.address));
    assert_true(http_network_parse("fd00::/8", &network));
    assert_false(http_network_holds(&network, one.address));
    assert_false(http_network_parse("10.0.0.0/33", &network));
    assert_false(http_network_parse("10.0.0.0/", &network));
    assert_false(http_network_parse("10.0.0.0/8x", &network));
    assert_false(http_network_parse("fd00::/129", &network));
    assert_false(http_network_parse("here", &network));
}

int main(void) {
#define SERVED(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        SERVED(a_read_is_answered_with_its_headers),
        SERVED(pipelined_requests_are_answered_in_order),
        SERVED(verbs_and_paths_are_refused_as_consul_does),
        SERVED(query_parameters_of_reads_are_checked),
        SERVED(writes_wait_for_their_commit),
        SERVED(bodies_arrive_whole_and_bounded),
        SERVED(ambiguous_requests_are_refused),
        SERVED(a_blocking_query_waits_for_a_change),
        SERVED(a_client_that_goes_away_takes_its_question_along),
        SERVED(large_answers_are_compressed_on_request),
        SERVED(streams_flow_and_end),
        SERVED(stopping_answers_those_who_wait),
        cmocka_unit_test_setup(a_write_may_outlive_the_server, start),
        SERVED(a_port_in_use_is_explained),
        cmocka_unit_test(unix_sockets_serve_too),
        cmocka_unit_test(owners_of_sockets_are_names_or_numbers),
        cmocka_unit_test(the_rules_of_http_config_hold),
        cmocka_unit_test(the_limit_of_values_raises_that_of_bodies),
        cmocka_unit_test(networks_are_parsed_and_matched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
