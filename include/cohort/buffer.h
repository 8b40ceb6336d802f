/* A growing byte buffer. Zero-initialise, append, then co_buffer_fini() or take `data` with co_buffer_take(). */
#ifndef COHORT_BUFFER_H
#define COHORT_BUFFER_H

#include "base.h"

struct co_buffer {
    char *data;
    size_t size, capacity;
};

CO_EXPORT void co_buffer_grow(struct co_buffer *, size_t more); /* room for at least `more` bytes */
CO_EXPORT void co_buffer_fini(struct co_buffer *);
CO_EXPORT char *co_buffer_take(struct co_buffer *); /* the caller frees; the buffer is empty after */
CO_EXPORT void co_buffer_printf(struct co_buffer *, const char *format, ...) CO_PRINTF(2, 3);
CO_EXPORT const char *co_buffer_text(struct co_buffer *); /* NUL-terminates (not counted), borrows */

static inline char *co_buffer_room(struct co_buffer *buffer, size_t more) {
    if (buffer->capacity - buffer->size < more) co_buffer_grow(buffer, more);
    return buffer->data + buffer->size;
}
static inline void co_buffer_add(struct co_buffer *buffer, const void *data, size_t size) {
    if (size == 0) return;
    memcpy(co_buffer_room(buffer, size), data, size);
    buffer->size += size;
}
static inline void co_buffer_add_text(struct co_buffer *buffer, const char *text) {
    co_buffer_add(buffer, text, strlen(text));
}
static inline void co_buffer_add_byte(struct co_buffer *buffer, uint8_t byte) {
    *co_buffer_room(buffer, 1) = (char)byte;
    buffer->size++;
}

/* JSON pieces as Go's encoding/json writes them (<, >, & and U+2028/9 escaped, invalid UTF-8 as \ufffd). */
CO_EXPORT void co_buffer_add_json_string(struct co_buffer *, const char *text, size_t size);
CO_EXPORT void co_buffer_add_base64(struct co_buffer *, const void *data, size_t size);
/* Decodes standard base64 with padding into `out` (room for size / 4 * 3). False when malformed. */
CO_EXPORT bool co_base64_decode(const char *text, size_t size, void *out, size_t *out_size);

#endif
