/* Statuses, errors, assertions, allocation that cannot fail, hashing and random numbers.
 * Knows nothing of agents or modules. */
#include "cohort/base.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

static const struct {
    const char *name, *text;
    int http, rcode;
    bool retry;
} statuses[] = {
#define X(name, text, http, rcode, retry) {#name, text, http, rcode, retry},
    CO_STATUS_LIST(X)
#undef X
};

const char *co_status_name(co_status status) {
    return statuses[status].name;
}

const char *co_status_text(co_status status) {
    return statuses[status].text;
}

int co_status_http(co_status status) {
    return statuses[status].http;
}

int co_status_rcode(co_status status) {
    return statuses[status].rcode;
}

bool co_status_retryable(co_status status) {
    return statuses[status].retry;
}

co_status co_fail(struct co_error *error, co_status status, const char *format, ...) {
    if (!error) return status;
    error->status = status;
    va_list args;
    va_start(args, format);
    vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    return status;
}

co_status co_fail_context(struct co_error *error, const char *format, ...) {
    if (!error) return CO_INTERNAL;
    char whole[sizeof error->text];
    va_list args;
    va_start(args, format);
    int used = vsnprintf(whole, sizeof whole, format, args);
    va_end(args);
    size_t at = used < 0 ? 0 : (size_t)used < sizeof whole ? (size_t)used : sizeof whole - 1;
    for (const char *c = ": "; *c && at + 1 < sizeof whole; c++) whole[at++] = *c;
    for (const char *c = error->text; *c && at + 1 < sizeof whole; c++) whole[at++] = *c;
    whole[at] = '\0';
    memcpy(error->text, whole, at + 1);
    return error->status;
}

co_status co_fail_errno(struct co_error *error, int errnum, const char *format, ...) {
    co_status status = errnum == ENOSPC || errnum == EDQUOT ? CO_FULL : CO_IO;
    if (!error) return status;
    error->status = status;
    va_list args;
    va_start(args, format);
    vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    char reason[128];
    size_t used = strlen(error->text);
    snprintf(error->text + used, sizeof error->text - used, ": %s", strerror_r(errnum, reason, sizeof reason));
    return status;
}

void co_assert_failed(const char *condition, const char *file, int line) {
    fprintf(stderr, "cohort: assertion failed: %s at %s:%d\n", condition, file, line);
    fflush(NULL);
    abort();
}

int co_bytes_compare(struct co_bytes a, struct co_bytes b) {
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common ? memcmp(a.data, b.data, common) : 0;
    if (order) return order;
    return a.size < b.size ? -1 : a.size > b.size;
}

static void *must(void *memory, size_t size) {
    if (memory || size == 0) return memory;
    fprintf(stderr, "cohort: out of memory (%zu bytes)\n", size);
    abort();
}

void *co_malloc(size_t size) {
    return must(malloc(size), size);
}

void *co_calloc(size_t count, size_t size) {
    return must(calloc(count, size), count * size);
}

void *co_realloc(void *old, size_t size) {
    return must(realloc(old, size), size);
}

char *co_strdup(const char *text) {
    size_t size = strlen(text) + 1;
    return memcpy(co_malloc(size), text, size);
}

void co_random_bytes(void *out, size_t size) {
    uint8_t *at = out;
    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);
        if (got < 0 && errno == EINTR) continue;
        co_assert(got > 0);
        at += got;
        size -= (size_t)got;
    }
}

static uint64_t mix(uint64_t a, uint64_t b) {
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_key[2];
__attribute__((constructor)) static void hash_key_init(void) {
    co_random_bytes(hash_key, sizeof hash_key);
    hash_key[0] |= 1;
    hash_key[1] |= 1;
}

/* Folded multiplication over 8-byte words, keyed so that a peer cannot aim at one bucket. */
uint64_t co_hash(const void *data, size_t size) {
    const uint8_t *at = data;
    uint64_t hash = hash_key[0] ^ size * UINT64_C(0x9e3779b97f4a7c15);
    uint64_t word = 0;
    size_t left = size;
    for (; left >= 8; left -= 8, at += 8) {
        memcpy(&word, at, 8);
        hash = mix(hash ^ word, hash_key[1] ^ UINT64_C(0xa0761d6478bd642f));
    }
    word = 0;
    if (left) memcpy(&word, at, left);
    return mix(hash ^ word, hash_key[1] ^ UINT64_C(0xe7037ed1a0b428db));
}

void co_uuid(char out[37]) {
    uint8_t raw[16];
    co_random_bytes(raw, sizeof raw);
    raw[6] = (uint8_t)((raw[6] & 0x0f) | 0x40);
    raw[8] = (uint8_t)((raw[8] & 0x3f) | 0x80);
    char *at = out;
    for (size_t i = 0; i < sizeof raw; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
        at += snprintf(at, 3, "%02x", raw[i]);
    }
}

uint64_t co_random_below(uint64_t bound) {
    static _Thread_local uint64_t state;
    co_assert(bound > 0);
    if (state == 0) co_random_bytes(&state, sizeof state);
    state += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
    uint64_t z = state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % bound;
}
