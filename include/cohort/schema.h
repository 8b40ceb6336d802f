/* One field table per struct: drives decoding, encoding, defaults, validation and generated docs (DESIGN section 6).
 *
 * Strings are `const char *` (NUL-terminated; NULL encodes as ""), bytes are struct co_bytes. Decoded values live
 * in the arena that is passed in; the record decoder may point into its input instead. */
#ifndef COHORT_SCHEMA_H
#define COHORT_SCHEMA_H

#include "arena.h"
#include "buffer.h"
#include "tree.h"

enum co_kind {
    CO_KIND_BOOL,     /* bool */
    CO_KIND_I32,      /* int32_t */
    CO_KIND_I64,      /* int64_t */
    CO_KIND_U64,      /* uint64_t */
    CO_KIND_F64,      /* double */
    CO_KIND_STRING,   /* const char * */
    CO_KIND_BYTES,    /* struct co_bytes; base64 in JSON */
    CO_KIND_DURATION, /* struct co_duration; "10s" or nanoseconds in, "10s" out */
    CO_KIND_SIZE,     /* struct co_size; "4GiB" or a number in, a number out */
    CO_KIND_STRINGS,  /* struct co_strings; NULL items = null, else [] */
    CO_KIND_MAP,      /* struct co_map of string to string; written sorted by key */
    CO_KIND_TREE,     /* const struct co_node *; passed through untouched */
    CO_KIND_TREES,    /* struct co_trees: a list of objects, passed through untouched */
    CO_KIND_RECORD,   /* an embedded struct with its own schema */
    CO_KIND_POINTER,  /* a pointer to such a struct, or NULL = null */
    CO_KIND_RECORDS,  /* struct co_records: an array of such structs */
    CO_KIND_TABLE,    /* struct co_table_of: map of string to such structs, sorted by key when written */
};

struct co_duration {
    int64_t ns;
};
struct co_size {
    uint64_t bytes;
};
struct co_strings {
    const char **items;
    size_t count;
};
struct co_pair {
    const char *key, *value;
};
struct co_map {
    struct co_pair *items;
    size_t count;
}; /* NULL items = null */
struct co_trees {
    const struct co_node **items;
    size_t count;
};
struct co_records {
    void *items;
    size_t count;
}; /* NULL items = null */
struct co_named {
    const char *key;
    void *value;
};
struct co_table_of {
    struct co_named *items;
    size_t count;
};

#define CO_SECOND      INT64_C(1000000000)
#define CO_MILLISECOND INT64_C(1000000)

enum co_field_flag {
    CO_OMIT_EMPTY = 1,   /* JSON: left out when zero, "" or of no items */
    CO_REQUIRED = 2,     /* decoding fails when absent or empty */
    CO_SECRET = 4,       /* never shown by /v1/agent/self, logs or docs */
    CO_AGENT_KEY = 8,    /* config: read from the top level of the file instead of the module's block */
    CO_ONE_OR_MANY = 16, /* config: STRINGS/RECORDS also take a single value, and repeated keys append */
    CO_HIDDEN = 32,      /* not in JSON output, not in the docs; still in records */
};

struct co_field {
    uint16_t id; /* key in stored records, for ever; > 0; 0 only in config-only and JSON-only structs */
    uint8_t kind, flags;
    uint32_t offset;
    const char *name;               /* Go field name: key in JSON; the config key is its snake_case */
    const char *config;             /* config key when it is not the derived one, or NULL */
    const char *fallback;           /* default in config notation ("10s", "true", "[]"), or NULL for zero */
    const char *doc;                /* one sentence for the settings table, or NULL */
    const struct co_schema *schema; /* RECORD, POINTER, RECORDS, TABLE */
    const char *key;                /* set by the macros: ,"Name": ready for the JSON encoder */
    uint16_t key_size;
};

struct co_schema {
    const char *name; /* Go type name */
    size_t size;      /* sizeof the struct */
    const struct co_field *fields;
    size_t count;
};

#define CO_FIELD_KEY(NAME) .key = ",\"" NAME "\":", .key_size = sizeof(",\"" NAME "\":") - 1
#define CO_KIND_OF(type, member)                                                                                       \
    _Generic(((type *)0)->member, bool : CO_KIND_BOOL, int32_t : CO_KIND_I32, int64_t : CO_KIND_I64, \
             uint64_t : CO_KIND_U64, double : CO_KIND_F64, const char * : CO_KIND_STRING,           \
             struct co_bytes : CO_KIND_BYTES, struct co_duration : CO_KIND_DURATION,                \
             struct co_size : CO_KIND_SIZE, struct co_strings : CO_KIND_STRINGS,                    \
             struct co_map : CO_KIND_MAP, const struct co_node * : CO_KIND_TREE,           \
             struct co_trees : CO_KIND_TREES)
/* CO_FIELD(3, struct kv_entry, flags, "Flags", 0) with optional trailing designators:
 * CO_FIELD(0, struct s, map_size, "MapSize", 0, .fallback = "1GiB", .doc = "...") */
#define CO_FIELD(ID, TYPE, MEMBER, NAME, FLAGS, ...)                                                                   \
    {                                                                                                                  \
        .id = (ID), .kind = CO_KIND_OF(TYPE, MEMBER), .flags = (FLAGS), .offset = offsetof(TYPE, MEMBER),              \
        .name = (NAME), CO_FIELD_KEY(NAME), __VA_ARGS__                                                                \
    }
