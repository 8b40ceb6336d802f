/* CRC-32C: the processor's instruction where there is one, else eight tables (slicing by eight).
 * Refuses to know what is summed. */
#include "crc32c.h"

#include <endian.h>
#include <pthread.h>
#include <string.h>

#define POLYNOMIAL 0x82f63b78u /* Castagnoli, bits reversed */

static uint32_t tables[8][256];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void fill_tables(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
        tables[0][byte] = crc;
    }
    for (int table = 1; table < 8; table++)
        for (uint32_t byte = 0; byte < 256; byte++) {
            uint32_t before = tables[table - 1][byte];
            tables[table][byte] = (before >> 8) ^ tables[0][before & 255];
        }
}

uint32_t journal_file_crc32c_tables(uint32_t crc, const void *data, size_t size) {
    pthread_once(&tables_once, fill_tables);
    const uint8_t *at = data;
    crc = ~crc;
    for (; size >= 8; at += 8, size -= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        word = le64toh(word) ^ crc;
        crc = tables[7][word & 255] ^ tables[6][word >> 8 & 255] ^ tables[5][word >> 16 & 255] ^
              tables[4][word >> 24 & 255] ^ tables[3][word >> 32 & 255] ^ tables[2][word >> 40 & 255] ^
              tables[1][word >> 48 & 255] ^ tables[0][word >> 56];
    }
    for (; size > 0; at++, size--) crc = (crc >> 8) ^ tables[0][(crc ^ *at) & 255];
    return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t crc, const uint8_t *at, size_t size) {
    uint64_t wide = ~crc;
    for (; size >= 8; at += 8, size -= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        wide = __builtin_ia32_crc32di(wide, word);
    }
    uint32_t sum = (uint32_t)wide;
    for (; size > 0; at++, size--) sum = __builtin_ia32_crc32qi(sum, *at);
    return ~sum;
}

uint32_t journal_file_crc32c(uint32_t crc, const void *data, size_t size) {
    if (__builtin_cpu_supports("sse4.2")) return crc32c_sse42(crc, data, size);
    return journal_file_crc32c_tables(crc, data, size);
}
#else
uint32_t journal_file_crc32c(uint32_t crc, const void *data, size_t size) {
    return journal_file_crc32c_tables(crc, data, size);
}
#endif
