/* The transports on real sockets and the real loop, in front of a server that answers with the question twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "core.h"
#include "dns/server.h"

struct world {
    struct co_loop *loop;
    struct dns_server server;
    size_t served, batches;
    size_t answer_size; /* 0: twice the question */
};
static struct world world;

static void begin(void *arg) {
    ((struct world *)arg)->batches++;
}
static void finish(void *arg, size_t count) {
    (void)arg;
    (void)count;
}
static size_t serve(void *arg, const uint8_t *packet, size_t size, bool is_tcp, uint8_t *out) {
    struct world *at = arg;
    at->served++;
    if (size == 1) return 0; /* silence */
    if (is_tcp && at->answer_size) {
        memset(out, packet[0], at->answer_size);
        return at->answer_size;
    }
    memcpy(out, packet, size);
    memcpy(out + size, packet, size);
    return 2 * size;
}

static int set_up(void **state) {
    (void)state;
    world = (struct world){.loop = co_loop_new()};
    world.server = (struct dns_server){.loop = world.loop,
                                       .arg = &world,
                                       .begin = begin,
                                       .finish = finish,
                                       .serve = serve,
                                       .udp_out_max = 4096,
                                       .connections_max = 4,
                                       .connections_per_client = 3,
                                       .idle_ms = 60000};
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    dns_server_close(&world.server);
    assert_int_equal(world.server.connection_count, 0);
    co_loop_free(world.loop);
    return 0;
}

static void listen_here(void) {
    struct co_error error = {0};
    if (dns_listen(&world.server, "127.0.0.1 ::1", 0, &error)) fail_msg("%s", error.text);
}

static int dial(bool is_tcp) {
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)0), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct dns_listener *listener = world.server.listeners;
    while (listener->is_tcp != is_tcp || listener->address[0] == '[') listener = listener->next;
    to.sin_port = htons((uint16_t)atoi(strrchr(listener->address, ':') + 1));
    int fd = socket(AF_INET, is_tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

/* Lets the server work, then waits a moment for its answer. */
static void turn_loop(int fd) {
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    co_loop_turn(world.loop, 0);
    poll(&wanted, 1, 1);
}

/* Turns the loop until `size` bytes have come; fewer when the other side closes. */
static size_t read_all(int fd, uint8_t *in, size_t size) {
    size_t got = 0;
    for (int turn = 0; turn < 5000 && got < size; turn++) {
        turn_loop(fd);
        ssize_t some = recv(fd, in + got, size - got, 0);
        if (some == 0) break;
        if (some < 0 && errno != EAGAIN) break;
        if (some > 0) got += (size_t)some;
    }
    return got;
}

static bool is_closed(int fd) {
    uint8_t byte;
    for (int turn = 0; turn < 5000; turn++) {
        turn_loop(fd);
        ssize_t some = recv(fd, &byte, 1, 0);
        if (some == 0 || (some < 0 && errno != EAGAIN)) return true;
        if (some > 0) return false;
    }
    return false;
}

static void datagrams(void **state) {
    enum { COUNT = 100 };
    uint8_t in[100];
    bool has_come[COUNT] = {false};
    (void)state;
    listen_here();
    int fd = dial(false);
    for (int i = 0; i < COUNT; i++) {
        uint8_t packet[2] = {(uint8_t)i, 7};
        assert_int_equal(send(fd, packet, 2, 0), 2);
    }
    assert_int_equal(send(fd, in, 1, 0), 1);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(read_all(fd, in, 1), 1); /* a datagram is read whole or not at all */
        has_come[in[0]] = true;
    }
    for (int i = 0; i < COUNT; i++) assert_true(has_come[i]);
    assert_int_equal(world.served, COUNT + 1);
    assert_true(world.batches < COUNT / 4);
    close(fd);
}

static void one_question_in_pieces(void **state) {
    static const uint8_t question[] = {0, 5, 'h', 'e', 'l', 'l', 'o'};
    uint8_t in[100];
    (void)state;
    listen_here();
    int fd = dial(true);
    for (size_t i = 0; i < sizeof question; i++) {
        assert_int_equal(world.served, 0);
        assert_int_equal(send(fd, question + i, 1, 0), 1);
        for (int turn = 0; turn < 3; turn++) turn_loop(fd);
    }
    assert_int_equal(read_all(fd, in, 12), 12);
    assert_memory_equal(in, "\0\12hellohello", 12);
    close(fd);
}

