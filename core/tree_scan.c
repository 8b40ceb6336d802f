/* Places, bounds, errors and numbers for the parsers of documents. */
#include "tree_scan.h"

#include "codec.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

co_status scan_init(struct scan *scan, struct co_arena *arena, const char *file, struct co_bytes text,
                    struct co_error *error) {
    const char *begin = text.size ? text.data : "";
    *scan = (struct scan){
        .arena = arena, .file = file, .begin = begin, .at = begin, .end = begin + text.size, .error = error};
    if (text.size > CO_TREE_TEXT_MAX)
        return co_fail(error, CO_TOO_LARGE, "%s%s1:1: larger than %u bytes", file ? file : "", file ? ":" : "",
                       CO_TREE_TEXT_MAX);
    if (text.size >= 3 && memcmp(begin, "\xef\xbb\xbf", 3) == 0) scan->begin = scan->at = begin + 3;
    for (const char *at = scan->at; at < scan->end;) {
        size_t length = codec_utf8((const unsigned char *)at, (size_t)(scan->end - at));
        if (length == 0)
            return scan_fail(scan, at, "invalid UTF-8 (byte 0x%02x); save the file as UTF-8", (unsigned char)*at);
        at += length;
    }
    return CO_OK;
}

void scan_fini(struct scan *scan) {
    co_buffer_fini(&scan->text);
}

struct co_place scan_place(struct scan *scan, const char *at) {
    if (!scan->counted || at < scan->counted) {
        scan->counted = scan->begin;
        scan->line = scan->column = 1;
    }
    for (; scan->counted < at; scan->counted++) {
        if (*scan->counted == '\n')
            scan->line++, scan->column = 1;
        else if ((*scan->counted & 0xc0) != 0x80)
            scan->column++; /* characters, not bytes */
    }
    return (struct co_place){scan->file, scan->line, scan->column};
}

co_status scan_fail(struct scan *scan, const char *at, const char *format, ...) {
    struct co_place place = scan_place(scan, at);
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (!scan->file)
        return co_fail(scan->error, CO_INVALID, "line %u, column %u: %s", place.line, place.column, message);
    return co_fail(scan->error, CO_INVALID, "%s:%u:%u: %s", scan->file, place.line, place.column, message);
}

struct co_node *scan_node(struct scan *scan, enum co_node_kind kind, const char *at) {
    if (scan->nodes++ >= TREE_NODES_MAX) {
        scan_fail(scan, at, "more than %d values in one document", TREE_NODES_MAX);
        return NULL;
    }
    struct co_node *node = co_arena_new(scan->arena, struct co_node);
    node->kind = kind;
    node->place = scan_place(scan, at);
    return node;
}

const char *scan_here(struct scan *scan, char out[24]) {
    if (scan->at >= scan->end) return "the end of the file";
    unsigned char c = (unsigned char)*scan->at;
    if (c == '\n' || c == '\r') return "the end of the line";
    if (c < 0x20 || c == 0x7f)
        snprintf(out, 24, "the byte 0x%02x", c);
    else
        snprintf(out, 24, "'%.*s'", (int)codec_utf8((const unsigned char *)scan->at, 4), scan->at);
    return out;
}

bool scan_hex(struct scan *scan, unsigned digits, uint32_t *out) {
    uint32_t value = 0;
    if ((size_t)(scan->end - scan->at) < digits) return false;
    for (unsigned i = 0; i < digits; i++) {
        char c = scan->at[i];
        unsigned digit = c >= '0' && c <= '9'                     ? (unsigned)(c - '0')
                         : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (unsigned)((c | 0x20) - 'a' + 10)
                                                                  : 16;
        if (digit == 16) return false;
        value = value << 4 | digit;
    }
    scan->at += digits;
    *out = value;
    return true;
}

struct co_bytes scan_take(struct scan *scan) {
    struct co_bytes text = {co_arena_text(scan->arena, scan->text.size ? scan->text.data : "", scan->text.size),
                            scan->text.size};
    scan->text.size = 0;
    return text;
}

size_t codec_utf8_put(char *out, uint32_t code) {
    if (code < 0x80) return out[0] = (char)code, 1;
    size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = size; i-- > 1; code >>= 6) out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)((size == 2 ? 0xc0 : size == 3 ? 0xe0 : 0xf0) | code);
    return size;
}

co_status scan_number(struct scan *scan, const char *at, const char *end, bool is_negative, unsigned base,
                      struct co_node *node) {
    bool is_float = false, overflows = false;
    uint64_t whole = 0;
    for (const char *digit = at; digit < end && !is_float; digit++) {
        if (base == 10 && (*digit == '.' || (*digit | 0x20) == 'e')) is_float = true;
        unsigned value = *digit <= '9' ? (unsigned)(*digit - '0') : (unsigned)((*digit | 0x20) - 'a' + 10);
        overflows =
            overflows || __builtin_mul_overflow(whole, base, &whole) || __builtin_add_overflow(whole, value, &whole);
    }
    if (is_float || overflows || (is_negative && whole > UINT64_C(1) << 63)) {
        if (base != 10) return scan_fail(scan, at, "the number does not fit into 64 bits");
        const char *text = co_arena_text(scan->arena, at, (size_t)(end - at));
        node->number = is_negative ? -strtod(text, NULL) : strtod(text, NULL);
        return isfinite(node->number) ? CO_OK : scan_fail(scan, at, "the number is too large");
    }
    node->number = is_negative ? -(double)whole : (double)whole;
    if (!is_negative && whole > INT64_MAX) {
        node->text.data = co_arena_printf(scan->arena, "%llu", (unsigned long long)whole);
        node->text.size = strlen(node->text.data);
        return CO_OK;
    }
    node->is_integer = true;
    node->integer = is_negative ? (int64_t)(0 - whole) : (int64_t)whole;
    return CO_OK;
}
