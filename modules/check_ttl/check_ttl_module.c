/* Module check_ttl: health by report. The application calls /v1/agent/check/pass/:id and its siblings; when it stays
 * silent for longer than `ttl`, the agent turns the check critical. There is nothing to probe: the type is passive, and
 * the field named like the type tells the agent how long a report is good for. */
#include "cohort/checker.h"

struct check_ttl_settings {
    struct co_duration ttl;
};

CO_SCHEMA(check_ttl_schema, struct check_ttl_settings, "TTLCheck",
          CO_FIELD(0, struct check_ttl_settings, ttl, "TTL", CO_REQUIRED, .config = "ttl",
                   .doc = "How long a report is good for; without a new one the check turns critical."));

static const struct co_checker checker = {
    .type = "ttl",
    .label = "ttl",
    .is_passive = true,
    .settings = &check_ttl_schema,
};

static const struct co_offer offers[] = {{CO_OFFER_CHECKER, "ttl", &checker, 1}, {CO_OFFER_END, NULL, NULL, 0}};

const struct co_module CO_MODULE_SYMBOL(check_ttl) = {
    .abi = CO_MODULE_ABI,
    .size = sizeof(struct co_module),
    .name = "check_ttl",
    .summary = "health checks that the application reports itself",
    .offers = offers,
};
