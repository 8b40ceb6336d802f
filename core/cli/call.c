/* One HTTP call to the agent, over libcurl: TCP, TLS or a Unix socket. */
#include "cli.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

enum { BODY_MAX = 256 << 20 };

static size_t receive(char *data, size_t one, size_t size, void *arg) {
    (void)one;
    struct co_buffer *body = arg;
    if (body->size + size > BODY_MAX) return 0;
    co_buffer_add(body, data, size);
    return size;
}

const char *cli_escape(struct cli *cli, const char *text, bool keep_slashes) {
    struct co_buffer out = {0};
    for (const char *c = text; *c; c++) {
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
                     strchr("-._~", *c) || (*c == '/' && keep_slashes);
        if (plain)
            co_buffer_add_byte(&out, (uint8_t)*c);
        else
            co_buffer_printf(&out, "%%%02X", (unsigned char)*c);
    }
    const char *copy = co_arena_strdup(&cli->arena, co_buffer_text(&out));
    co_buffer_fini(&out);
    return copy;
}

const char *cli_query(struct cli *cli, const char *path, const char *name, const char *value) {
    return co_arena_printf(&cli->arena, "%s%c%s=%s", path, strchr(path, '?') ? '&' : '?', name,
                           cli_escape(cli, value, false));
}

/* "http://host:port" of -http-addr; a socket path in *socket. NULL after an error was printed. */
static const char *base_url(struct cli *cli, const char **socket) {
    const char *address = cli->http_addr, *scheme = strstr(address, "://");
    const char *ssl = getenv("CONSUL_HTTP_SSL");
    *socket = NULL;
    if (strncmp(address, "unix://", 7) == 0) {
        *socket = address + 7;
        return "http://localhost";
    }
    if (!scheme) {
        bool is_tls = ssl && (strcmp(ssl, "1") == 0 || strcmp(ssl, "true") == 0);
        return co_arena_printf(&cli->arena, "%s://%s", is_tls ? "https" : "http", address);
    }
    if (strncmp(address, "http://", 7) == 0 || strncmp(address, "https://", 8) == 0) {
        char *copy = co_arena_strdup(&cli->arena, address);
        for (size_t size = strlen(copy); size && copy[size - 1] == '/'; size--) copy[size - 1] = '\0';
        return copy;
    }
    fprintf(stderr, "Error connecting to the agent: Unknown protocol scheme: %.*s; use http, https or unix\n",
            (int)(scheme - address), address);
    return NULL;
}

static void set_options(struct cli *cli, CURL *curl, const char *method, const char *url, const char *socket,
                        struct co_bytes body, struct co_buffer *out) {
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
    if (socket) curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
    if (strcmp(method, "PUT") == 0) {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data ? body.data : "");
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.size);
    }
    if (cli->ca_file) curl_easy_setopt(curl, CURLOPT_CAINFO, cli->ca_file);
    if (cli->ca_path) curl_easy_setopt(curl, CURLOPT_CAPATH, cli->ca_path);
    if (cli->client_cert) curl_easy_setopt(curl, CURLOPT_SSLCERT, cli->client_cert);
    if (cli->client_key) curl_easy_setopt(curl, CURLOPT_SSLKEY, cli->client_key);
    const char *verify = getenv("CONSUL_HTTP_SSL_VERIFY"), *auth = getenv("CONSUL_HTTP_AUTH");
    if (verify && (strcmp(verify, "0") == 0 || strcmp(verify, "false") == 0)) {
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (auth && auth[0]) curl_easy_setopt(curl, CURLOPT_USERPWD, auth);
}

static struct curl_slist *headers(struct cli *cli) {
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    list = curl_slist_append(list, "Content-Type:");
    if (cli->token) list = curl_slist_append(list, co_arena_printf(&cli->arena, "X-Consul-Token: %s", cli->token));
    return list;
}

bool cli_call(struct cli *cli, const char *method, const char *path, struct co_bytes body, long accept,
              const char *prefix, struct cli_answer *answer) {
    const char *socket, *base = base_url(cli, &socket);
    if (!base) return false;
    if (cli->datacenter) path = cli_query(cli, path, "dc", cli->datacenter);
    if (cli->stale) path = co_arena_printf(&cli->arena, "%s%cstale", path, strchr(path, '?') ? '&' : '?');
    const char *url = co_arena_printf(&cli->arena, "%s%s", base, path);
    char reason[CURL_ERROR_SIZE] = "";
    struct co_buffer out = {0};
    CURL *curl = curl_easy_init();
    struct curl_slist *list = headers(cli);
    set_options(cli, curl, method, url, socket, body, &out);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
    CURLcode result = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);
    curl_slist_free_all(list);
    curl_easy_cleanup(curl);
    answer->body = co_bytes(co_arena_text(&cli->arena, out.data, out.size), out.size);
    co_buffer_fini(&out);
    if (result != CURLE_OK) {
        fprintf(stderr, "%s: %s \"%s\": %s; is an agent running there? (-http-addr, CONSUL_HTTP_ADDR)\n", prefix,
                method, url, reason[0] ? reason : curl_easy_strerror(result));
        return false;
    }
    if (answer->status / 100 == 2 || answer->status == accept) return true;
    size_t size = answer->body.size;
    const char *text = answer->body.data;
    while (size && text[size - 1] == '\n') size--;
    fprintf(stderr, "%s: Unexpected response code: %ld (%.*s)\n", prefix, answer->status, (int)size, text);
    return false;
}

struct co_node *cli_call_json(struct cli *cli, const char *path, const char *prefix) {
    struct cli_answer answer;
    struct co_error error;
    struct co_node *node;
    if (!cli_call(cli, "GET", path, co_bytes(NULL, 0), 0, prefix, &answer)) return NULL;
    if (co_tree_parse_body(&cli->arena, answer.body, &node, &error) == CO_OK) return node;
    fprintf(stderr, "%s: the answer is no JSON: %s\n", prefix, error.text);
    return NULL;
}
