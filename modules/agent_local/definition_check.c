/* From a tree to the definition of a check. What all checks share is bound here; the rest goes to the checker whose type is
 * a key of the definition, so that a plug-in's checks are written and refused like the built-in ones. */
#include "agent_local.h"

#include <stdlib.h>

struct check_fields {
    const char *id, *check_id, *name, *notes, *service_id, *token, *status, *namespace;
    struct co_duration interval, timeout, deregister_critical_service_after;
    int64_t success_before_passing, failures_before_critical, output_max_size;
};

CO_SCHEMA(check_fields_schema, struct check_fields, "CheckDefinition", CO_FIELD(0, struct check_fields, id, "ID", 0),
          CO_FIELD(0, struct check_fields, check_id, "CheckID", 0), CO_FIELD(0, struct check_fields, name, "Name", 0),
          CO_FIELD(0, struct check_fields, notes, "Notes", 0),
          CO_FIELD(0, struct check_fields, service_id, "ServiceID", 0),
          CO_FIELD(0, struct check_fields, token, "Token", CO_SECRET),
          CO_FIELD(0, struct check_fields, status, "Status", 0),
          CO_FIELD(0, struct check_fields, namespace, "Namespace", 0),
          CO_FIELD(0, struct check_fields, interval, "Interval", 0),
          CO_FIELD(0, struct check_fields, timeout, "Timeout", 0),
          CO_FIELD(0, struct check_fields, deregister_critical_service_after, "DeregisterCriticalServiceAfter", 0),
          CO_FIELD(0, struct check_fields, success_before_passing, "SuccessBeforePassing", 0),
          CO_FIELD(0, struct check_fields, failures_before_critical, "FailuresBeforeCritical", 0),
          CO_FIELD(0, struct check_fields, output_max_size, "OutputMaxSize", 0));

/* Keys of Consul that choose a kind of check which may not be loaded, and keys that belong to such a kind. */
static const char *const foreign_types[] = {"ttl",    "http",       "tcp",           "args",
                                            "grpc",   "alias_node", "alias_service", "docker_container_id",
                                            "h2ping", "udp",        "os_service"};
static const char *const foreign_keys[] = {"shell",      "grpc_use_tls",    "proxy_http",
                                           "proxy_grpc", "tls_server_name", "enterprise_meta"};

struct check_parse {
    struct agent_local *self;
    const struct co_node *object;
    struct local_report *report;
    struct local_check_def *def;
    struct check_fields fields;
};

static bool is_among(const char *const *keys, size_t count, const char *key) {
    for (size_t i = 0; i < count; i++)
        if (co_key_equal(keys[i], key)) return true;
    return false;
}

/* "script_args" is an older name of "args". */
static const char *canonical(const char *key) {
    return co_key_equal(key, "script_args") ? "args" : key;
}

static const struct local_checker *kind_of_key(struct agent_local *self, const char *key) {
    for (size_t i = 0; i < self->checker_count; i++)
        if (co_key_equal(self->checkers[i].checker->type, key)) return &self->checkers[i];
    return NULL;
}

/* Whether any loaded checker knows the key. */
static bool is_checker_key(struct agent_local *self, const char *key) {
    for (size_t i = 0; i < self->checker_count; i++)
        if (local_field(self->checkers[i].checker->settings, key)) return true;
    return false;
}

static void kind_find(struct check_parse *parse) {
    const struct co_entry *first = NULL;
    for (const struct co_entry *entry = parse->object->entries; entry; entry = entry->next) {
        const char *key = canonical(entry->key);
        const struct local_checker *kind = kind_of_key(parse->self, key);
        if (local_node_is_empty(entry->value)) continue;
        if (!kind && is_among(foreign_types, CO_COUNT(foreign_types), key)) {
            local_report_add(parse->report, CO_INVALID, entry->place,
                             "%sno loaded module offers \"%s\" checks; load one in modules { checker \"%s\" { } }",
                             parse->report->is_config ? "" : "Invalid check: ", entry->key, entry->key);
            continue;
        }
        if (!kind || kind == parse->def->kind) continue;
        if (first) {
            /* An interval beside a ttl is reported by the interval rule, in Consul's words. */
            bool is_ttl_rule =
                (kind->checker->is_passive || parse->def->kind->checker->is_passive) && parse->fields.interval.ns > 0;
            if (!is_ttl_rule)
                local_report_add(
                    parse->report, CO_INVALID, entry->place,
                    "%sa check has one type, but this one holds both \"%s\" and \"%s\": make it two checks",
                    parse->report->is_config ? "" : "Invalid check: ", first->key, entry->key);
            continue;
        }
        first = entry;
        parse->def->kind = kind;
    }
}

