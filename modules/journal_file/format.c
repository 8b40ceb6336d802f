/* Encodes and decodes the segment header and the records. Refuses to know where the bytes come from. */
#include "cohort/bytes.h"
#include "format.h"

#include <lz4.h>

static const uint8_t magic[8] = {'C', 'O', 'H', 'O', 'R', 'T', 'W', 'L'};

static uint32_t header_crc(const uint8_t *raw) {
    return co_crc32c(co_crc32c(0, raw + 16, JOURNAL_FILE_HEADER_SIZE - 16), raw, 12);
}

void journal_file_header_encode(const struct journal_file_header *header, uint8_t out[JOURNAL_FILE_HEADER_SIZE]) {
    memset(out, 0, JOURNAL_FILE_HEADER_SIZE);
    memcpy(out, magic, sizeof magic);
    co_put_u32(out + 8, header->version);
    co_put_u64(out + 16, header->first_index);
    co_put_u64(out + 24, header->salt);
    co_put_u32(out + 12, header_crc(out));
}

enum journal_file_header_verdict journal_file_header_decode(const uint8_t in[JOURNAL_FILE_HEADER_SIZE],
                                                            struct journal_file_header *out) {
    if (memcmp(in, magic, sizeof magic) != 0) return JOURNAL_FILE_HEADER_BAD;
    /* Magic, version and checksum stay where they are in every version, so "too new" is told from "damaged". */
    if (co_get_u32(in + 12) != header_crc(in)) return JOURNAL_FILE_HEADER_BAD;
    *out = (struct journal_file_header){
        .version = co_get_u32(in + 8), .first_index = co_get_u64(in + 16), .salt = co_get_u64(in + 24)};
    if (out->version != JOURNAL_FILE_VERSION) return JOURNAL_FILE_HEADER_OTHER_VERSION;
    return out->first_index > 0 ? JOURNAL_FILE_HEADER_OK : JOURNAL_FILE_HEADER_BAD;
}

uint32_t journal_file_seed(uint64_t salt) {
    uint8_t raw[8];
    co_put_u64(raw, salt);
    return co_crc32c(0, raw, sizeof raw);
}

size_t journal_file_record_span(uint32_t stored_size) {
    return JOURNAL_FILE_RECORD_SIZE + (((size_t)stored_size + 7) & ~(size_t)7);
}

static uint32_t record_crc(const uint8_t *raw, uint32_t seed) {
    return co_crc32c(seed, raw + 4, JOURNAL_FILE_RECORD_SIZE - 4);
}

void journal_file_record_encode(struct co_buffer *out, uint32_t seed, const struct co_journal_entry *entry,
                                uint32_t batch_back, size_t compress_above) {
    size_t raw_size = entry->data.size;
    co_assert(raw_size <= CO_JOURNAL_ENTRY_MAX);
    uint8_t *raw = (uint8_t *)co_buffer_room(out, journal_file_record_span((uint32_t)raw_size));
    uint8_t *data = raw + JOURNAL_FILE_RECORD_SIZE;
    size_t stored = 0;
    if (compress_above > 0 && raw_size >= compress_above) {
        int packed =
            LZ4_compress_default(entry->data.data, (char *)data, (int)raw_size, (int)(raw_size - raw_size / 8));
        if (packed > 0) stored = (size_t)packed;
    }
    uint8_t flags = stored > 0 ? JOURNAL_FILE_FLAG_LZ4 : 0;
    if (stored == 0) {
        stored = raw_size;
        if (stored > 0) memcpy(data, entry->data.data, stored);
    }
    size_t span = journal_file_record_span((uint32_t)stored);
    memset(data + stored, 0, span - JOURNAL_FILE_RECORD_SIZE - stored);
    co_put_u32(raw + 4, co_crc32c(seed, data, stored));
    co_put_u32(raw + 8, (uint32_t)stored);
    co_put_u32(raw + 12, (uint32_t)raw_size);
    co_put_u64(raw + 16, entry->index);
    co_put_u64(raw + 24, entry->term);
    co_put_u32(raw + 32, batch_back);
    raw[36] = entry->type;
    raw[37] = flags;
    raw[38] = raw[39] = 0;
    co_put_u32(raw, record_crc(raw, seed));
    out->size += span;
}

bool journal_file_record_decode(const uint8_t in[JOURNAL_FILE_RECORD_SIZE], uint32_t seed,
                                struct journal_file_record *out) {
    struct journal_file_record record = {.data_crc = co_get_u32(in + 4),
                                         .stored_size = co_get_u32(in + 8),
                                         .raw_size = co_get_u32(in + 12),
                                         .index = co_get_u64(in + 16),
                                         .term = co_get_u64(in + 24),
                                         .batch_back = co_get_u32(in + 32),
                                         .type = in[36],
                                         .flags = in[37]};
    if (record.index == 0 || record.batch_back >= record.index) return false;
    if (record.stored_size > JOURNAL_FILE_STORED_MAX || record.raw_size > CO_JOURNAL_ENTRY_MAX) return false;
    if (record.flags & ~JOURNAL_FILE_FLAG_LZ4 || in[38] || in[39]) return false;
    if (!(record.flags & JOURNAL_FILE_FLAG_LZ4) && record.raw_size != record.stored_size) return false;
    if (co_get_u32(in) != record_crc(in, seed)) return false;
    *out = record;
    return true;
}

bool journal_file_record_data(const struct journal_file_record *record, uint32_t seed, const void *stored,
                              struct co_arena *arena, struct co_bytes *out) {
    if (co_crc32c(seed, stored, record->stored_size) != record->data_crc) return false;
    if (!(record->flags & JOURNAL_FILE_FLAG_LZ4)) {
        *out = co_bytes(record->raw_size ? stored : NULL, record->raw_size);
        return true;
    }
    void *raw = co_arena_alloc(arena, record->raw_size);
    int size = LZ4_decompress_safe(stored, raw, (int)record->stored_size, (int)record->raw_size);
    if (size < 0 || (uint32_t)size != record->raw_size) return false;
    *out = co_bytes(raw, record->raw_size);
    return true;
}
