/* One probe: one request over a connection of its own, redirects followed as Go's client does, 2xx passing, 429 warning,
 * anything else critical. At most 4 KiB of the answer are read: an endless page ends there. The agent owns the time limit. */
#include "check_http.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

static const char *default_headers[] = {"User-Agent: Consul Health Check", "Accept: text/plain, text/*, */*"};

static co_status header_add(struct check_http *check, const char *name, const struct co_node *value,
                            struct co_error *error) {
    const struct http_curl *curl = &check->module->curl;
    struct co_buffer line = {0};
    if (!value || value->kind != CO_NODE_STRING)
        return co_fail(error, CO_INVALID, "header \"%s\" must be a list of strings", name);
    if (strpbrk(name, ": \r\n") || !*name || strpbrk(value->text.data, "\r\n"))
        return co_fail(error, CO_INVALID, "header \"%s\" holds a character that no header may hold", name);
    co_buffer_add_text(&line, name);
    /* An empty value is spelt with a semicolon in libcurl. */
    co_buffer_add_text(&line, value->text.size ? ": " : ";");
    co_buffer_add(&line, value->text.data, value->text.size);
    check->headers = curl->slist_append(check->headers, co_buffer_text(&line));
    co_buffer_fini(&line);
    return CO_OK;
}

static bool header_given(const struct co_node *header, const char *line) {
    size_t size = strcspn(line, ":");
    for (const struct co_entry *entry = header ? header->entries : NULL; entry; entry = entry->next)
        if (strlen(entry->key) == size && strncasecmp(entry->key, line, size) == 0) return true;
    return false;
}

static co_status headers_make(struct check_http *check, const struct co_node *header, struct co_error *error) {
    const struct http_curl *curl = &check->module->curl;
    co_status status = CO_OK;
    if (header && header->kind == CO_NODE_NULL) header = NULL;
    if (header && header->kind != CO_NODE_OBJECT)
        return co_fail(error, CO_INVALID, "header must be an object of lists: { name = [\"value\"] }");
    for (size_t i = 0; i < CO_COUNT(default_headers); i++)
        if (!header_given(header, default_headers[i]))
            check->headers = curl->slist_append(check->headers, default_headers[i]);
    check->headers = curl->slist_append(check->headers, "Expect:");
    if (!header_given(header, "Content-Type:")) check->headers = curl->slist_append(check->headers, "Content-Type:");
    for (const struct co_entry *entry = header ? header->entries : NULL; entry && !status; entry = entry->next) {
        const struct co_node *value = entry->value;
        if (value->kind != CO_NODE_LIST) {
            status = header_add(check, entry->key, value, error);
            continue;
        }
        for (const struct co_item *item = value->items; item && !status; item = item->next)
            status = header_add(check, entry->key, item->value, error);
    }
    return status;
}

co_status check_http_open(const struct co_checker_env *env, void *state, const void *settings, struct co_error *error) {
    struct check_http *check = state;
    co_status status;
    check->env = *env;
    check->module = env->module;
    check->settings = settings;
    check->method = check->settings->method && *check->settings->method ? check->settings->method : "GET";
    for (const char *at = check->method; *at; at++)
        if (!isalnum((unsigned char)*at) && !strchr("-_!#$%&'*+.^`|~", *at))
            return co_fail(error, CO_INVALID, "method \"%s\" is not an HTTP method", check->method);
    status = check_http_multi_open(check->module, env->loop, error);
    if (!status) status = headers_make(check, check->settings->header, error);
    if (status) check_http_close(check);
    return status;
}

void check_http_close(void *state) {
    struct check_http *check = state;
    if (check->headers) check->module->curl.slist_free_all(check->headers);
    check->headers = NULL;
    co_buffer_fini(&check->body);
}

static size_t on_header(char *data, size_t one, size_t size, void *arg) {
    struct check_http *check = arg;
    size_t end = size * one, at = 0;
    if (end < 5 || memcmp(data, "HTTP/", 5)) return end;
    /* The status line, also of each redirect: the last one counts. */
    while (end > 0 && isspace((unsigned char)data[end - 1])) end--;
    while (at < end && data[at] != ' ') at++;
    while (at < end && data[at] == ' ') at++;
    if (end - at >= sizeof check->status) end = at + sizeof check->status - 1;
    memcpy(check->status, data + at, end - at);
    check->status[end - at] = '\0';
    check->body.size = 0;
    return size * one;
}

static size_t on_body(char *data, size_t one, size_t size, void *arg) {
    struct check_http *check = arg;
    size_t all = size * one, room = CHECK_HTTP_BODY_MAX - check->body.size, taken = all < room ? all : room;
    co_buffer_add(&check->body, data, taken);
    return taken; /* less than offered ends the transfer */
}

/* Proxy settings of the environment are for other hosts. */
static bool is_loopback(const struct http_curl *curl, const char *url) {
    CURLU *parts = curl->url();
    char *host = NULL;
    bool result = false;
    if (!curl->url_set(parts, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) &&
        !curl->url_get(parts, CURLUPART_HOST, &host, 0))
        result = !strcmp(host, "localhost") || !strncmp(host, "127.", 4) || !strcmp(host, "[::1]");
    curl->free(host);
    curl->url_cleanup(parts);
    return result;
}

