/* From a tree to the definition of a service with its checks. The same rules serve files, the API and what was kept on disk;
 * the texts are Consul's. Knows the form of a definition, not what becomes of it. */
#include "agent_local.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>

#define META_PAIRS_MAX 64
#define META_KEY_MAX   128
#define META_VALUE_MAX 512
#define WEIGHT_MAX     65535

CO_SCHEMA(weights_schema, struct catalog_weights, "Weights", CO_FIELD(0, struct catalog_weights, passing, "Passing", 0),
          CO_FIELD(0, struct catalog_weights, warning, "Warning", 0));
CO_SCHEMA(address_schema, struct catalog_service_address, "ServiceAddress",
          CO_FIELD(0, struct catalog_service_address, address, "Address", 0),
          CO_FIELD(0, struct catalog_service_address, port, "Port", 0));

struct service_fields {
    const char *kind, *id, *name, *address, *token, *namespace;
    struct co_strings tags;
    struct co_table_of tagged_addresses;
    struct co_map meta;
    int64_t port;
    struct catalog_weights *weights;
    bool enable_tag_override;
    const struct co_node *check, *checks, *proxy, *connect;
};

CO_SCHEMA(service_fields_schema, struct service_fields, "ServiceDefinition",
          CO_FIELD(0, struct service_fields, kind, "Kind", 0), CO_FIELD(0, struct service_fields, id, "ID", 0),
          CO_FIELD(0, struct service_fields, name, "Name", 0), CO_FIELD(0, struct service_fields, tags, "Tags", 0),
          CO_FIELD(0, struct service_fields, address, "Address", 0),
          CO_TABLE_OF(0, struct service_fields, tagged_addresses, "TaggedAddresses", 0, &address_schema),
          CO_FIELD(0, struct service_fields, meta, "Meta", 0), CO_FIELD(0, struct service_fields, port, "Port", 0),
          CO_POINTER(0, struct service_fields, weights, "Weights", 0, &weights_schema),
          CO_FIELD(0, struct service_fields, token, "Token", CO_SECRET),
          CO_FIELD(0, struct service_fields, enable_tag_override, "EnableTagOverride", 0),
          CO_FIELD(0, struct service_fields, check, "Check", 0),
          CO_FIELD(0, struct service_fields, checks, "Checks", 0),
          CO_FIELD(0, struct service_fields, proxy, "Proxy", 0),
          CO_FIELD(0, struct service_fields, connect, "Connect", 0),
          CO_FIELD(0, struct service_fields, namespace, "Namespace", 0));

struct service_parse {
    struct agent_local *self;
    const struct co_node *object;
    struct local_report *report;
    struct local_service_def *def;
    struct service_fields fields;
};

#define REFUSE(parse, ...) local_report_add((parse)->report, CO_INVALID, (parse)->object->place, __VA_ARGS__)

static void meta_check(struct service_parse *parse) {
    const struct co_map *meta = &parse->fields.meta;
    if (meta->count > META_PAIRS_MAX)
        REFUSE(parse, "Invalid Service Meta: Node metadata cannot contain more than %d key/value pairs",
               META_PAIRS_MAX);
    for (size_t i = 0; i < meta->count; i++) {
        const char *key = meta->items[i].key, *value = meta->items[i].value, *at = key;
        while (isalnum((unsigned char)*at) || *at == '_' || *at == '-') at++;
        if (!*key)
            REFUSE(parse, "Invalid Service Meta: Couldn't load metadata pair ('%s', '%s'): Key cannot be blank", key,
                   value);
        else if (*at)
            REFUSE(parse,
                   "Invalid Service Meta: Couldn't load metadata pair ('%s', '%s'): Key contains invalid characters",
                   key, value);
        else if (strlen(key) > META_KEY_MAX)
            REFUSE(parse,
                   "Invalid Service Meta: Couldn't load metadata pair ('%.320s', '%.320s'): Key is too long (limit: %d "
                   "characters)",
                   key, value, META_KEY_MAX);
        else if (!strncmp(key, "consul-", 7))
            REFUSE(parse,
                   "Invalid Service Meta: Couldn't load metadata pair ('%s', '%s'): Key prefix 'consul-' is reserved "
                   "for internal use",
                   key, value);
        else if (strlen(value) > META_VALUE_MAX)
            REFUSE(parse,
                   "Invalid Service Meta: Couldn't load metadata pair ('%s', '%.640s'): Value is too long (limit: "
                   "%d characters)",
                   key, value, META_VALUE_MAX);
    }
}

