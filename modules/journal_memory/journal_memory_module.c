/* The module: offers only, it has no settings. Read journal_memory.c next. */
#include "journal_memory.h"

static const struct co_offer offers[] = {
    {.kind = CO_OFFER_JOURNAL, .name = "memory", .table = &journal_memory_ops, .count = 1},
    {.kind = CO_OFFER_END},
};

const struct co_module CO_MODULE_SYMBOL(journal_memory) = {
    .abi = CO_MODULE_ABI,
    .size = sizeof(struct co_module),
    .name = "journal_memory",
    .summary = "The log of commands in memory, for development mode and tests",
    .state_size = sizeof(struct journal_memory),
    .offers = offers,
    .init = journal_memory_init,
    .stop = journal_memory_stop,
    .fini = journal_memory_fini,
};
