/* The module store_lmdb: storage in an LMDB file under data_dir/state. Tables only; the store itself is lmdb_store.c and
 * its neighbours, which know nothing of agents. */
#include "cohort/module.h"
#include "lmdb_store.h"

static const struct co_offer offers[] = {
    {CO_OFFER_STORAGE, "lmdb", &lmdb_storage_ops, 1},
    {CO_OFFER_END, NULL, NULL, 0},
};

const struct co_module CO_MODULE_SYMBOL(store_lmdb) = {
    .abi = CO_MODULE_ABI,
    .size = sizeof(struct co_module),
    .name = "store_lmdb",
    .summary = "state in an LMDB file: snapshots, survives kill -9, larger than memory",
    .config = &lmdb_settings_schema,
    .state_size = sizeof(struct lmdb_store),
    .offers = offers,
    .init = lmdb_module_init,
    .fini = lmdb_module_fini,
};