static void weights_take(struct service_parse *parse) {
    const struct catalog_weights *given = parse->fields.weights;
    const char *reason = NULL;
    parse->def->row.weights = (struct catalog_weights){1, 1};
    if (!given) return;
    if (given->passing < 1)
        reason = "Passing must be greater than 0";
    else if (given->warning < 0)
        reason = "Warning must be greater or equal than 0";
    else if (given->passing > WEIGHT_MAX || given->warning > WEIGHT_MAX)
        reason = "weight must be lesser or equal than 65535";
    if (reason) REFUSE(parse, "Invalid Weights: %s", reason);
    parse->def->row.weights = *given;
}

static void tagged_add(struct co_table_of *table, const char *key, struct local_service_def *def) {
    struct catalog_service_address *address;
    for (size_t i = 0; i < table->count; i++)
        if (!strcmp(table->items[i].key, key)) return;
    address = co_arena_new(&def->arena, struct catalog_service_address);
    *address = (struct catalog_service_address){def->row.address, def->row.port};
    table->items[table->count++] = (struct co_named){key, address};
}

static int named_order(const void *a, const void *b) {
    return strcmp(((const struct co_named *)a)->key, ((const struct co_named *)b)->key);
}

/* A numeric address is also the tagged one of its family, unless that was given. */
static void tagged_take(struct service_parse *parse) {
    struct local_service_def *def = parse->def;
    struct co_table_of given = parse->fields.tagged_addresses, all = {NULL, given.count};
    unsigned char raw[16];
    bool is_v4 = inet_pton(AF_INET, def->row.address, raw) == 1,
         is_v6 = inet_pton(AF_INET6, def->row.address, raw) == 1;
    if (!is_v4 && !is_v6 && !given.count) return;
    all.items = co_arena_array(&def->arena, struct co_named, given.count + 2);
    if (given.count) memcpy(all.items, given.items, given.count * sizeof *given.items);
    if (is_v4 || is_v6) {
        tagged_add(&all, is_v4 ? "lan_ipv4" : "lan_ipv6", def);
        tagged_add(&all, is_v4 ? "wan_ipv4" : "wan_ipv6", def);
    }
    qsort(all.items, all.count, sizeof *all.items, named_order);
    def->row.tagged_addresses = all;
}

static void keys_check(struct service_parse *parse) {
    static const char *const later[] = {"socket_path",     "locality",  "ports",
                                        "enterprise_meta", "partition", "peer_name"};
    const struct co_schema *const schemas[] = {&service_fields_schema};
    for (const struct co_entry *entry = parse->object->entries; entry; entry = entry->next) {
        bool is_known = local_field(&service_fields_schema, entry->key) != NULL;
        for (size_t i = 0; !is_known && i < CO_COUNT(later); i++)
            is_known = co_key_equal(later[i], entry->key) && local_node_is_empty(entry->value);
        if (!is_known) local_report_unknown(parse->report, entry, schemas, 1);
    }
}

static void row_take(struct service_parse *parse) {
    const struct service_fields *fields = &parse->fields;
    struct catalog_service *row = &parse->def->row;
    row->kind = fields->kind;
    row->id = *fields->id ? fields->id : fields->name;
    row->service = fields->name;
    row->tags = fields->tags;
    row->address = fields->address;
    row->meta = fields->meta;
    row->port = fields->port;
    row->enable_tag_override = fields->enable_tag_override;
    row->node = "";
    parse->def->token = fields->token;
    if (!*row->service) REFUSE(parse, "Missing service name");
    if (!strcmp(row->address, "0.0.0.0") || !strcmp(row->address, "::") || !strcmp(row->address, "[::]"))
        REFUSE(parse, "Invalid service address");
    if (strlen(row->id) > LOCAL_ID_MAX || strlen(row->service) > LOCAL_ID_MAX)
        REFUSE(parse, "Invalid service: its name or ID is longer than %d bytes", LOCAL_ID_MAX);
    if (row->tags.count > LOCAL_TAGS_MAX) REFUSE(parse, "Invalid service: more than %d tags", LOCAL_TAGS_MAX);
    meta_check(parse);
    weights_take(parse);
    tagged_take(parse);
}

