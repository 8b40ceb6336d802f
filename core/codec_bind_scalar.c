/* One node to one scalar, with the conversions that Consul's configuration loader allows. */
#include "codec_bind.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum outcome { GOOD, WRONG_TYPE, OUT_OF_RANGE };

static enum outcome text_to_i64(const char *text, int64_t *out) {
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end || *text <= ' ') return WRONG_TYPE; /* strtoll would skip blanks */
    *out = value;
    return errno == ERANGE ? OUT_OF_RANGE : GOOD;
}

static enum outcome node_to_i64(const struct co_node *node, int64_t *out) {
    if (node->kind == CO_NODE_STRING && bind_is_weak(node)) return text_to_i64(node->text.data, out);
    if (node->kind == CO_NODE_BOOL && bind_is_weak(node)) return *out = node->boolean, GOOD;
    if (node->kind != CO_NODE_NUMBER) return WRONG_TYPE;
    if (node->is_integer) return *out = node->integer, GOOD;
    if (node->text.size) return OUT_OF_RANGE;
    if (node->number != floor(node->number)) return WRONG_TYPE;
    if (node->number < -0x1p63 || node->number >= 0x1p63) return OUT_OF_RANGE;
    *out = (int64_t)node->number;
    return GOOD;
}

static enum outcome text_to_u64(const char *text, uint64_t *out) {
    char *end;
    errno = 0;
    if (*text == '-') return OUT_OF_RANGE;
    unsigned long long value = strtoull(text, &end, 10);
    if (end == text || *end || *text < '0') return WRONG_TYPE;
    *out = value;
    return errno == ERANGE ? OUT_OF_RANGE : GOOD;
}

static enum outcome node_to_u64(const struct co_node *node, uint64_t *out) {
    if (node->kind == CO_NODE_STRING && bind_is_weak(node)) {
        int64_t small;
        enum outcome outcome = text_to_i64(node->text.data, &small);
        return outcome == WRONG_TYPE ? outcome : text_to_u64(node->text.data, out);
    }
    if (node->kind == CO_NODE_NUMBER && node->text.size) return text_to_u64(node->text.data, out);
    int64_t value;
    enum outcome outcome = node_to_i64(node, &value);
    if (outcome) return outcome;
    *out = (uint64_t)value;
    return value < 0 ? OUT_OF_RANGE : GOOD;
}

static enum outcome node_to_bool(const struct co_node *node, bool *out) {
    if (node->kind == CO_NODE_BOOL) return *out = node->boolean, GOOD;
    if (!bind_is_weak(node)) return WRONG_TYPE;
    if (node->kind == CO_NODE_NUMBER) return *out = node->number != 0, GOOD;
    if (node->kind != CO_NODE_STRING) return WRONG_TYPE;
    static const char *const yes[] = {"true", "1", "t", "T", "TRUE", "True"}, *const no[] = {"false", "0",     "f",
                                                                                             "F",     "FALSE", "False"};
    for (size_t i = 0; i < CO_COUNT(yes); i++) {
        if (strcmp(node->text.data, yes[i]) == 0) return *out = true, GOOD;
        if (strcmp(node->text.data, no[i]) == 0) return *out = false, GOOD;
    }
    return WRONG_TYPE;
}

static enum outcome node_to_f64(const struct co_node *node, double *out) {
    if (node->kind == CO_NODE_NUMBER) return *out = node->number, GOOD;
    if (node->kind != CO_NODE_STRING || !bind_is_weak(node) || node->text.size == 0) return WRONG_TYPE;
    char *end;
    double value = strtod(node->text.data, &end);
    if (*end || !isfinite(value)) return WRONG_TYPE;
    *out = value;
    return GOOD;
}

static enum outcome node_to_duration(const struct co_node *node, int64_t *out) {
    if (node->kind == CO_NODE_STRING) return co_duration_parse(node->text.data, out) ? GOOD : WRONG_TYPE;
    return node->kind == CO_NODE_NUMBER ? node_to_i64(node, out) : WRONG_TYPE;
}

static enum outcome node_to_size(const struct co_node *node, uint64_t *out) {
    if (node->kind == CO_NODE_STRING) return co_size_parse(node->text.data, out) ? GOOD : WRONG_TYPE;
    return node->kind == CO_NODE_NUMBER ? node_to_u64(node, out) : WRONG_TYPE;
}

static const char *text_of(struct bind *bind, const struct co_node *node) {
    return bind->copies ? co_arena_text(bind->arena, node->text.data, node->text.size) : node->text.data;
}

static enum outcome node_to_text(struct bind *bind, const struct co_node *node, const char **out) {
    if (node->kind == CO_NODE_STRING) return *out = text_of(bind, node), GOOD;
    if (!bind_is_weak(node) || (node->kind != CO_NODE_NUMBER && node->kind != CO_NODE_BOOL)) return WRONG_TYPE;
    struct co_buffer text = {0};
    co_tree_write_json(&text, node);
    *out = co_arena_text(bind->arena, text.data, text.size);
    co_buffer_fini(&text);
    return GOOD;
}

static enum outcome node_to_bytes(struct bind *bind, const struct co_node *node, struct co_bytes *out) {
    if (node->kind != CO_NODE_STRING) return WRONG_TYPE;
    size_t size;
    void *data = co_arena_alloc(bind->arena, node->text.size / 4 * 3 + 1); /* "" is empty, not nil */
    if (!co_base64_decode(node->text.data, node->text.size, data, &size)) return WRONG_TYPE;
    *out = co_bytes(data, size);
    return GOOD;
}

static enum outcome node_to_i32(const struct co_node *node, int32_t *out) {
    int64_t value;
    enum outcome outcome = node_to_i64(node, &value);
    if (outcome) return outcome;
    if (value < INT32_MIN || value > INT32_MAX) return OUT_OF_RANGE;
    *out = (int32_t)value;
    return GOOD;
}

static const char *range_of(const struct co_field *field) {
    switch (field->kind) {
    case CO_KIND_I32:
        return "between -2147483648 and 2147483647";
    case CO_KIND_U64:
    case CO_KIND_SIZE:
        return "between 0 and 18446744073709551615";
    default:
        return "between -9223372036854775808 and 9223372036854775807";
    }
}

void bind_scalar(struct bind *bind, const struct bind_path *path, const struct co_field *field, void *value,
                 const struct co_node *node) {
    enum outcome outcome = WRONG_TYPE;
    switch (field->kind) {
    case CO_KIND_BOOL:
        outcome = node_to_bool(node, value);
        break;
    case CO_KIND_I32:
        outcome = node_to_i32(node, value);
        break;
    case CO_KIND_I64:
        outcome = node_to_i64(node, value);
        break;
    case CO_KIND_U64:
        outcome = node_to_u64(node, value);
        break;
    case CO_KIND_F64:
        outcome = node_to_f64(node, value);
        break;
    case CO_KIND_STRING:
        outcome = node_to_text(bind, node, value);
        break;
    case CO_KIND_BYTES:
        outcome = node_to_bytes(bind, node, value);
        break;
    case CO_KIND_DURATION:
        outcome = node_to_duration(node, &((struct co_duration *)value)->ns);
        break;
    case CO_KIND_SIZE:
        outcome = node_to_size(node, &((struct co_size *)value)->bytes);
        break;
    }
    if (outcome == WRONG_TYPE) bind_report_type(bind, path, field, node);
    if (outcome == OUT_OF_RANGE) bind_report(bind, path, node->place, "must be %s", range_of(field));
}
