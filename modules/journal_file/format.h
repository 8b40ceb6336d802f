/* The bytes of a segment: one header, then records. Pure: no files, no loop (DESIGN section 6: hot frames by hand, fuzzed).
 *
 * Numbers are little-endian. Segment header, 64 bytes:
 *     0 magic "COHORTWL" | 8 version u32 | 12 crc u32 (of bytes 16-63 and 0-11) | 16 first index u64 | 24 salt u64 | zeros
 * Record, at a multiple of 8 bytes:
 *     0 crc u32 (of bytes 4-39, begun with the segment's salt) | 4 data crc u32 | 8 stored size u32 | 12 raw size u32
 *     16 index u64 | 24 term u64 | 32 batch back u32 | 36 type u8 | 37 flags u8 | 38 zeros
 *     40 data, zero-padded to a multiple of 8
 * `batch back` counts the records between this one and the first of its batch (one write, one fsync). A batch is written only
 * when the one before is durable, so a damaged record followed by a later batch is damage, not a torn write. The random salt
 * keeps bytes that a client stored from being taken for a record. */
#ifndef JOURNAL_FILE_FORMAT_H
#define JOURNAL_FILE_FORMAT_H

#include <cohort/buffer.h>
#include <cohort/journal.h>

#define JOURNAL_FILE_VERSION     1u
#define JOURNAL_FILE_HEADER_SIZE 64u
#define JOURNAL_FILE_RECORD_SIZE 40u /* of a record's fixed part */
#define JOURNAL_FILE_FLAG_LZ4    1u
/* LZ4 data is kept only when smaller than the raw data, so no stored size exceeds the raw one. */
#define JOURNAL_FILE_STORED_MAX CO_JOURNAL_ENTRY_MAX

struct journal_file_header {
    uint32_t version;
    uint64_t first_index, salt;
};

enum journal_file_header_verdict { JOURNAL_FILE_HEADER_OK, JOURNAL_FILE_HEADER_BAD, JOURNAL_FILE_HEADER_OTHER_VERSION };

void journal_file_header_encode(const struct journal_file_header *, uint8_t out[JOURNAL_FILE_HEADER_SIZE]);
enum journal_file_header_verdict journal_file_header_decode(const uint8_t in[JOURNAL_FILE_HEADER_SIZE],
                                                            struct journal_file_header *out);

struct journal_file_record {
    uint64_t index, term;
    uint32_t data_crc, stored_size, raw_size, batch_back;
    uint8_t type, flags;
};

/* What record checksums of this segment begin with. */
uint32_t journal_file_seed(uint64_t salt);
/* Bytes that the record takes in the file. */
size_t journal_file_record_span(uint32_t stored_size);
/* Appends one record; data of at least `compress_above` bytes (0: never) is compressed when that saves an eighth. */
void journal_file_record_encode(struct co_buffer *out, uint32_t seed, const struct co_journal_entry *,
                                uint32_t batch_back, size_t compress_above);
/* False unless checksum, sizes and flags are right. Says nothing about the data. */
bool journal_file_record_decode(const uint8_t in[JOURNAL_FILE_RECORD_SIZE], uint32_t seed,
                                struct journal_file_record *out);
/* Stored bytes to the entry's data, in the arena (or pointing into `stored`). False when the checksum or the LZ4 data is wrong. */
bool journal_file_record_data(const struct journal_file_record *, uint32_t seed, const void *stored, struct co_arena *,
                              struct co_bytes *out);

#endif
