/* Field tables of the key/value slice's structs. The ids stand in stored rows and in the journal: never change or reuse one.
 * JSON names and their order are Consul's. */
#include "kv.h"

CO_SCHEMA(kv_entry_schema, struct kv_entry, "DirEntry", CO_FIELD(1, struct kv_entry, lock_index, "LockIndex", 0),
          CO_FIELD(2, struct kv_entry, key, "Key", 0), CO_FIELD(3, struct kv_entry, flags, "Flags", 0),
          CO_FIELD(4, struct kv_entry, value, "Value", 0),
          CO_FIELD(5, struct kv_entry, session, "Session", CO_OMIT_EMPTY),
          CO_FIELD(6, struct kv_entry, create_index, "CreateIndex", 0),
          CO_FIELD(7, struct kv_entry, modify_index, "ModifyIndex", 0));

CO_SCHEMA(kv_apply_request_schema, struct kv_apply_request, "KVSRequest",
          CO_FIELD(1, struct kv_apply_request, op, "Op", 0),
          CO_RECORD(2, struct kv_apply_request, entry, "DirEnt", 0, &kv_entry_schema));

CO_SCHEMA(kv_apply_reply_schema, struct kv_apply_reply, "KVSReply",
          CO_FIELD(1, struct kv_apply_reply, is_done, "Done", 0));

CO_SCHEMA(kv_request_schema, struct kv_request, "KeyRequest", CO_FIELD(1, struct kv_request, key, "Key", 0),
          CO_FIELD(2, struct kv_request, separator, "Seperator", 0));

CO_SCHEMA(kv_list_schema, struct kv_list, "IndexedDirEntries",
          CO_RECORDS(1, struct kv_list, entries, "Entries", 0, &kv_entry_schema));

CO_SCHEMA(kv_keys_schema, struct kv_keys, "IndexedKeyList", CO_FIELD(1, struct kv_keys, keys, "Keys", 0));

CO_SCHEMA(kv_reap_request_schema, struct kv_reap_request, "TombstoneRequest",
          CO_FIELD(1, struct kv_reap_request, index, "ReapIndex", 0),
          CO_FIELD(2, struct kv_reap_request, from, "From", 0));

CO_SCHEMA(kv_reap_reply_schema, struct kv_reap_reply, "TombstoneReply",
          CO_FIELD(1, struct kv_reap_reply, next, "Next", 0));

CO_SCHEMA(
    kv_config_schema, struct kv_config, "KV",
    CO_FIELD(0, struct kv_config, tombstone_ttl, "TombstoneTTL", 0, .config = "tombstone_ttl", .fallback = "15m",
             .doc = "How long a deletion is remembered, so that watchers of a prefix see an index that only grows."));

co_status kv_entry_read(struct co_bytes row, struct kv_entry *out, struct co_arena *arena, struct co_error *error) {
    memset(out, 0, sizeof *out);
    return co_decode_record(&kv_entry_schema, out, row, arena, error);
}

uint64_t kv_tombstone_index(struct co_bytes row) {
    uint64_t index = 0;
    const unsigned char *bytes = row.data;
    for (size_t i = 0; i < row.size && i < 8; i++) index = index << 8 | bytes[i];
    return index;
}
