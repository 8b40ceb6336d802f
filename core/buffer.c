/* Growing byte buffers. The JSON pieces of buffer.h stand in codec_json.c. */
#include "cohort/buffer.h"

#include <stdio.h>
#include <stdlib.h>

void co_buffer_grow(struct co_buffer *buffer, size_t more) {
    co_assert(more < SIZE_MAX / 4 && buffer->size < SIZE_MAX / 4);
    size_t need = buffer->size + more;
    size_t capacity = buffer->capacity ? buffer->capacity * 2 : 256;
    if (capacity < need) capacity = need;
    buffer->data = co_realloc(buffer->data, capacity);
    buffer->capacity = capacity;
}

void co_buffer_fini(struct co_buffer *buffer) {
    free(buffer->data);
    *buffer = (struct co_buffer){0};
}

char *co_buffer_take(struct co_buffer *buffer) {
    co_buffer_text(buffer);
    char *data = buffer->data;
    *buffer = (struct co_buffer){0};
    return data;
}

const char *co_buffer_text(struct co_buffer *buffer) {
    *co_buffer_room(buffer, 1) = '\0';
    return buffer->data;
}

void co_buffer_printf(struct co_buffer *buffer, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    size_t room = buffer->capacity - buffer->size;
    int size = vsnprintf(room ? buffer->data + buffer->size : NULL, room, format, args);
    va_end(args);
    co_assert(size >= 0);
    if ((size_t)size >= room) vsnprintf(co_buffer_room(buffer, (size_t)size + 1), (size_t)size + 1, format, again);
    va_end(again);
    buffer->size += (size_t)size;
}
