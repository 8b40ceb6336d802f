/* Health checker "redis": connects, sends PING and expects +PONG (RESP, one line each way).
 *     check { name = "cache" redis = "127.0.0.1:6379" interval = "10s" } */
#include <cohort/checker.h>
#include <errno.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

struct settings {
    const char *redis;
};
CO_SCHEMA(schema, struct settings, "RedisCheck",
          CO_FIELD(0, struct settings, redis, "Redis", CO_REQUIRED, .doc = "IP address and port of the server."));

struct redis {
    struct co_loop *loop;
    struct sockaddr_storage address;
    struct co_probe *probe;
    struct co_io *io;
    int fd;
};

static co_status redis_open(const struct co_checker_env *env, void *state, const void *settings,
                            struct co_error *error) {
    struct redis *redis = state;
    const char *target = ((const struct settings *)settings)->redis, *colon = strrchr(target, ':');
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM}, *found = NULL;
    char host[64] = "";
    if (colon && (size_t)(colon - target) < sizeof host) memcpy(host, target, (size_t)(colon - target));
    if (!colon || getaddrinfo(host, colon + 1, &hints, &found))
        return co_fail(error, CO_INVALID, "redis = \"%s\" is no address; write it like \"127.0.0.1:6379\"", target);
    redis->loop = env->loop;
    memcpy(&redis->address, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return CO_OK;
}

static void redis_cancel(void *state) {
    struct redis *redis = state;
    co_io_free(redis->io);
    close(redis->fd);
}

static void finish(struct redis *redis, enum co_health health, const char *what) {
    redis_cancel(redis);
    co_probe_donef(redis->probe, health, "Redis PING: %s", what);
}

static void redis_ready(void *arg, unsigned events) {
    struct redis *redis = arg;
    char answer[64] = "";
    if (events & CO_IO_WRITE) { /* connected, or refused: then send() says why */
        if (send(redis->fd, "PING\r\n", 6, MSG_NOSIGNAL) != 6) return finish(redis, CO_CRITICAL, strerror(errno));
        return co_io_watch(redis->io, CO_IO_READ);
    }
    ssize_t size = recv(redis->fd, answer, sizeof answer - 1, 0);
    if (size <= 0) return finish(redis, CO_CRITICAL, size < 0 ? strerror(errno) : "connection closed");
    answer[strcspn(answer, "\r\n")] = '\0';
    finish(redis, strncmp(answer, "+PONG", 5) ? CO_CRITICAL : CO_PASSING, answer);
}

static void redis_probe(void *state, struct co_probe *probe) {
    struct redis *redis = state;
    redis->probe = probe;
    redis->fd = socket(redis->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (redis->fd < 0) return co_probe_donef(probe, CO_CRITICAL, "Redis PING: socket: %s", strerror(errno));
    redis->io = co_io_new(redis->loop, redis->fd, redis_ready, redis);
    co_io_watch(redis->io, CO_IO_WRITE);
    connect(redis->fd, (struct sockaddr *)&redis->address, sizeof redis->address);
}

static const struct co_checker checker = {"redis", "redis",    false,       &schema,      sizeof(struct redis),
                                          0,       redis_open, redis_probe, redis_cancel, NULL};
static const struct co_offer offers[] = {{CO_OFFER_CHECKER, "redis", &checker, 1}, {CO_OFFER_END, NULL, NULL, 0}};
const struct co_module CO_MODULE_SYMBOL(check_redis) = {CO_MODULE_ABI, sizeof(struct co_module), "check_redis",
                                                        "health checker: PING to Redis", .offers = offers};
