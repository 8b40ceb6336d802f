/* A journal segment of arbitrary bytes: the scan must end, stay in bounds, and what it accepts must be readable. Since random
 * bytes never carry a right checksum, inputs that begin with an odd byte get their checksums put right first. */
#include "cohort/bytes.h"
#include "journal_file/segment.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A good header, and good checksums for every record that the sizes lead to. A record whose last byte is 0xee keeps its data's
 * checksum as it is. */
static void mend(uint8_t *bytes, size_t size) {
    if (size < JOURNAL_FILE_HEADER_SIZE) return;
    struct journal_file_header header = {.version = JOURNAL_FILE_VERSION, .first_index = 1, .salt = 7};
    journal_file_header_encode(&header, bytes);
    uint32_t seed = journal_file_seed(header.salt);
    for (size_t at = JOURNAL_FILE_HEADER_SIZE; size - at >= JOURNAL_FILE_RECORD_SIZE;) {
        uint8_t *raw = bytes + at;
        size_t stored = co_get_u32(raw + 8), room = size - at - JOURNAL_FILE_RECORD_SIZE;
        if (raw[39] != 0xee && stored <= room)
            co_put_u32(raw + 4, co_crc32c(seed, raw + JOURNAL_FILE_RECORD_SIZE, stored));
        raw[38] = raw[39] = 0;
        co_put_u32(raw, co_crc32c(seed, raw + 4, JOURNAL_FILE_RECORD_SIZE - 4));
        size_t span = stored <= room ? journal_file_record_span((uint32_t)stored) : 8;
        if (span > size - at) break;
        at += span;
    }
}

static void read_back(const uint8_t *bytes, size_t size, const struct journal_file_segment *segment) {
    uint32_t seed = journal_file_seed(segment->salt);
    uint64_t offset = JOURNAL_FILE_HEADER_SIZE;
    for (uint64_t index = segment->first; index <= segment->last && segment->last >= segment->first; index++) {
        struct journal_file_record record;
        co_assert(offset + JOURNAL_FILE_RECORD_SIZE <= size);
        co_assert(journal_file_record_decode(bytes + offset, seed, &record) && record.index == index);
        uint64_t at, near = journal_file_segment_near(segment, index, &at);
        co_assert(at != index || near == offset);
        struct co_arena arena = CO_ARENA_INIT;
        struct co_bytes out;
        if (journal_file_record_data(&record, seed, bytes + offset + JOURNAL_FILE_RECORD_SIZE, &arena, &out))
            co_assert(out.size == record.raw_size);
        co_arena_fini(&arena);
        offset += journal_file_record_span(record.stored_size);
        if (index == UINT64_MAX) break;
    }
    co_assert(offset == segment->end && offset <= size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static int fd = -1;
    if (fd < 0) fd = memfd_create("segment", MFD_CLOEXEC);
    if (size < 1 || size > (1 << 16)) return 0;
    uint8_t *bytes = malloc(size);
    if (!bytes) return 0;
    memcpy(bytes, data + 1, size - 1);
    if (data[0] & 1) mend(bytes, size - 1);
    co_assert(ftruncate(fd, 0) == 0 && pwrite(fd, bytes, size - 1, 0) == (ssize_t)(size - 1));
    struct journal_file_scan scan;
    struct co_error error = {0};
    uint64_t first = 1;
    struct journal_file_header header;
    if (size > JOURNAL_FILE_HEADER_SIZE && journal_file_header_decode(bytes, &header) == JOURNAL_FILE_HEADER_OK)
        first = header.first_index;
    if (journal_file_segment_scan(fd, "segment", first, &scan, &error) == CO_OK) {
        co_assert(scan.tail != JOURNAL_FILE_TAIL_CLEAN || scan.dropped == 0);
        co_assert(scan.bad_offset == scan.segment.end && scan.bad_offset + scan.dropped <= size - 1);
        read_back(bytes, size - 1, &scan.segment);
        journal_file_segment_fini(&scan.segment);
    } else {
        co_assert(error.text[0]);
    }
    free(bytes);
    return 0;
}
