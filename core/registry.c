/* The offers of all loaded modules as one whole: start order by needs, conflicts between offers, lookup by name and id.
 *
 * Works on descriptors alone, so that `validate` and `modules` can use it without starting anything. It knows the shape of
 * each offer table and nothing of what the offers do. */
#include "registry.h"

#include "cohort/checker.h"
#include "cohort/command.h"
#include "cohort/http.h"
#include "cohort/zone.h"

#include <stdio.h>
#include <stdlib.h>

struct co_registry {
    struct co_arena arena;
    struct co_slot **slots;
    size_t count;
    struct co_method_ref *methods; /* sorted by name */
    size_t method_count;
    struct co_method_ref **commands; /* by command id */
    size_t command_count;
    struct co_table *tables; /* sorted by id */
    size_t table_count;
    co_problem *problem;
    void *problem_arg;
    size_t problems;
};

static const char *const kind_names[] = {
    [CO_OFFER_END] = "",
    [CO_OFFER_STORAGE] = "storage",
    [CO_OFFER_JOURNAL] = "journal",
    [CO_OFFER_TRANSPORT] = "transport",
    [CO_OFFER_MEMBERSHIP] = "membership",
    [CO_OFFER_CONSENSUS] = "consensus",
    [CO_OFFER_CHECKER] = "checker",
    [CO_OFFER_AUTHORIZER] = "authorizer",
    [CO_OFFER_TABLES] = "tables",
    [CO_OFFER_METHODS] = "methods",
    [CO_OFFER_ROUTES] = "routes",
    [CO_OFFER_ZONES] = "zones",
    [CO_OFFER_COMMANDS] = "commands",
};

const char *co_offer_kind_name(enum co_offer_kind kind) {
    return (size_t)kind < CO_COUNT(kind_names) ? kind_names[kind] : "?";
}

/* Interfaces of which an agent has exactly one implementation. */
static bool is_single(enum co_offer_kind kind) {
    return kind == CO_OFFER_STORAGE || kind == CO_OFFER_JOURNAL || kind == CO_OFFER_MEMBERSHIP ||
           kind == CO_OFFER_CONSENSUS || kind == CO_OFFER_TRANSPORT;
}

bool co_offer_kind_parse(const char *interface, enum co_offer_kind *out) {
    for (size_t i = 1; i < CO_COUNT(kind_names); i++) {
        if (!is_single((enum co_offer_kind)i) || strcmp(kind_names[i], interface) != 0) continue;
        *out = (enum co_offer_kind)i;
        return true;
    }
    return false;
}

const struct co_offer *co_module_offer(const struct co_module *module, enum co_offer_kind kind) {
    for (const struct co_offer *offer = module->offers; offer->kind != CO_OFFER_END; offer++)
        if (offer->kind == kind) return offer;
    return NULL;
}

static void report(struct co_registry *registry, const char *format, ...) CO_PRINTF(2, 3);
static void report(struct co_registry *registry, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    registry->problems++;
    if (registry->problem) registry->problem(registry->problem_arg, (struct co_place){NULL, 0, 0}, text);
}

/* --- conflicts: every offer becomes a list of claims; two equal claims are a conflict --- */

struct claim {
    const char *what; /* "method \"KVS.Apply\"": the words of the message */
    const char *key;  /* `what` in normal form: equal keys conflict */
    const struct co_slot *slot;
};
struct claims {
    struct claim *items;
    size_t count, room;
};

static void claim(struct co_registry *registry, struct claims *claims, const struct co_slot *slot, const char *what,
                  const char *key) {
    if (claims->count == claims->room) {
        claims->room = claims->room ? claims->room * 2 : 256;
        claims->items = co_realloc(claims->items, claims->room * sizeof *claims->items);
    }
    const char *words = co_arena_strdup(&registry->arena, what);
    claims->items[claims->count++] = (struct claim){words, key ? co_arena_strdup(&registry->arena, key) : words, slot};
}

static const struct {
    unsigned verb;
    const char *name;
} verbs[] = {
    {CO_GET, "GET"},       {CO_PUT, "PUT"},   {CO_POST, "POST"},
    {CO_DELETE, "DELETE"}, {CO_HEAD, "HEAD"}, {CO_OPTIONS, "OPTIONS"},
};

