/* Module check_http: a check that makes an HTTP request. check_http.c is the probe, http_multi.c ties libcurl to the loop. */
#include "check_http.h"

CO_SCHEMA(check_http_schema, struct check_http_settings, "HTTPCheck",
          CO_FIELD(0, struct check_http_settings, http, "HTTP", CO_REQUIRED, .config = "http",
                   .doc = "URL to ask; http or https."),
          CO_FIELD(0, struct check_http_settings, method, "Method", 0, .doc = "Request method; GET when left out."),
          CO_FIELD(0, struct check_http_settings, body, "Body", 0, .doc = "Body to send with the request."),
          CO_FIELD(0, struct check_http_settings, header, "Header", 0,
                   .doc = "Headers to send: { name = [\"value\", ...] }."),
          CO_FIELD(0, struct check_http_settings, tls_skip_verify, "TLSSkipVerify", 0, .config = "tls_skip_verify",
                   .doc = "Accept any certificate."));

static const struct co_checker checker = {
    .type = "http",
    .label = "http",
    .settings = &check_http_schema,
    .state_size = sizeof(struct check_http),
    .open = check_http_open,
    .probe = check_http_probe,
    .cancel = check_http_cancel,
    .close = check_http_close,
};

static void fini(void *self) {
    check_http_multi_close(self);
}

static const struct co_offer offers[] = {{CO_OFFER_CHECKER, "http", &checker, 1}, {CO_OFFER_END, NULL, NULL, 0}};

const struct co_module CO_MODULE_SYMBOL(check_http) = {
    .abi = CO_MODULE_ABI,
    .size = sizeof(struct co_module),
    .name = "check_http",
    .summary = "health checks that make an HTTP request",
    .state_size = sizeof(struct check_http_module),
    .offers = offers,
    .fini = fini,
};