/* Calls for each check of the definition: "check" may be one object or repeated, "checks" is a list. */
static void checks_each(const struct co_node *object, const char *key, void (*visit)(void *, const struct co_node *),
                        void *arg) {
    for (const struct co_entry *entry = object->entries; entry; entry = entry->next) {
        if (!co_key_equal(entry->key, key) || entry->value->kind == CO_NODE_NULL) continue;
        if (entry->value->kind != CO_NODE_LIST) {
            visit(arg, entry->value);
            continue;
        }
        for (const struct co_item *item = entry->value->items; item; item = item->next) visit(arg, item->value);
    }
}

static void count_one(void *arg, const struct co_node *node) {
    if (!local_node_is_empty(node)) ++*(size_t *)arg;
}

struct checks_parse {
    struct service_parse *parse;
    size_t total, number;
};

static void parse_one(void *arg, const struct co_node *node) {
    struct checks_parse *checks = arg;
    struct service_parse *parse = checks->parse;
    struct local_check_def *check;
    size_t before = parse->report->count;
    if (local_node_is_empty(node)) return;
    checks->number++;
    check = local_check_parse(parse->self, node, parse->def->is_remote, parse->def,
                              checks->total > 1 ? checks->number : 0, parse->report);
    if (!check || parse->report->count > before) return;
    parse->def->checks[parse->def->check_count++] = check;
}

static void checks_take(struct service_parse *parse) {
    struct checks_parse checks = {.parse = parse};
    checks_each(parse->object, "check", count_one, &checks.total);
    checks_each(parse->object, "checks", count_one, &checks.total);
    if (checks.total > LOCAL_CHECKS_MAX) {
        REFUSE(parse, "Invalid service: more than %d checks", LOCAL_CHECKS_MAX);
        return;
    }
    parse->def->checks = co_arena_array(&parse->def->arena, struct local_check_def *, checks.total + 1);
    checks_each(parse->object, "check", parse_one, &checks);
    checks_each(parse->object, "checks", parse_one, &checks);
}

struct local_service_def *local_service_parse(struct agent_local *self, const struct co_node *object, bool is_remote,
                                              struct local_report *report) {
    struct service_parse parse = {.self = self, .object = object, .report = report};
    struct co_buffer text = {0};
    size_t before = report->count;
    if (object->kind == CO_NODE_NULL && !report->is_config) {
        local_report_add(report, CO_INVALID, object->place, "Missing service name");
        return NULL;
    }
    if (object->kind != CO_NODE_OBJECT) {
        local_report_not_object(report, object, "service", "structs.ServiceDefinition");
        return NULL;
    }
    parse.def = co_calloc(1, sizeof *parse.def);
    parse.object = object = local_tree_copy(&parse.def->arena, object);
    parse.def->is_remote = is_remote;
    keys_check(&parse);
    if (local_bind(report, &service_fields_schema, &parse.fields, object, &parse.def->arena) &&
        report->count == before) {
        row_take(&parse);
        if (report->count == before || report->is_config) checks_take(&parse);
    }
    if (report->count > before) {
        local_service_def_free(parse.def);
        return NULL;
    }
    co_tree_write_json(&text, object);
    parse.def->text = co_arena_text(&parse.def->arena, text.data, text.size);
    co_buffer_fini(&text);
    return parse.def;
}

void local_service_def_free(struct local_service_def *def) {
    if (!def) return;
    for (size_t i = 0; i < def->check_count; i++) local_check_def_free(def->checks[i]);
    co_arena_fini(&def->arena);
    free(def);
}
