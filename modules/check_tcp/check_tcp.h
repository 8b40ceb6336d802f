/* What the two files of check_tcp share. */
#ifndef CHECK_TCP_H
#define CHECK_TCP_H

#include "cohort/checker.h"

struct check_tcp_settings {
    const char *tcp;
};

struct check_tcp_lookup;

struct check_tcp {
    struct co_checker_env env;
    const char *target; /* as written: "host:port" */
    char host[256], port[8];
    const char *complaint;           /* what is wrong with the target, or NULL */
    struct co_probe *probe;          /* under way, or NULL */
    struct check_tcp_lookup *lookup; /* the name is being resolved; it outlives a cancel */
    struct addrinfo *addresses, *next;
    struct co_io *io;
    int fd;
};

extern const struct co_schema check_tcp_schema;
co_status check_tcp_open(const struct co_checker_env *, void *state, const void *settings, struct co_error *);
void check_tcp_probe(void *state, struct co_probe *);
void check_tcp_cancel(void *state);

#endif