static void keys_check(struct check_parse *parse) {
    const struct co_schema *settings = parse->def->kind ? parse->def->kind->checker->settings : NULL;
    const struct co_schema *const schemas[] = {&check_fields_schema, settings};
    for (const struct co_entry *entry = parse->object->entries; entry; entry = entry->next) {
        const char *key = canonical(entry->key);
        if (local_field(&check_fields_schema, key) || local_field(settings, key)) continue;
        if (is_among(foreign_types, CO_COUNT(foreign_types), key) ||
            is_among(foreign_keys, CO_COUNT(foreign_keys), key))
            continue;
        if (!is_checker_key(parse->self, key)) {
            local_report_unknown(parse->report, entry, schemas, 2);
        } else if (parse->report->is_config && parse->def->kind && !kind_of_key(parse->self, key) &&
                   !local_node_is_empty(entry->value)) {
            local_report_add(parse->report, CO_INVALID, entry->place, "\"%s\" does not belong to a check with \"%s\"",
                             entry->key, parse->def->kind->checker->type);
        }
    }
}

/* Consul's order and words of the rules for times. */
static void times_check(struct check_parse *parse) {
    const struct local_checker *kind = parse->def->kind;
    bool is_passive = kind && kind->checker->is_passive;
    int64_t interval = parse->fields.interval.ns, ttl = parse->def->ttl_ns;
    const char *reason = NULL;
    if (interval > 0 && ttl > 0)
        reason = "Interval and TTL cannot both be specified";
    else if (kind && !is_passive && interval <= 0)
        reason = "Interval must be > 0 for Script, HTTP, or TCP checks";
    else if ((!kind || is_passive) && ttl <= 0)
        reason = "TTL must be > 0 for TTL checks";
    else if (parse->fields.output_max_size < 0)
        reason = "MaxOutputMaxSize must be positive";
    if (!reason) return;
    if (!kind && parse->report->is_config)
        local_report_add(parse->report, CO_INVALID, parse->object->place,
                         "a check needs one key that names its type, for example ttl, http, tcp or args");
    else
        local_report_add(parse->report, CO_INVALID, parse->object->place, "Invalid check: %s", reason);
}

static int64_t ttl_of(const struct co_node *object, struct agent_local *self) {
    for (const struct co_entry *entry = object->entries; entry; entry = entry->next) {
        const struct local_checker *kind = kind_of_key(self, entry->key);
        int64_t ns = 0;
        if (!kind || !kind->checker->is_passive) continue;
        if (entry->value->kind == CO_NODE_NUMBER) return entry->value->integer;
        if (entry->value->kind == CO_NODE_STRING && co_duration_parse(entry->value->text.data, &ns)) return ns;
    }
    return 0;
}

/* Consul tells Go's reason for a malformed duration. */
static bool durations_check(struct check_parse *parse) {
    static const char *const keys[] = {"interval", "timeout", "ttl", "deregister_critical_service_after"};
    size_t before = parse->report->count;
    for (const struct co_entry *entry = parse->object->entries; entry; entry = entry->next) {
        const struct co_node *value = entry->value;
        const char *text = value->text.data;
        int64_t ns;
        if (parse->report->is_config || value->kind != CO_NODE_STRING || !is_among(keys, CO_COUNT(keys), entry->key))
            continue;
        if (co_duration_parse(text, &ns)) continue;
        bool has_no_unit = *text && strspn(text, "0123456789.") == strlen(text);
        local_report_add(parse->report, CO_INVALID, entry->place, "Request decode failed: time: %s \"%s\"",
                         has_no_unit ? "missing unit in duration" : "invalid duration", text);
    }
    return parse->report->count == before;
}

/* The keys that are not common, as an object for the checker. */
static void settings_bind(struct check_parse *parse) {
    struct local_check_def *def = parse->def;
    const struct co_schema *schema = def->kind->checker->settings;
    struct co_node *rest = co_tree_object(&def->arena);
    for (const struct co_entry *entry = parse->object->entries; entry; entry = entry->next) {
        const char *key = canonical(entry->key);
        struct co_entry *added;
        if (local_node_is_empty(entry->value) || !local_field(schema, key)) continue;
        added = co_tree_add(&def->arena, rest, key, entry->value);
        added->place = entry->place;
    }
    rest->place = parse->object->place;
    def->settings = co_arena_zalloc(&def->arena, schema->size);
    local_bind(parse->report, schema, def->settings, rest, &def->arena);
}

static void scripts_check(struct check_parse *parse) {
    const struct local_settings *now = &parse->self->now;
    struct local_check_def *def = parse->def;
    if (strcmp(def->kind->checker->label, "script")) return;
    if (def->is_remote && !now->enable_script_checks)
        local_report_add(parse->report, CO_INTERNAL, parse->object->place,
                         "Scripts are disabled on this agent from remote calls; to enable, configure "
                         "'enable_script_checks' to true");
    if (!def->is_remote && !now->enable_script_checks && !now->enable_local_script_checks)
        local_report_add(parse->report, CO_INTERNAL, parse->object->place,
                         "Scripts are disabled on this agent; to enable, configure 'enable_script_checks' or "
                         "'enable_local_script_checks' to true");
}