static void request_set(struct check_http *check, CURL *easy) {
    const struct http_curl *curl = &check->module->curl;
    const struct check_http_settings *settings = check->settings;
    bool has_body = settings->body && *settings->body;
    if (has_body) {
        curl->easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)strlen(settings->body));
        curl->easy_setopt(easy, CURLOPT_POSTFIELDS, settings->body);
    }
    if (!strcmp(check->method, "HEAD"))
        curl->easy_setopt(easy, CURLOPT_NOBODY, 1L);
    else if (has_body || strcmp(check->method, "GET"))
        curl->easy_setopt(easy, CURLOPT_CUSTOMREQUEST, check->method);
    curl->easy_setopt(easy, CURLOPT_HTTPHEADER, check->headers);
    curl->easy_setopt(easy, CURLOPT_URL, settings->http);
    if (is_loopback(curl, settings->http)) curl->easy_setopt(easy, CURLOPT_PROXY, "");
    if (settings->tls_skip_verify) {
        curl->easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl->easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
}

void check_http_probe(void *state, struct co_probe *probe) {
    struct check_http *check = state;
    const struct http_curl *curl = &check->module->curl;
    CURL *easy = curl->easy_init();
    if (!easy) {
        co_probe_donef(probe, CO_CRITICAL, "cannot make a request: libcurl is out of memory");
        return;
    }
    check->probe = probe;
    check->easy = easy;
    check->status[0] = check->error[0] = '\0';
    check->body.size = 0;
    curl->easy_setopt(easy, CURLOPT_PRIVATE, check);
    curl->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl->easy_setopt(easy, CURLOPT_ERRORBUFFER, check->error);
    curl->easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl->easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl->easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl->easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
    curl->easy_setopt(easy, CURLOPT_MAXREDIRS, (long)CHECK_HTTP_REDIRECT_MAX);
    curl->easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl->easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    curl->easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)CHECK_HTTP_BODY_MAX);
    curl->easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl->easy_setopt(easy, CURLOPT_HEADERDATA, check);
    curl->easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl->easy_setopt(easy, CURLOPT_WRITEDATA, check);
    request_set(check, easy);
    check_http_multi_add(check->module, easy);
}

/* "Get", "Post": as Go spells the method in its errors. */
static void method_title(const char *method, char *out, size_t size) {
    size_t i = 0;
    for (; method[i] && i + 1 < size; i++)
        out[i] = (char)(i ? tolower((unsigned char)method[i]) : toupper((unsigned char)method[i]));
    out[i] = '\0';
}

/* "127.0.0.1:80" of the URL; libcurl does not tell the address of an attempt that failed. */
static void add_target(const struct http_curl *curl, const char *url, struct co_buffer *out) {
    CURLU *parts = curl->url();
    char *host = NULL, *port = NULL;
    if (!curl->url_set(parts, CURLUPART_URL, url, 0) && !curl->url_get(parts, CURLUPART_HOST, &host, 0) &&
        !curl->url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT))
        co_buffer_printf(out, "dial tcp %s:%s: ", host, port);
    curl->free(host);
    curl->free(port);
    curl->url_cleanup(parts);
}

static void describe_failure(struct check_http *check, CURLcode code, struct co_buffer *out) {
    const struct http_curl *curl = &check->module->curl;
    char method[32], *final_url = NULL;
    const char *url = check->settings->http;
    long errnum = 0;
    method_title(check->method, method, sizeof method);
    curl->easy_getinfo(check->easy, CURLINFO_EFFECTIVE_URL, &final_url);
    curl->easy_getinfo(check->easy, CURLINFO_OS_ERRNO, &errnum);
    co_buffer_printf(out, "%s \"%s\": ", method, url);
    if (code == CURLE_COULDNT_CONNECT && errnum) {
        char reason[128];
        snprintf(reason, sizeof reason, "%s", strerror((int)errnum));
        reason[0] = (char)tolower((unsigned char)reason[0]);
        add_target(curl, final_url ? final_url : url, out);
        co_buffer_printf(out, "connect: %s", reason);
    } else if (code == CURLE_UNSUPPORTED_PROTOCOL) {
        size_t scheme = strcspn(url, ":");
        co_buffer_printf(out, "unsupported protocol scheme \"%.*s\"", (int)scheme, url[scheme] ? url : "");
    } else if (code == CURLE_COULDNT_RESOLVE_HOST) {
        co_buffer_printf(out, "dial tcp: lookup: no such host (%s)", check->error);
    } else if (code == CURLE_TOO_MANY_REDIRECTS) {
        co_buffer_printf(out, "stopped after %d redirects", CHECK_HTTP_REDIRECT_MAX);
    } else {
        co_buffer_add_text(out, check->error[0] ? check->error : curl->easy_strerror(code));
    }
}

void check_http_finished(struct check_http *check, CURLcode code) {
    const struct http_curl *curl = &check->module->curl;
    struct co_probe *probe = check->probe;
    struct co_buffer output = {0};
    enum co_health health = CO_CRITICAL;
    long answer = 0;
    curl->easy_getinfo(check->easy, CURLINFO_RESPONSE_CODE, &answer);
    /* A page that is too long or breaks off has told its status all the same, as in Consul. */
    if (code == CURLE_OK || code == CURLE_WRITE_ERROR || code == CURLE_PARTIAL_FILE) {
        if (answer >= 200 && answer <= 299) health = CO_PASSING;
        if (answer == 429) health = CO_WARNING;
        co_buffer_printf(&output, "HTTP %s %s: %s Output: ", check->method, check->settings->http, check->status);
        co_buffer_add(&output, check->body.data, check->body.size);
    } else {
        describe_failure(check, code, &output);
    }
    curl->easy_cleanup(check->easy);
    check->easy = NULL;
    check->probe = NULL;
    co_buffer_fini(&check->body);
    co_probe_done(probe, health, co_bytes(output.data, output.size));
    co_buffer_fini(&output);
}

void check_http_cancel(void *state) {
    struct check_http *check = state;
    check_http_multi_remove(check->module, check->easy);
    check->module->curl.easy_cleanup(check->easy);
    check->easy = NULL;
    check->probe = NULL;
    co_buffer_fini(&check->body);
}