/* "/v1/kv/:key" and "/v1/kv/:name" match the same requests. */
static void claim_route(struct co_registry *registry, struct claims *claims, const struct co_slot *slot,
                        const struct co_route *route) {
    for (size_t v = 0; v < CO_COUNT(verbs); v++) {
        if (!(route->verbs & verbs[v].verb)) continue;
        char what[256], key[256];
        snprintf(what, sizeof what, "route \"%s %s\"", verbs[v].name, route->pattern);
        size_t used = 0;
        for (const char *at = what; *at && used < sizeof key - 1; at++) {
            key[used++] = *at;
            if (at[0] == '/' && at[1] == ':') {
                key[used++] = ':';
                while (at[1] && at[1] != '/' && at[1] != '"') at++;
            }
            if (used >= sizeof key - 2) break;
        }
        key[used] = '\0';
        claim(registry, claims, slot, what, key);
    }
}

static void claim_offer(struct co_registry *registry, struct claims *claims, const struct co_slot *slot,
                        const struct co_offer *offer) {
    char what[256];
    for (size_t i = 0; i < offer->count; i++) {
        switch (offer->kind) {
        case CO_OFFER_CHECKER:
            snprintf(what, sizeof what, "checker \"%s\"", ((const struct co_checker *)offer->table)[i].type);
            claim(registry, claims, slot, what, NULL);
            break;
        case CO_OFFER_TABLES: {
            const struct co_table *table = (const struct co_table *)offer->table + i;
            char key[32];
            snprintf(what, sizeof what, "table %u (%s)", table->id, table->name);
            snprintf(key, sizeof key, "table %u", table->id);
            claim(registry, claims, slot, what, key);
            if (table->id >= 1024 || table->id <= CO_TABLE_INDEX)
                report(registry, "%s: %s is outside the range of modules (3 to 1023)", slot->ctx.module->name, what);
            break;
        }
        case CO_OFFER_METHODS: {
            const struct co_method *method = (const struct co_method *)offer->table + i;
            snprintf(what, sizeof what, "method \"%s\"", method->name);
            claim(registry, claims, slot, what, NULL);
            if (method->command) {
                snprintf(what, sizeof what, "command id %u", method->command);
                claim(registry, claims, slot, what, NULL);
            }
            if (method->request) co_schema_check(method->request);
            if (method->reply) co_schema_check(method->reply);
            if (!method->request || (method->command ? !method->apply : !method->query))
                report(registry, "%s: method \"%s\" lacks %s", slot->ctx.module->name, method->name,
                       !method->request  ? "its request schema"
                       : method->command ? "apply"
                                         : "query");
            break;
        }
        case CO_OFFER_ROUTES:
            claim_route(registry, claims, slot, (const struct co_route *)offer->table + i);
            break;
        case CO_OFFER_ZONES:
            snprintf(what, sizeof what, "zone \"%s\"", ((const struct co_zone *)offer->table)[i].label);
            claim(registry, claims, slot, what, NULL);
            break;
        case CO_OFFER_COMMANDS:
            snprintf(what, sizeof what, "command \"%s\"", ((const struct co_command *)offer->table)[i].name);
            claim(registry, claims, slot, what, NULL);
            break;
        default:
            break;
        }
    }
    if (is_single(offer->kind)) {
        snprintf(what, sizeof what, "%s \"%s\"", co_offer_kind_name(offer->kind), offer->name ? offer->name : "");
        claim(registry, claims, slot, what, NULL);
    }
}

static int compare_claims(const void *a, const void *b) {
    const struct claim *one = a, *two = b;
    int order = strcmp(one->key, two->key);
    return order ? order : strcmp(one->slot->ctx.module->name, two->slot->ctx.module->name);
}

static void find_conflicts(struct co_registry *registry) {
    struct claims claims = {0};
    for (size_t s = 0; s < registry->count; s++) {
        const struct co_slot *slot = registry->slots[s];
        for (const struct co_offer *offer = slot->ctx.module->offers; offer->kind != CO_OFFER_END; offer++)
            claim_offer(registry, &claims, slot, offer);
    }
    if (claims.count) qsort(claims.items, claims.count, sizeof *claims.items, compare_claims);
    for (size_t i = 1; i < claims.count; i++) {
        const struct claim *one = &claims.items[i - 1], *two = &claims.items[i];
        if (strcmp(one->key, two->key) != 0) continue;
        const char *first = one->slot->ctx.module->name, *second = two->slot->ctx.module->name;
        if (one->slot == two->slot)
            report(registry, "%s is offered twice by %s", two->what, first);
        else
            report(registry, "%s is offered by both %s and %s; disable one of them", two->what, first, second);
    }
    free(claims.items);
    /* Two implementations of one interface under different names. */
    for (enum co_offer_kind kind = CO_OFFER_STORAGE; kind <= CO_OFFER_CONSENSUS; kind++) {
        const struct co_slot *chosen = NULL;
        for (size_t s = 0; s < registry->count && is_single(kind); s++) {
            const struct co_offer *offer = co_module_offer(registry->slots[s]->ctx.module, kind);
            if (!offer) continue;
            const char *earlier = chosen ? co_module_offer(chosen->ctx.module, kind)->name : NULL;
            if (chosen && strcmp(earlier, offer->name) != 0)
                report(registry, "two implementations of %s are loaded, \"%s\" by %s and \"%s\" by %s; keep one",
                       co_offer_kind_name(kind), earlier, chosen->ctx.module->name, offer->name,
                       registry->slots[s]->ctx.module->name);
            chosen = registry->slots[s];
        }
    }
}

