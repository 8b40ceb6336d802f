/* The module: settings and offers. Read journal_file.h next. */
#include "journal_file.h"

CO_SCHEMA(
    journal_file_schema, struct journal_file_settings, "JournalFile",
    CO_FIELD(0, struct journal_file_settings, segment_size, "SegmentSize", 0, .fallback = "64MiB",
             .doc = "Size of one file of the log, 64KiB to 4GiB. Room is given back in whole files."),
    CO_FIELD(0, struct journal_file_settings, compress_above, "CompressAbove", 0, .fallback = "4KiB",
             .doc = "Entries of at least this size are compressed with LZ4 when that saves an eighth; 0 turns it off."),
    CO_FIELD(0, struct journal_file_settings, sync, "Sync", 0, .fallback = "always",
             .doc = "\"always\" waits for the disk. \"never\" is for tests and measurements: a power cut loses "
                    "acknowledged writes."));

static const struct co_offer offers[] = {
    {.kind = CO_OFFER_JOURNAL, .name = "file", .table = &journal_file_ops, .count = 1},
    {.kind = CO_OFFER_END},
};

const struct co_module CO_MODULE_SYMBOL(journal_file) = {
    .abi = CO_MODULE_ABI,
    .size = sizeof(struct co_module),
    .name = "journal_file",
    .summary = "The durable log of commands: a segmented write-ahead log in data_dir/journal",
    .config = &journal_file_schema,
    .state_size = sizeof(struct journal_file),
    .offers = offers,
    .init = journal_file_init,
    .stop = journal_file_stop,
    .fini = journal_file_fini,
};
