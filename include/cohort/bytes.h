/* Numbers in files: little endian, at any alignment. Any thread. */
#ifndef COHORT_BYTES_H
#define COHORT_BYTES_H

#include <stddef.h>
#include <stdint.h>

static inline void co_put_u16(void *at, uint16_t value) {
    uint8_t *out = (uint8_t *)at;
    for (size_t i = 0; i < 2; i++) out[i] = (uint8_t)(value >> (8 * i));
}
static inline void co_put_u32(void *at, uint32_t value) {
    uint8_t *out = (uint8_t *)at;
    for (size_t i = 0; i < 4; i++) out[i] = (uint8_t)(value >> (8 * i));
}
static inline void co_put_u64(void *at, uint64_t value) {
    uint8_t *out = (uint8_t *)at;
    for (size_t i = 0; i < 8; i++) out[i] = (uint8_t)(value >> (8 * i));
}
static inline uint16_t co_get_u16(const void *at) {
    const uint8_t *in = (const uint8_t *)at;
    return (uint16_t)(in[0] | in[1] << 8);
}
static inline uint32_t co_get_u32(const void *at) {
    const uint8_t *in = (const uint8_t *)at;
    return (uint32_t)in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 24;
}
static inline uint64_t co_get_u64(const void *at) {
    return (uint64_t)co_get_u32(at) | (uint64_t)co_get_u32((const uint8_t *)at + 4) << 32;
}

#endif