/* --- order --- */

enum mark { FRESH, OPEN, DONE };

static size_t find_need(struct co_slot *const *slots, size_t count, const char *need) {
    enum co_offer_kind kind;
    bool is_interface = co_offer_kind_parse(need, &kind);
    for (size_t i = 0; i < count; i++) {
        const struct co_module *module = slots[i]->ctx.module;
        if (is_interface ? co_module_offer(module, kind) != NULL : strcmp(module->name, need) == 0) return i;
    }
    return count;
}

struct ordering {
    struct co_registry *registry;
    struct co_slot **in, **out;
    enum mark *marks;
    size_t *path; /* what is OPEN, outermost first */
    size_t depth, done;
    bool is_cyclic;
};

static void report_cycle(struct ordering *ordering, size_t first) {
    struct co_buffer text = {0};
    size_t start = 0;
    while (ordering->path[start] != first) start++;
    for (size_t i = start; i < ordering->depth; i++)
        co_buffer_printf(&text, "%s needs ", ordering->in[ordering->path[i]]->ctx.module->name);
    report(ordering->registry, "modules need each other in a circle: %s%s", co_buffer_text(&text),
           ordering->in[first]->ctx.module->name);
    co_buffer_fini(&text);
    ordering->is_cyclic = true;
}

/* Depth first; the depth is bounded by the number of modules. */
static void visit(struct ordering *ordering, size_t at) {
    size_t count = ordering->registry->count;
    const struct co_module *module = ordering->in[at]->ctx.module;
    ordering->marks[at] = OPEN;
    ordering->path[ordering->depth++] = at;
    for (const char *const *need = module->needs; need && *need; need++) {
        size_t found = find_need(ordering->in, count, *need);
        enum co_offer_kind kind;
        if (found == count && co_offer_kind_parse(*need, &kind))
            report(
                ordering->registry,
                "module \"%s\" needs an implementation of %s, and none is loaded; add one to modules { %s \"...\" {} }",
                module->name, *need, *need);
        else if (found == count)
            report(ordering->registry,
                   "module \"%s\" needs \"%s\", which is not loaded; add it to modules { %s {} } or disable %s",
                   module->name, *need, *need, module->name);
        else if (ordering->marks[found] == OPEN)
            report_cycle(ordering, found);
        else if (ordering->marks[found] == FRESH)
            visit(ordering, found);
    }
    ordering->depth--;
    ordering->marks[at] = DONE;
    ordering->out[ordering->done++] = ordering->in[at];
}

static void put_in_order(struct co_registry *registry, struct co_slot **slots, size_t count) {
    struct ordering ordering = {.registry = registry, .in = slots, .out = registry->slots};
    ordering.marks = co_arena_array(&registry->arena, enum mark, count + 1);
    ordering.path = co_arena_array(&registry->arena, size_t, count + 1);
    for (size_t i = 0; i < count; i++)
        if (ordering.marks[i] == FRESH) visit(&ordering, i);
}

/* --- lookup --- */

static int compare_methods(const void *a, const void *b) {
    return strcmp(((const struct co_method_ref *)a)->method->name, ((const struct co_method_ref *)b)->method->name);
}

static int compare_tables(const void *a, const void *b) {
    return (int)((const struct co_table *)a)->id - (int)((const struct co_table *)b)->id;
}