#define CO_RECORD(ID, TYPE, MEMBER, NAME, FLAGS, SCHEMA, ...)                                                          \
    {                                                                                                                  \
        .id = (ID), .kind = CO_KIND_RECORD, .flags = (FLAGS), .offset = offsetof(TYPE, MEMBER), .name = (NAME),        \
        CO_FIELD_KEY(NAME), .schema = (SCHEMA), __VA_ARGS__                                                            \
    }
#define CO_POINTER(ID, TYPE, MEMBER, NAME, FLAGS, SCHEMA, ...)                                                         \
    {                                                                                                                  \
        .id = (ID), .kind = CO_KIND_POINTER, .flags = (FLAGS), .offset = offsetof(TYPE, MEMBER), .name = (NAME),       \
        CO_FIELD_KEY(NAME), .schema = (SCHEMA), __VA_ARGS__                                                            \
    }
#define CO_RECORDS(ID, TYPE, MEMBER, NAME, FLAGS, SCHEMA, ...)                                                         \
    {                                                                                                                  \
        .id = (ID),                                                                                                    \
        .kind = _Generic(((TYPE *)0)->MEMBER, struct co_records                                                        \
                         : CO_KIND_RECORDS),                                                                           \
        .flags = (FLAGS), .offset = offsetof(TYPE, MEMBER), .name = (NAME), CO_FIELD_KEY(NAME), .schema = (SCHEMA),    \
        __VA_ARGS__                                                                                                    \
    }
#define CO_TABLE_OF(ID, TYPE, MEMBER, NAME, FLAGS, SCHEMA, ...)                                                        \
    {                                                                                                                  \
        .id = (ID),                                                                                                    \
        .kind = _Generic(((TYPE *)0)->MEMBER, struct co_table_of                                                       \
                         : CO_KIND_TABLE),                                                                             \
        .flags = (FLAGS), .offset = offsetof(TYPE, MEMBER), .name = (NAME), CO_FIELD_KEY(NAME), .schema = (SCHEMA),    \
        __VA_ARGS__                                                                                                    \
    }
#define CO_SCHEMA(SYMBOL, TYPE, NAME, ...)                                                                             \
    static const struct co_field SYMBOL##_fields[] = {__VA_ARGS__};                                                    \
    const struct co_schema SYMBOL = {(NAME), sizeof(TYPE), SYMBOL##_fields, CO_COUNT(SYMBOL##_fields)}

/* Sets every field to its default. Record fields recurse. */
CO_EXPORT void co_schema_defaults(const struct co_schema *, void *out, struct co_arena *);
/* Asserts what the compiler cannot: unique ids and names, sane offsets, defaults that parse. Called at start-up. */
CO_EXPORT void co_schema_check(const struct co_schema *);
/* The key of a field in configuration files: `config`, or the name in snake_case ("HTTPMaxConns" -> "http_max_conns"). */
CO_EXPORT void co_config_key(const struct co_field *, char *out, size_t size);

/* What to do with keys that no field has. */
enum co_unknown { CO_UNKNOWN_IGNORE, CO_UNKNOWN_REPORT };
/* Receives every problem found; `text` has no place prefix. */
typedef void co_problem(void *arg, struct co_place place, const char *text);

/* Binds an object to a struct: fields present in the tree are set, the others are left as they are (call
 * co_schema_defaults first). Keys match by co_key_equal. All problems are reported, not just the first;
 * returns CO_INVALID when there was one. Scalars overwrite; with CO_ONE_OR_MANY repeated keys append. `path` names
 * the object in messages ("modules.storage.lmdb" or ""). Values from a configuration file (place.file set) convert
 * between strings, numbers and bools; in request bodies types must match. TREE fields point into `object`. */
CO_EXPORT co_status co_bind(const struct co_schema *, void *out, const struct co_node *object, enum co_unknown,
                            const char *path, struct co_arena *, co_problem *, void *problem_arg);
/* JSON text to struct through co_bind, starting from the defaults; unknown keys are ignored. The error text is fit for an HTTP 400. */
CO_EXPORT co_status co_decode_json(const struct co_schema *, void *out, struct co_bytes json, struct co_arena *,
                                   struct co_error *);
/* Struct to JSON as Go writes it: field order, no blanks. `pretty` indents by four blanks as ?pretty does. */
CO_EXPORT void co_encode_json(const struct co_schema *, const void *in, struct co_buffer *out);
CO_EXPORT void co_encode_json_list(const struct co_schema *, struct co_records,
                                   struct co_buffer *out); /* null or [..] */
CO_EXPORT void co_json_indent(struct co_bytes json, struct co_buffer *out);

/* Records: the stored form. Per field: varint(id << 3 | wire), then varint | 8 bytes | length + bytes. Zero values are left
 * out, except inside lists. Strings carry their NUL, so decoding points into `in`, which must outlive the result. */
CO_EXPORT void co_encode_record(const struct co_schema *, const void *in, struct co_buffer *out);
/* Unknown ids are refused (CO_CORRUPT): a stored record from a newer version must not be half understood.
 * Depth and counts are bounded by the input's size. */
CO_EXPORT co_status co_decode_record(const struct co_schema *, void *out, struct co_bytes in, struct co_arena *,
                                     struct co_error *);

/* "10s", "1m30s", "250ms", "1.5h"; false when malformed. Format as Go's Duration.String(). */
CO_EXPORT bool co_duration_parse(const char *text, int64_t *ns);
CO_EXPORT void co_duration_format(int64_t ns, char out[32]);
CO_EXPORT bool co_size_parse(const char *text, uint64_t *bytes);

#endif
