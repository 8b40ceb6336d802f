/* Takes request targets apart: percent-decoding, validation, query strings, paths with needless segments. Knows neither routes
 * nor sockets. Everything a client sends in a request line passes through here first. */
#include "http/uri.h"

static int hex(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    digit |= 0x20;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* The byte that "%xy" at `at` stands for, or -1. */
static int unescape(const char *at, const char *end) {
    if (end - at < 3) return -1;
    int high = hex(at[1]), low = hex(at[2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* C0, DEL, and C1 as UTF-8 writes it. Such names only ever serve to confuse terminals and logs. */
static bool has_control(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte < 0x20 || byte == 0x7f) return true;
        if (byte == 0xc2 && i + 1 < size && (unsigned char)text[i + 1] >= 0x80 && (unsigned char)text[i + 1] < 0xa0)
            return true;
    }
    return false;
}

static co_status decode_path(char *path, size_t size, struct http_uri *out) {
    const char *end = path + size;
    char *to = memchr(path, '%', size);
    for (const char *from = to; from && from < end;) {
        if (*from != '%') {
            *to++ = *from++;
            continue;
        }
        int byte = unescape(from, end);
        if (byte <= 0) return byte < 0 ? CO_INVALID : CO_DENIED;
        *to++ = (char)byte;
        from += 3;
    }
    if (to) size = (size_t)(to - path);
    if (has_control(path, size)) return CO_DENIED;
    path[size] = '\0';
    out->path = path;
    out->path_size = size;
    return CO_OK;
}

static bool query_is_valid(struct co_bytes query) {
    const char *at = query.data, *end = at + query.size;
    while ((at = memchr(at, '%', (size_t)(end - at)))) {
        if (unescape(at, end) <= 0) return false;
        at += 3;
    }
    return true;
}

/* "http://host/path" is how a proxy asks; the host is of no interest here. */
static char *skip_authority(char *text, char *end) {
    if (end - text < 8 || (memcmp(text, "http://", 7) != 0 && memcmp(text, "https:/", 7) != 0)) return text;
    char *slash = memchr(text + 8, '/', (size_t)(end - text) - 8);
    return slash ? slash : text;
}

co_status http_uri_parse(char *text, size_t size, struct http_uri *out) {
    *out = (struct http_uri){0};
    char *fragment = memchr(text, '#', size);
    if (fragment) size = (size_t)(fragment - text);
    char *end = text + size;
    if (size > 0 && text[0] != '/') text = skip_authority(text, end);
    if (text == end || (text[0] != '/' && !(end - text == 1 && text[0] == '*'))) return CO_INVALID;
    char *mark = memchr(text, '?', (size_t)(end - text));
    if (mark) {
        out->query = co_bytes(mark + 1, (size_t)(end - mark) - 1);
        if (!query_is_valid(out->query)) return CO_INVALID;
    }
    return decode_path(text, (size_t)((mark ? mark : end) - text), out);
}

bool http_query_next(struct co_bytes *rest, struct http_pair *out) {
    while (rest->size > 0) {
        const char *start = rest->data, *end = start + rest->size, *at = start, *equals = NULL;
        for (; at < end && *at != '&' && *at != ';'; at++)
            if (*at == '=' && !equals) equals = at;
        *rest = co_bytes(at < end ? at + 1 : at, at < end ? (size_t)(end - at) - 1 : 0);
        if (at == start) continue;
        out->key = co_bytes(start, (size_t)((equals ? equals : at) - start));
        out->value = equals ? co_bytes(equals + 1, (size_t)(at - equals) - 1) : co_bytes("", 0);
        return true;
    }
    return false;
}

const char *http_query_value(struct co_bytes raw, struct co_arena *arena) {
    if (raw.size == 0) return "";
    char *value = co_arena_alloc(arena, raw.size + 1), *to = value;
    for (const char *from = raw.data, *end = from + raw.size; from < end; from++) {
        int byte = *from == '%' ? unescape(from, end) : -1;
        if (byte >= 0) from += 2;
        *to++ = byte >= 0 ? (char)byte : *from == '+' ? ' ' : *from;
    }
    *to = '\0';
    return value;
}

bool http_query_key_is(struct co_bytes raw_key, const char *name) {
    const char *at = raw_key.data, *end = at + raw_key.size;
    for (; at < end && *name; at++, name++) {
        if (*at == *name && *at != '+' && *at != '%') continue;
        int byte = *at == '%' ? unescape(at, end) : *at == '+' ? ' ' : (unsigned char)*at;
        if (byte != (unsigned char)*name) return false;
        if (*at == '%') at += 2;
    }
    return at == end && *name == '\0';
}

bool http_path_is_clean(const char *path, size_t size) {
    const char *at = path, *end = path + size;
    while (at < end && (at = memchr(at, '/', (size_t)(end - at)))) {
        at++;
        size_t left = (size_t)(end - at);
        if (left > 0 && at[0] == '/') return false;
        if (left > 0 && at[0] == '.') {
            if (left == 1 || at[1] == '/') return false;
            if (at[1] == '.' && (left == 2 || at[2] == '/')) return false;
        }
    }
    return true;
}

static void encode(struct co_buffer *out, const char *text, size_t size) {
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)text[i];
        bool is_plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
                        (byte && strchr("-_.~$&+,/:;=@", byte));
        if (is_plain) {
            co_buffer_add_byte(out, byte);
        } else {
            char escape[3] = {'%', digits[byte >> 4], digits[byte & 15]};
            co_buffer_add(out, escape, sizeof escape);
        }
    }
}

void http_path_clean(const char *path, size_t size, struct co_buffer *out) {
    struct co_buffer plain = {0};
    const char *at = path, *end = path + size;
    bool ends_in_slash = size > 0 && end[-1] == '/';
    while (at < end) {
        const char *slash = memchr(at, '/', (size_t)(end - at));
        size_t length = (size_t)((slash ? slash : end) - at);
        if (length == 2 && memcmp(at, "..", 2) == 0) {
            while (plain.size > 0 && plain.data[--plain.size] != '/') continue;
        } else if (length > 0 && !(length == 1 && at[0] == '.')) {
            co_buffer_add_byte(&plain, '/');
            co_buffer_add(&plain, at, length);
        }
        at += length + 1;
    }
    if (plain.size == 0 || ends_in_slash) co_buffer_add_byte(&plain, '/');
    encode(out, plain.data, plain.size);
    co_buffer_fini(&plain);
}