static void collect(struct co_registry *registry) {
    static const struct co_table own[] = {{CO_TABLE_META, "meta"}, {CO_TABLE_INDEX, "index"}};
    size_t methods = 0, tables = CO_COUNT(own);
    for (size_t s = 0; s < registry->count; s++)
        for (const struct co_offer *offer = registry->slots[s]->ctx.module->offers; offer->kind != CO_OFFER_END;
             offer++) {
            if (offer->kind == CO_OFFER_METHODS) methods += offer->count;
            if (offer->kind == CO_OFFER_TABLES) tables += offer->count;
        }
    registry->methods = co_arena_array(&registry->arena, struct co_method_ref, methods + 1);
    registry->tables = co_arena_array(&registry->arena, struct co_table, tables);
    memcpy(registry->tables, own, sizeof own);
    registry->table_count = CO_COUNT(own);
    for (size_t s = 0; s < registry->count; s++) {
        struct co_slot *slot = registry->slots[s];
        for (const struct co_offer *offer = slot->ctx.module->offers; offer->kind != CO_OFFER_END; offer++) {
            if (offer->kind == CO_OFFER_METHODS) {
                const struct co_method *list = offer->table;
                for (size_t i = 0; i < offer->count; i++) {
                    registry->methods[registry->method_count++] =
                        (struct co_method_ref){&list[i], slot->ctx.self, &slot->ctx};
                    if (list[i].command >= registry->command_count)
                        registry->command_count = (size_t)list[i].command + 1;
                }
            }
            if (offer->kind == CO_OFFER_TABLES) {
                memcpy(registry->tables + registry->table_count, offer->table, offer->count * sizeof(struct co_table));
                registry->table_count += offer->count;
            }
        }
    }
    qsort(registry->methods, registry->method_count, sizeof *registry->methods, compare_methods);
    qsort(registry->tables, registry->table_count, sizeof *registry->tables, compare_tables);
    registry->commands = co_arena_array(&registry->arena, struct co_method_ref *, registry->command_count + 1);
    for (size_t i = 0; i < registry->method_count; i++)
        if (registry->methods[i].method->command)
            registry->commands[registry->methods[i].method->command] = &registry->methods[i];
}

co_status co_registry_new(struct co_slot **slots, size_t count, struct co_registry **out, co_problem *problem,
                          void *arg) {
    struct co_registry *registry = co_calloc(1, sizeof *registry);
    co_arena_init(&registry->arena);
    registry->problem = problem;
    registry->problem_arg = arg;
    registry->slots = co_arena_array(&registry->arena, struct co_slot *, count + 1);
    registry->count = count;
    put_in_order(registry, slots, count);
    find_conflicts(registry);
    *out = NULL;
    if (registry->problems) {
        co_registry_free(registry);
        return CO_INVALID;
    }
    collect(registry);
    if (count) memcpy(slots, registry->slots, count * sizeof *slots);
    *out = registry;
    return CO_OK;
}

void co_registry_attach(struct co_registry *registry) {
    for (size_t i = 0; i < registry->method_count; i++) registry->methods[i].self = registry->methods[i].ctx->self;
}

void co_registry_free(struct co_registry *registry) {
    if (!registry) return;
    co_arena_fini(&registry->arena);
    free(registry);
}

size_t co_registry_slots(const struct co_registry *registry, struct co_slot *const **out) {
    *out = registry->slots;
    return registry->count;
}

struct co_slot *co_registry_slot(const struct co_registry *registry, const char *module) {
    for (size_t i = 0; i < registry->count; i++)
        if (strcmp(registry->slots[i]->ctx.module->name, module) == 0) return registry->slots[i];
    return NULL;
}

const struct co_method_ref *co_registry_find_method(const struct co_registry *registry, const char *name) {
    size_t low = 0, high = registry->method_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, registry->methods[middle].method->name);
        if (order == 0) return &registry->methods[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const struct co_method_ref *co_registry_method(struct co_registry *registry, const struct co_method *method) {
    const struct co_method_ref *ref = co_registry_find_method(registry, method->name);
    co_assert(ref != NULL && ref->method == method);
    return ref;
}

const struct co_method_ref *co_registry_command(struct co_registry *registry, uint16_t command) {
    return command < registry->command_count ? registry->commands[command] : NULL;
}

void co_registry_tables(struct co_registry *registry, void (*see)(void *arg, const struct co_table *), void *arg) {
    for (size_t i = 0; i < registry->table_count; i++) see(arg, &registry->tables[i]);
}

const struct co_checker *co_registry_checker(const struct co_registry *registry, const char *type, void **self) {
    for (size_t s = 0; s < registry->count; s++)
        for (const struct co_offer *offer = registry->slots[s]->ctx.module->offers; offer->kind != CO_OFFER_END;
             offer++) {
            if (offer->kind != CO_OFFER_CHECKER) continue;
            const struct co_checker *list = offer->table;
            for (size_t i = 0; i < offer->count; i++) {
                if (strcmp(list[i].type, type) != 0) continue;
                if (self) *self = registry->slots[s]->ctx.self;
                return &list[i];
            }
        }
    return NULL;
}
