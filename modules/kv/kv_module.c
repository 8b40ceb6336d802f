/* The key/value slice: what it offers. Nothing happens here; see kv_http.c for how requests come in, kv_apply.c for what
 * writes do, kv_query.c for what reads see, kv_reap.c for the ageing of tombstones, kv_rows.c for the structs' field tables. */
#include "kv.h"

static const struct co_table tables[] = {
    {KV_ENTRIES, "kvs"},
    {KV_TOMBSTONES, "tombstones"},
};

const struct co_method kv_methods[KV_METHOD_COUNT] = {
    [KV_APPLY] = {.name = "KVS.Apply",
                  .command = 16,
                  .command_version = 1,
                  .access = CO_ACCESS_WRITE,
                  .resource = "key",
                  .request = &kv_apply_request_schema,
                  .reply = &kv_apply_reply_schema,
                  .prepare = kv_prepare,
                  .apply = kv_apply},
    [KV_REAP] = {.name = "KVS.Reap",
                 .command = 17,
                 .command_version = 1,
                 .access = CO_ACCESS_NONE,
                 .resource = "key",
                 .request = &kv_reap_request_schema,
                 .reply = &kv_reap_reply_schema,
                 .apply = kv_reap_apply},
    [KV_GET] = {.name = "KVS.Get",
                .access = CO_ACCESS_READ,
                .resource = "key",
                .request = &kv_request_schema,
                .reply = &kv_list_schema,
                .query = kv_get},
    [KV_LIST] = {.name = "KVS.List",
                 .access = CO_ACCESS_READ,
                 .resource = "key",
                 .request = &kv_request_schema,
                 .reply = &kv_list_schema,
                 .query = kv_list},
    [KV_LIST_KEYS] = {.name = "KVS.ListKeys",
                      .access = CO_ACCESS_READ,
                      .resource = "key",
                      .request = &kv_request_schema,
                      .reply = &kv_keys_schema,
                      .query = kv_list_keys},
};

static const struct co_route routes[] = {
    {.verbs = CO_GET | CO_PUT | CO_DELETE,
     .pattern = "/v1/kv/*",
     .handle = kv_handle,
     .doc = "Reads, writes and deletes keys: ?raw, ?recurse, ?keys, ?separator, ?flags, ?cas."},
};

static const struct co_offer offers[] = {
    {CO_OFFER_TABLES, "kv", tables, CO_COUNT(tables)},
    {CO_OFFER_METHODS, "kv", kv_methods, KV_METHOD_COUNT},
    {CO_OFFER_ROUTES, "kv", routes, CO_COUNT(routes)},
    {CO_OFFER_END, NULL, NULL, 0},
};

static const char *const needs[] = {"storage", "consensus", NULL};

const struct co_module CO_MODULE_SYMBOL(kv) = {
    .abi = CO_MODULE_ABI,
    .size = sizeof(struct co_module),
    .name = "kv",
    .summary = "keys and values: /v1/kv",
    .needs = needs,
    .config = &kv_config_schema,
    .state_size = sizeof(struct kv),
    .offers = offers,
    .init = kv_init,
    .start = kv_start,
    .reload = kv_reload,
    .stop = kv_stop,
};
