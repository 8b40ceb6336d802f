/* http_config of a Consul file: which endpoints are blocked, from where writes may come. (Its response headers are added where
 * responses are made.) Knows paths and addresses only. */
#include <arpa/inet.h>
#include <stdlib.h>

#include "http/server.h"

bool http_network_parse(const char *text, struct http_network *out) {
    char address[INET6_ADDRSTRLEN];
    size_t size = strcspn(text, "/");
    struct in_addr v4;
    unsigned offset = 0, bits = 128;
    if (size >= sizeof address) return false;
    memcpy(address, text, size);
    address[size] = '\0';
    *out = (struct http_network){0};
    if (inet_pton(AF_INET, address, &v4) == 1) {
        out->address[10] = out->address[11] = 0xff;
        memcpy(out->address + 12, &v4, 4);
        offset = 96;
    } else if (inet_pton(AF_INET6, address, out->address) != 1) {
        return false;
    }
    if (text[size] == '/') {
        char *end;
        unsigned long given = strtoul(text + size + 1, &end, 10);
        if (end == text + size + 1 || *end || given > 128 - offset) return false;
        bits = offset + (unsigned)given;
    }
    out->bits = bits;
    return true;
}

bool http_network_holds(const struct http_network *network, const uint8_t address[16]) {
    unsigned whole = network->bits / 8, rest = network->bits % 8;
    if (memcmp(network->address, address, whole) != 0) return false;
    return rest == 0 || (network->address[whole] ^ address[whole]) >> (8 - rest) == 0;
}

co_status http_rules_load(struct http_server *server, struct co_error *error) {
    const struct co_strings *allowed = &server->settings.rules.allow_write_http_from;
    server->writers = co_calloc(allowed->count + 1, sizeof *server->writers);
    for (size_t i = 0; i < allowed->count; i++)
        if (!http_network_parse(allowed->items[i], &server->writers[server->writer_count++]))
            return co_fail(error, CO_INVALID,
                           "http_config.allow_write_http_from: \"%s\" is not a network like \"10.0.0.0/8\"",
                           allowed->items[i]);
    return CO_OK;
}

static bool is_blocked(const struct http_exchange *exchange) {
    const struct co_strings *blocked = &exchange->server->settings.rules.block_endpoints;
    for (size_t i = 0; i < blocked->count; i++)
        if (co_bytes_starts(co_bytes(exchange->uri.path, exchange->uri.path_size), co_bytes_text(blocked->items[i])))
            return true;
    return false;
}

/* A Unix socket is guarded by its file mode. */
static bool may_write(const struct http_exchange *exchange) {
    const struct http_server *server = exchange->server;
    const struct http_client *client = exchange->client;
    if (server->writer_count == 0 || (exchange->http.verb & (CO_GET | CO_HEAD | CO_OPTIONS))) return true;
    if (!client || !client->has_address) return client && client->listener->is_local;
    for (size_t i = 0; i < server->writer_count; i++)
        if (http_network_holds(&server->writers[i], client->address)) return true;
    return false;
}

bool http_rules_pass(struct http_exchange *exchange) {
    if (is_blocked(exchange)) {
        http_reply_text(exchange, 403, "Endpoint is blocked by agent configuration");
        return false;
    }
    if (!may_write(exchange)) {
        http_reply_text(exchange, 403, "Access is restricted");
        return false;
    }
    return true;
}
