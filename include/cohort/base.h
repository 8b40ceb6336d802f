/* Statuses, errors, assertions and byte strings: the vocabulary of every other header.
 *
 * A function that can fail returns co_status. It also takes a `struct co_error *` when a person will
 * read the reason; the pointer may be NULL. Nothing here allocates. Any thread. */
#ifndef COHORT_BASE_H
#define COHORT_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CO_VERSION "0.1.0"

#define CO_PRINTF(index, first) __attribute__((__format__(__printf__, index, first)))
#define CO_NORETURN             __attribute__((noreturn))
#define CO_EXPORT               __attribute__((visibility("default")))
#define CO_NOT_NULL             __attribute__((returns_nonnull))
#define CO_MUST_USE             __attribute__((warn_unused_result))
#define CO_COUNT(array)         (sizeof(array) / sizeof((array)[0]))

/* name, text, HTTP status, DNS rcode, may a retry succeed without a change of the request? */
#define CO_STATUS_LIST(X)                                                                                              \
    X(OK, "ok", 200, 0, false)                                                                                         \
    X(INVALID, "invalid request", 400, 1, false)                                                                       \
    X(DENIED, "permission denied", 403, 5, false)                                                                      \
    X(NOT_FOUND, "not found", 404, 3, false)                                                                           \
    X(EXISTS, "already exists", 409, 2, false)                                                                         \
    X(CONFLICT, "conflict", 409, 2, false)                                                                             \
    X(TOO_LARGE, "too large", 413, 2, false)                                                                           \
    X(NO_LEADER, "No cluster leader", 500, 2, true)                                                                    \
    X(NOT_LEADER, "node is not the leader", 500, 2, true)                                                              \
    X(UNAVAILABLE, "unavailable", 503, 2, true)                                                                        \
    X(TIMEOUT, "timed out", 500, 2, true)                                                                              \
    X(CANCELLED, "cancelled", 503, 2, true)                                                                            \
    X(BUSY, "busy", 429, 2, true)                                                                                      \
    X(FULL, "no space left", 500, 2, true)                                                                             \
    X(IO, "input/output error", 500, 2, true)                                                                          \
    X(CORRUPT, "data is corrupt", 500, 2, false)                                                                       \
    X(UNSUPPORTED, "not supported", 501, 4, false)                                                                     \
    X(INTERNAL, "internal error", 500, 2, false)

typedef enum co_status {
#define X(name, text, http, rcode, retry) CO_##name,
    CO_STATUS_LIST(X)
#undef X
} co_status;

CO_EXPORT const char *co_status_name(co_status);
CO_EXPORT const char *co_status_text(co_status);
CO_EXPORT int co_status_http(co_status);
CO_EXPORT int co_status_rcode(co_status);
CO_EXPORT bool co_status_retryable(co_status);

/* One reason, for one reader. Lives on the stack of whoever reports it. */
struct co_error {
    co_status status;
    char text[1024]; /* a sentence without a final full stop; truncated when longer */
};

/* Fills `error` (unless NULL) and returns `status`, so that `return co_fail(...)` reads well. */
CO_EXPORT co_status co_fail(struct co_error *error, co_status status, const char *format, ...) CO_PRINTF(3, 4);
/* Puts "context: " before the text that `error` already holds. Returns error's status. */
CO_EXPORT co_status co_fail_context(struct co_error *error, const char *format, ...) CO_PRINTF(2, 3);
/* co_fail() with ": strerror(errno)" behind the text; ENOSPC/EDQUOT map to CO_FULL, the rest to CO_IO. */
CO_EXPORT co_status co_fail_errno(struct co_error *error, int errnum, const char *format, ...) CO_PRINTF(3, 4);

/* A programmer error. Stays on in release builds: prints the place and aborts. */
CO_EXPORT CO_NORETURN void co_assert_failed(const char *condition, const char *file, int line);
#define co_assert(condition) ((condition) ? (void)0 : co_assert_failed(#condition, __FILE__, __LINE__))

/* Bytes with a length, borrowed from whoever made them. `data` may be NULL only when size is 0. */
struct co_bytes {
    const void *data;
    size_t size;
};

static inline struct co_bytes co_bytes(const void *data, size_t size) {
    return (struct co_bytes){data, size};
}
static inline struct co_bytes co_bytes_text(const char *text) {
    return (struct co_bytes){text, strlen(text)};
}
static inline bool co_bytes_equal(struct co_bytes a, struct co_bytes b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}
static inline bool co_bytes_starts(struct co_bytes whole, struct co_bytes prefix) {
    return whole.size >= prefix.size && (prefix.size == 0 || memcmp(whole.data, prefix.data, prefix.size) == 0);
}
CO_EXPORT int co_bytes_compare(struct co_bytes a, struct co_bytes b); /* memcmp order, shorter first */

/* Allocation that aborts when memory is out (DESIGN section 7). Free with free(). */
CO_EXPORT void *co_malloc(size_t size) CO_NOT_NULL;
CO_EXPORT void *co_calloc(size_t count, size_t size) CO_NOT_NULL;
CO_EXPORT void *co_realloc(void *old, size_t size) CO_NOT_NULL;
CO_EXPORT char *co_strdup(const char *text) CO_NOT_NULL;

/* 64-bit hash of bytes for hash tables that outsiders fill: keyed per process with random data. */
CO_EXPORT uint64_t co_hash(const void *data, size_t size);
/* CRC-32C (Castagnoli) of the bytes, continuing from `crc` (0 to begin). */
CO_EXPORT uint32_t co_crc32c(uint32_t crc, const void *data, size_t size);
/* Fills with random bytes from the kernel. */
CO_EXPORT void co_random_bytes(void *out, size_t size);
/* A random (version 4) UUID in lower-case text, 36 characters and NUL. */
CO_EXPORT void co_uuid(char out[37]);
/* A fast per-thread random number below `bound` (> 0). Not for secrets. */
CO_EXPORT uint64_t co_random_below(uint64_t bound);

#endif
