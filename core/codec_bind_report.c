/* What the binder says about a value it cannot use: path, expectation, finding, suggestion. */
#include "codec_bind.h"

#include <stdio.h>

static void path_write(const struct bind_path *path, struct co_buffer *out) {
    if (!path) return;
    path_write(path->up, out);
    if (!path->key)
        co_buffer_printf(out, "[%zu]", path->index);
    else
        co_buffer_printf(out, "%s%s", out->size ? "." : "", path->key);
}

void bind_report(struct bind *bind, const struct bind_path *path, struct co_place place, const char *format, ...) {
    bind->status = CO_INVALID;
    if (!bind->problem) return;
    struct co_buffer text = {0};
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    co_buffer_add_text(&text, bind->root);
    path_write(path, &text);
    if (text.size == 0) co_buffer_add_text(&text, "the document");
    co_buffer_printf(&text, " %s", message);
    bind->problem(bind->arg, place, co_buffer_text(&text));
    co_buffer_fini(&text);
}

void bind_key(const struct co_field *field, bool is_config, char *out, size_t size) {
    if (is_config)
        co_config_key(field, out, size);
    else
        snprintf(out, size, "%s", field->name);
}

/* The nearest key, if it is near enough to have been meant. */
static bool suggest(const struct co_schema *schema, const char *key, bool is_config, char *out, size_t size) {
    unsigned best = 99;
    for (size_t i = 0; i < schema->count; i++) {
        char name[128];
        bind_key(&schema->fields[i], is_config, name, sizeof name);
        unsigned distance = co_key_distance(key, name), length = (unsigned)strlen(key);
        if (distance >= best || distance >= length || (distance > 2 && distance > length / 3)) continue;
        best = distance;
        snprintf(out, size, "%s", name);
    }
    return best < 99;
}

void bind_report_unknown(struct bind *bind, const struct bind_path *path, const struct co_schema *schema,
                         const struct co_entry *entry) {
    bind->status = CO_INVALID;
    if (!bind->problem) return;
    struct co_buffer where = {0}, text = {0};
    char meant[128];
    co_buffer_add_text(&where, bind->root);
    path_write(path, &where);
    co_buffer_printf(&text, "unknown key \"%.100s\"", entry->key);
    if (where.size) co_buffer_printf(&text, " in %s", co_buffer_text(&where));
    if (suggest(schema, entry->key, entry->place.file != NULL, meant, sizeof meant))
        co_buffer_printf(&text, "; did you mean \"%s\"?", meant);
    bind->problem(bind->arg, entry->place, co_buffer_text(&text));
    co_buffer_fini(&where);
    co_buffer_fini(&text);
}

static const char *wanted(const struct co_field *field) {
    switch ((enum co_kind)field->kind) {
    case CO_KIND_BOOL:
        return "true or false";
    case CO_KIND_I32:
    case CO_KIND_I64:
        return "a whole number";
    case CO_KIND_U64:
        return "a whole number, 0 or greater";
    case CO_KIND_F64:
        return "a number";
    case CO_KIND_STRING:
        return "a string";
    case CO_KIND_BYTES:
        return "a base64 string";
    case CO_KIND_DURATION:
        return "a duration such as \"10s\"";
    case CO_KIND_SIZE:
        return "a size such as \"64MiB\"";
    case CO_KIND_STRINGS:
        return "a list of strings";
    case CO_KIND_MAP:
        return "an object of strings";
    case CO_KIND_TREE:
        return "a value";
    case CO_KIND_RECORD:
    case CO_KIND_POINTER:
        return "an object";
    case CO_KIND_TREES:
    case CO_KIND_RECORDS:
        return "a list of objects";
    case CO_KIND_TABLE:
        return "an object of objects";
    }
    return "something else";
}

void bind_report_type(struct bind *bind, const struct bind_path *path, const struct co_field *field,
                      const struct co_node *node) {
    struct co_buffer text = {0};
    switch (node->kind) {
    case CO_NODE_LIST:
        co_buffer_add_text(&text, "a list");
        break;
    case CO_NODE_OBJECT:
        co_buffer_add_text(&text, "an object");
        break;
    case CO_NODE_STRING: {
        size_t size = node->text.size;
        const char *data = node->text.data;
        while (size > 40 && (size > 44 || (data[size] & 0xc0) == 0x80)) size = size > 44 ? 44 : size - 1;
        co_buffer_printf(&text, "\"%.*s%s\"", (int)size, data, size < node->text.size ? "..." : "");
        break;
    }
    default:
        co_tree_write_json(&text, node);
    }
    bind_report(bind, path, node->place, "must be %s, not %s", wanted(field), co_buffer_text(&text));
    co_buffer_fini(&text);
}
