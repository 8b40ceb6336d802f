/* The HTTP server: what it offers and which settings it has. Nothing happens here; read life.c for how it starts, exchange.c for
 * how a request goes through, answer.c for how reads and writes are answered. */
#include "http/server.h"

CO_SCHEMA(rules_schema, struct http_rules, "HTTPConfig",
    CO_FIELD(0, struct http_rules, block_endpoints, "BlockEndpoints", CO_ONE_OR_MANY,
             .doc = "Path prefixes that are answered 403, e.g. \"/v1/kv\"."),
    CO_FIELD(0, struct http_rules, allow_write_http_from, "AllowWriteHTTPFrom", CO_ONE_OR_MANY,
             .doc = "Networks from which PUT, POST and DELETE are accepted; empty: from everywhere."),
    CO_FIELD(0, struct http_rules, response_headers, "ResponseHeaders", 0,
             .doc = "Headers added to every answer, e.g. Access-Control-Allow-Origin."),
    CO_FIELD(0, struct http_rules, max_header_bytes, "MaxHeaderBytes", 0, .fallback = "16384",
             .doc = "Memory of one connection: request line, headers and the headers of the answer. Cleared after every request, so large is slow."));

CO_SCHEMA(socket_file_schema, struct http_socket_file, "UnixSockets",
    CO_FIELD(0, struct http_socket_file, user, "User", 0, .doc = "Owner of Unix sockets: a name or a number."),
    CO_FIELD(0, struct http_socket_file, group, "Group", 0, .doc = "Group of Unix sockets: a name or a number."),
    CO_FIELD(0, struct http_socket_file, mode, "Mode", 0, .doc = "Permissions of Unix sockets, octal: \"0770\"."));

CO_SCHEMA(http_settings_schema, struct http_settings, "HTTP",
    CO_RECORD(0, struct http_settings, rules, "HTTPConfig", CO_AGENT_KEY, &rules_schema, .config = "http_config",
              .doc = "Consul's http_config block."),
    CO_RECORD(0, struct http_settings, socket_file, "UnixSockets", CO_AGENT_KEY, &socket_file_schema, .config = "unix_sockets",
              .doc = "Consul's unix_sockets block."),
    CO_FIELD(0, struct http_settings, idle_timeout, "IdleTimeout", 0, .fallback = "120s",
             .doc = "A connection on which nothing moves for this long is closed; waiting queries do not count. 0s: never."),
    CO_FIELD(0, struct http_settings, connections_max, "ConnectionsMax", 0, .fallback = "16384",
             .doc = "Open connections per listen address; lowered to what the limit on open files allows."));

static const struct co_route routes[] = {
    {.verbs = CO_GET, .pattern = "/", .handle = http_home, .doc = "One line that says what this is."},
};

static const struct co_offer offers[] = {
    {CO_OFFER_ROUTES, "http", routes, CO_COUNT(routes)},
    {CO_OFFER_END, NULL, NULL, 0},
};

static const char *const needs[] = {"storage", "consensus", NULL};

const struct co_module CO_MODULE_SYMBOL(http) = {
    .abi = CO_MODULE_ABI,
    .size = sizeof(struct co_module),
    .name = "http",
    .summary = "HTTP server: the routes of all modules on port 8500",
    .needs = needs,
    .config = &http_settings_schema,
    .state_size = sizeof(struct http_server),
    .offers = offers,
    .init = http_init,
    .start = http_start,
    .stop = http_stop,
    .fini = http_fini,
};
