/* CRC-32C (Castagnoli, RFC 3720 appendix B.4), the checksum of everything the journal writes. Any thread. */
#ifndef JOURNAL_FILE_CRC32C_H
#define JOURNAL_FILE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Continues `crc` (0 to begin) over `data`. */
uint32_t journal_file_crc32c(uint32_t crc, const void *data, size_t size);
/* The portable form of the same, so that tests can compare both on one machine. */
uint32_t journal_file_crc32c_tables(uint32_t crc, const void *data, size_t size);

#endif
