/* The module: settings, needs and offers. Read solo.h next. */
#include "solo.h"

CO_SCHEMA(
    solo_schema, struct solo_settings, "Solo",
    CO_FIELD(0, struct solo_settings, snapshot_min_size, "SnapshotMinSize", 0, .fallback = "16MiB",
             .doc = "No snapshot before the journal has grown by this much, whatever raft_snapshot_threshold says."));

static const char *const needs[] = {"storage", "journal", NULL};
static const struct co_offer offers[] = {
    {.kind = CO_OFFER_CONSENSUS, .name = "solo", .table = &solo_ops, .count = 1},
    {.kind = CO_OFFER_END},
};

const struct co_module CO_MODULE_SYMBOL(solo) = {
    .abi = CO_MODULE_ABI,
    .size = sizeof(struct co_module),
    .name = "solo",
    .summary = "Consensus of one server: every write through the journal, no peers",
    .needs = needs,
    .config = &solo_schema,
    .state_size = sizeof(struct solo),
    .offers = offers,
    .init = solo_init,
    .start = solo_start,
    .stop = solo_stop,
    .fini = solo_fini,
};
