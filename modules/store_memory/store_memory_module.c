/* The module store_memory: storage in memory, for development and tests. Tables only; the store is memory_store.c. */
#include "cohort/module.h"
#include "memory_store.h"

static const struct co_offer offers[] = {
    {CO_OFFER_STORAGE, "memory", &memory_storage_ops, 1},
    {CO_OFFER_END, NULL, NULL, 0},
};

const struct co_module CO_MODULE_SYMBOL(store_memory) = {
    .abi = CO_MODULE_ABI,
    .size = sizeof(struct co_module),
    .name = "store_memory",
    .summary = "state in memory, gone with the process: for development and tests",
    .config = &memory_settings_schema,
    .state_size = sizeof(struct memory_store),
    .offers = offers,
    .init = memory_module_init,
    .fini = memory_module_fini,
};