static void name_it(struct check_parse *parse, const struct local_service_def *owner, size_t number) {
    struct local_check_def *def = parse->def;
    const struct check_fields *fields = &parse->fields;
    const char *id = *fields->check_id ? fields->check_id : fields->id;
    def->name = fields->name;
    if (owner) {
        def->service_id = co_arena_strdup(&def->arena, owner->row.id);
        if (!*id && number)
            id = co_arena_printf(&def->arena, "service:%s:%zu", owner->row.id, number);
        else if (!*id)
            id = co_arena_printf(&def->arena, "service:%s", owner->row.id);
        if (!*def->name) def->name = co_arena_printf(&def->arena, "Service '%s' check", owner->row.service);
    } else {
        def->service_id = fields->service_id;
        if (!*def->name && parse->report->is_config) def->name = id;
        if (!*def->name) local_report_add(parse->report, CO_INVALID, parse->object->place, "Missing check name");
        if (!*id) id = def->name;
    }
    def->id = id;
    if (strlen(def->id) > LOCAL_ID_MAX || strlen(def->name) > LOCAL_ID_MAX)
        local_report_add(parse->report, CO_INVALID, parse->object->place,
                         "Invalid check: its name or ID is longer than %d bytes", LOCAL_ID_MAX);
}

static void take_fields(struct check_parse *parse, bool is_of_service) {
    struct local_check_def *def = parse->def;
    const struct check_fields *fields = &parse->fields;
    const int64_t standard = def->kind && def->kind->checker->default_timeout_ns
                                 ? def->kind->checker->default_timeout_ns
                                 : LOCAL_TIMEOUT_DEFAULT_NS;
    def->notes = fields->notes;
    def->token = fields->token;
    def->status = *fields->status ? fields->status : "critical";
    def->interval_ns = fields->interval.ns && fields->interval.ns < LOCAL_INTERVAL_MIN_NS ? LOCAL_INTERVAL_MIN_NS
                                                                                          : fields->interval.ns;
    def->timeout_ns = fields->timeout.ns > 0 ? fields->timeout.ns : standard;
    def->deregister_after_ns = fields->deregister_critical_service_after.ns;
    if (def->deregister_after_ns > 0 && def->deregister_after_ns < LOCAL_REAP_MIN_NS)
        def->deregister_after_ns = LOCAL_REAP_MIN_NS;
    def->success_before_passing = fields->success_before_passing;
    def->failures_before_critical = fields->failures_before_critical;
    def->output_max = parse->self->now.check_output_max_size;
    if (fields->output_max_size > 0 && fields->output_max_size < def->output_max)
        def->output_max = fields->output_max_size;
    if (strcmp(def->status, "passing") && strcmp(def->status, "warning") && strcmp(def->status, "critical"))
        local_report_add(parse->report, CO_INVALID, parse->object->place,
                         is_of_service ? "Status for checks must 'passing', 'warning', 'critical'"
                                       : "Bad check status");
}

struct local_check_def *local_check_parse(struct agent_local *self, const struct co_node *object, bool is_remote,
                                          const struct local_service_def *owner, size_t number,
                                          struct local_report *report) {
    struct check_parse parse = {.self = self, .object = object, .report = report};
    struct co_buffer text = {0};
    size_t before = report->count;
    if (object->kind != CO_NODE_OBJECT) {
        local_report_not_object(report, object, "check", "structs.CheckDefinition");
        return NULL;
    }
    parse.def = co_calloc(1, sizeof *parse.def);
    parse.object = object = local_tree_copy(&parse.def->arena, object);
    parse.def->is_remote = is_remote;
    parse.def->is_part = owner && !is_remote;
    if (durations_check(&parse) && local_bind(report, &check_fields_schema, &parse.fields, object, &parse.def->arena)) {
        kind_find(&parse);
        keys_check(&parse);
        if (report->count == before) name_it(&parse, owner, number);
        if (report->count == before) take_fields(&parse, owner != NULL);
        if (report->count == before) {
            parse.def->ttl_ns = ttl_of(object, self);
            times_check(&parse);
        }
        if (report->count == before) scripts_check(&parse);
        if (report->count == before) settings_bind(&parse);
    }
    if (report->count > before) {
        local_check_def_free(parse.def);
        return NULL;
    }
    parse.def->type = parse.def->kind->checker->label;
    co_tree_write_json(&text, object);
    parse.def->text = co_arena_text(&parse.def->arena, text.data, text.size);
    co_buffer_fini(&text);
    return parse.def;
}

struct local_check_def *local_maintenance_def(const char *id, const char *name, const char *service_id,
                                              const char *notes, bool is_remote) {
    struct local_check_def *def = co_calloc(1, sizeof *def);
    def->id = co_arena_strdup(&def->arena, id);
    def->name = co_arena_strdup(&def->arena, name);
    def->service_id = co_arena_strdup(&def->arena, service_id);
    def->notes = co_arena_strdup(&def->arena, notes);
    def->status = "critical";
    def->token = "";
    def->type = "maintenance";
    def->text = "";
    def->is_remote = is_remote;
    return def;
}

void local_check_def_free(struct local_check_def *def) {
    if (!def) return;
    co_arena_fini(&def->arena);
    free(def);
}
