/* The two transports. They know sockets, bytes and limits; what a packet means is behind `serve`. Thread: the loop. */
#ifndef COHORT_DNS_SERVER_H
#define COHORT_DNS_SERVER_H

#include <sys/socket.h>

#include "cohort/log.h"
#include "cohort/loop.h"

enum {
    DNS_BATCH = 32,        /* datagrams per system call */
    DNS_UDP_IN_MAX = 1500, /* bytes of one; a question is a few hundred at most */
    DNS_TCP_IN_MAX = 4096, /* bytes of one question over TCP, and of the read buffer */
    DNS_CONNECTIONS_LIMIT = 65536,
};

struct dns_listener;
struct dns_connection;

struct dns_server {
    struct co_loop *loop;
    struct co_log *log; /* may be NULL */
    void *arg;
    /* Called before the first and after the last of a batch. */
    void (*begin)(void *arg);
    void (*finish)(void *arg, size_t count);
    /* Answers one packet into `out` (udp_out_max or 65535 bytes). 0: no answer. */
    size_t (*serve)(void *arg, const uint8_t *packet, size_t size, bool is_tcp, uint8_t *out);
    size_t udp_out_max;
    int receive_buffer; /* SO_RCVBUF; 0: the system's default */
    uint32_t connections_max, connections_per_client;
    uint64_t idle_ms;

    struct dns_listener *listeners;
    struct dns_connection *connections; /* newest first */
    uint32_t connection_count;
    struct dns_udp_batch *batch;
    uint8_t *tcp_out;
    uint64_t dropped; /* datagrams that found the way back full */
    struct co_log_limit refused_limit, accept_limit;
};

struct dns_listener {
    struct dns_server *server;
    struct dns_listener *next;
    struct co_io *io;
    struct co_timer pause; /* TCP: no descriptors left */
    int fd;
    bool is_tcp, has_packet_info; /* bound to all addresses: answer from the one that was asked */
    char address[80];
};

/* listen.c: `addresses` is blank-separated; port 0 lets the kernel choose, one for both. */
co_status dns_listen(struct dns_server *, const char *addresses, int port, struct co_error *);
int dns_server_port(const struct dns_server *, bool is_tcp); /* of the first listener */
void dns_server_close(struct dns_server *);                  /* everything; may be called again */

/* udp.c, tcp.c */
void dns_udp_ready(void *listener, unsigned events);
void dns_udp_batch_new(struct dns_server *);
void dns_udp_batch_free(struct dns_server *);
void dns_tcp_ready(void *listener, unsigned events);
void dns_tcp_close_all(struct dns_server *);
/* Serves a connected socket, which is the server's from then on. */
void dns_tcp_adopt(struct dns_server *, int fd, const struct sockaddr_storage *from);

#endif
