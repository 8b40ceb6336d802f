/* Module check_tcp: a check that passes when a TCP connection can be made. Read check_tcp.c for the probe. */
#include "check_tcp.h"

CO_SCHEMA(check_tcp_schema, struct check_tcp_settings, "TCPCheck",
          CO_FIELD(0, struct check_tcp_settings, tcp, "TCP", CO_REQUIRED, .config = "tcp",
                   .doc = "\"host:port\" or \"[IPv6]:port\" to connect to."));

static const struct co_checker checker = {
    .type = "tcp",
    .label = "tcp",
    .settings = &check_tcp_schema,
    .state_size = sizeof(struct check_tcp),
    .open = check_tcp_open,
    .probe = check_tcp_probe,
    .cancel = check_tcp_cancel,
};

static const struct co_offer offers[] = {{CO_OFFER_CHECKER, "tcp", &checker, 1}, {CO_OFFER_END, NULL, NULL, 0}};

const struct co_module CO_MODULE_SYMBOL(check_tcp) = {
    .abi = CO_MODULE_ABI,
    .size = sizeof(struct co_module),
    .name = "check_tcp",
    .summary = "health checks that make a TCP connection",
    .offers = offers,
};