static void questions_in_a_row(void **state) {
    static const uint8_t questions[] = {0, 2, 'a', 'b', 0, 1, 'x', 0, 2, 'c', 'd', 0, 0, 0, 2, 'e'};
    uint8_t in[100];
    (void)state;
    listen_here();
    int fd = dial(true);
    assert_int_equal(send(fd, questions, sizeof questions, 0), sizeof questions);
    assert_int_equal(read_all(fd, in, 12), 12);
    assert_memory_equal(in, "\0\4abab\0\4cdcd", 12);
    assert_int_equal(send(fd, "f", 1, 0), 1);
    assert_int_equal(read_all(fd, in, 6), 6);
    assert_memory_equal(in, "\0\4efef", 6);
    /* The client may have finished asking before it reads. */
    assert_int_equal(send(fd, "\0\2gh", 4, 0), 4);
    shutdown(fd, SHUT_WR);
    assert_int_equal(read_all(fd, in, 100), 6);
    assert_memory_equal(in, "\0\4ghgh", 6);
    close(fd);
}

static void too_long_questions(void **state) {
    (void)state;
    listen_here();
    int fd = dial(true);
    assert_int_equal(send(fd, "\x10\x01", 2, 0), 2); /* 4097 bytes */
    assert_true(is_closed(fd));
    assert_int_equal(world.server.connection_count, 0);
    close(fd);
}

/* A client that asks and asks and does not read gets one buffer of questions taken off it, no more. */
static void slow_readers(void **state) {
    enum { QUESTIONS = 400, ANSWER = 60000 };
    static uint8_t in[2 + ANSWER];
    int sent = 0;
    (void)state;
    listen_here();
    world.answer_size = ANSWER;
    int fd = dial(true);
    for (int turn = 0; turn < 400; turn++) {
        while (sent < QUESTIONS && send(fd, "\0\2ab", 4, 0) == 4) sent++;
        co_loop_turn(world.loop, 0);
    }
    size_t before = world.served;
    assert_true(before > 0 && before < QUESTIONS); /* the kernel's buffers hold some megabytes */
    for (int i = 0; i < sent; i++) {
        assert_int_equal(read_all(fd, in, sizeof in), sizeof in);
        assert_int_equal(in[0] << 8 | in[1], ANSWER);
        assert_int_equal(in[sizeof in - 1], 'a');
    }
    assert_int_equal(world.served, sent);
    close(fd);
}

static void idle_connections(void **state) {
    uint8_t in[100];
    (void)state;
    world.server.idle_ms = 50;
    listen_here();
    int fd = dial(true);
    assert_int_equal(send(fd, "\0\2ab\0", 5, 0), 5); /* half a question does not keep it open */
    assert_int_equal(read_all(fd, in, 6), 6);
    assert_true(is_closed(fd));
    close(fd);
}

static void too_many_connections(void **state) {
    int fds[5];
    uint8_t in[100];
    (void)state;
    listen_here();
    for (int i = 0; i < 5; i++) fds[i] = dial(true);
    assert_true(is_closed(fds[3])); /* three per client */
    assert_true(is_closed(fds[4]));
    assert_int_equal(world.server.connection_count, 3);
    close(fds[0]);
    for (int turn = 0; turn < 1000 && world.server.connection_count > 2; turn++) turn_loop(fds[1]);
    int again = dial(true);
    assert_int_equal(send(again, "\0\2ab", 4, 0), 4);
    assert_int_equal(read_all(again, in, 6), 6);
    close(again);
    for (int i = 1; i < 5; i++) close(fds[i]);
}

static void addresses(void **state) {
    struct co_error error = {0};
    (void)state;
    assert_int_equal(dns_listen(&world.server, "localhost nonsense", 0, &error), CO_INVALID);
    assert_non_null(strstr(error.text, "\"nonsense\""));
    dns_server_close(&world.server);
    assert_int_equal(dns_listen(&world.server, "  ", 0, &error), CO_INVALID);
    listen_here();
    int port = dns_server_port(&world.server, false);
    assert_int_equal(dns_server_port(&world.server, true), port); /* one port for both */
    struct world other = world;
    other.server.listeners = NULL;
    other.server.batch = NULL;
    assert_int_equal(dns_listen(&other.server, "[::1]", port, &error), CO_IO);
    assert_non_null(strstr(error.text, "address already in use"));
    assert_non_null(strstr(error.text, "ports.dns"));
    dns_server_close(&other.server);
}

/* On all addresses: the answer comes from the one that was asked, or a connected client would not see it. */
static void wildcard(void **state) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK + 1)}};
    struct co_error error = {0};
    uint8_t in[10];
    (void)state;
    if (dns_listen(&world.server, "0.0.0.0", 0, &error)) fail_msg("%s", error.text);
    to.sin_port = htons((uint16_t)dns_server_port(&world.server, false));
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(send(fd, "ab", 2, 0), 2);
    assert_int_equal(read_all(fd, in, 4), 4);
    assert_memory_equal(in, "abab", 4);
    close(fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(datagrams, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_question_in_pieces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(questions_in_a_row, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_long_questions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(slow_readers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(idle_connections, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_many_connections, set_up, tear_down),
        cmocka_unit_test_setup_teardown(addresses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wildcard, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
