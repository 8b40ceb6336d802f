/* See slice_world.h. */
#include "slice_world.h"

#include <stdio.h>
#include <stdlib.h>

enum { TABLES = 64 };

struct row {
    char *key;
    size_t key_size;
    char *value;
    size_t value_size;
};
struct table {
    struct row *rows;
    size_t count, room;
};
struct touch {
    co_table_id table;
    size_t size;
    char key[CO_STORAGE_KEY_MAX];
};

struct world {
    struct co_txn txn;
    struct table tables[TABLES];
    void **loans;
    size_t loan_count, loan_room;
    uint64_t next_index;
    const struct co_module *const *modules;
    size_t module_count;
    struct touch *touched;
    size_t touched_count, touched_room, open_cursors;
    struct co_buffer answer;
};

static const struct co_agent_settings settings = {.datacenter = "dc1",
                                                  .node_name = "n1",
                                                  .node_id = "11111111-2222-3333-4444-555555555555",
                                                  .advertise_addr = "127.0.0.1",
                                                  .limits = {.kv_max_value_size = 512 * 1024}};

/* Stands in for the core's own: the slices ask only for the settings. */
const struct co_agent_settings *co_ctx_agent(struct co_ctx *ctx) {
    (void)ctx;
    return &settings;
}

/* --- storage --- */

static struct co_bytes loan(struct world *world, const void *data, size_t size) {
    if (world->loan_count == world->loan_room) {
        world->loan_room = world->loan_room ? world->loan_room * 2 : 64;
        world->loans = realloc(world->loans, world->loan_room * sizeof *world->loans);
    }
    void *exact = malloc(size ? size : 1); /* not one byte more than there is, so that reading on is seen */
    if (size) memcpy(exact, data, size);
    world->loans[world->loan_count++] = exact;
    return co_bytes(exact, size);
}

static void loans_end(struct world *world) {
    while (world->loan_count) free(world->loans[--world->loan_count]);
}

static size_t find(const struct table *table, struct co_bytes key, bool *is_exact) {
    size_t low = 0, high = table->count;
    *is_exact = false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = co_bytes_compare(co_bytes(table->rows[middle].key, table->rows[middle].key_size), key);
        if (order == 0) *is_exact = true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static co_status get(struct co_txn *txn, co_table_id id, struct co_bytes key, struct co_bytes *value) {
    struct world *world = (struct world *)txn;
    bool is_exact;
    co_assert(id < TABLES && key.size >= 1 && key.size <= CO_STORAGE_KEY_MAX);
    size_t at = find(&world->tables[id], key, &is_exact);
    if (!is_exact) return CO_NOT_FOUND;
    *value = loan(world, world->tables[id].rows[at].value, world->tables[id].rows[at].value_size);
    return CO_OK;
}

static char *copied(struct co_bytes bytes) {
    char *copy = malloc(bytes.size ? bytes.size : 1);
    if (bytes.size) memcpy(copy, bytes.data, bytes.size);
    return copy;
}

static co_status put(struct co_txn *txn, co_table_id id, struct co_bytes key, struct co_bytes value,
                     struct co_error *error) {
    struct world *world = (struct world *)txn;
    struct table *table = &world->tables[id];
    bool is_exact;
    (void)error;
    co_assert(id < TABLES && key.size >= 1 && key.size <= CO_STORAGE_KEY_MAX);
    size_t at = find(table, key, &is_exact);
    if (is_exact) {
        char *copy = copied(value);
        free(table->rows[at].value);
        table->rows[at].value = copy;
        table->rows[at].value_size = value.size;
    } else {
        if (table->count == table->room) {
            table->room = table->room ? table->room * 2 : 16;
            table->rows = realloc(table->rows, table->room * sizeof *table->rows);
        }
        memmove(table->rows + at + 1, table->rows + at, (table->count - at) * sizeof *table->rows);
        table->rows[at] = (struct row){copied(key), key.size, copied(value), value.size};
        table->count++;
    }
    loans_end(world);
    return CO_OK;
}

static co_status del(struct co_txn *txn, co_table_id id, struct co_bytes key, struct co_error *error) {
    struct world *world = (struct world *)txn;
    struct table *table = &world->tables[id];
    bool is_exact;
    (void)error;
    co_assert(id < TABLES && key.size >= 1 && key.size <= CO_STORAGE_KEY_MAX);
    size_t at = find(table, key, &is_exact);
    loans_end(world);
    if (!is_exact) return CO_NOT_FOUND;
    free(table->rows[at].key);
    free(table->rows[at].value);
    memmove(table->rows + at, table->rows + at + 1, (table->count - at - 1) * sizeof *table->rows);
    table->count--;
    return CO_OK;
}

struct cursor {
    struct co_cursor base;
    struct world *world;
    struct table *table;
    size_t at;
};

static struct co_cursor *cursor_open(struct co_txn *txn, co_table_id id) {
    struct cursor *cursor = calloc(1, sizeof *cursor);
    *cursor = (struct cursor){
        .base = {.txn = txn}, .world = (struct world *)txn, .table = &((struct world *)txn)->tables[id]};
    cursor->world->open_cursors++;
    return &cursor->base;
}

static co_status here(struct cursor *cursor, struct co_bytes *key, struct co_bytes *value) {
    if (cursor->at >= cursor->table->count) return CO_NOT_FOUND;
    const struct row *row = &cursor->table->rows[cursor->at];
    *key = loan(cursor->world, row->key, row->key_size);
    *value = loan(cursor->world, row->value, row->value_size);
    return CO_OK;
}

static co_status cursor_seek(struct co_cursor *base, struct co_bytes key, struct co_bytes *found,
                             struct co_bytes *value) {
    struct cursor *cursor = (struct cursor *)base;
    bool is_exact;
    cursor->at = find(cursor->table, key, &is_exact);
    return here(cursor, found, value);
}

static co_status cursor_next(struct co_cursor *base, struct co_bytes *found, struct co_bytes *value) {
    ((struct cursor *)base)->at++;
    return here((struct cursor *)base, found, value);
}

static void cursor_close(struct co_cursor *base) {
    ((struct cursor *)base)->world->open_cursors--;
    free(base);
}

static const struct co_storage_ops ops = {.get = get,
                                          .put = put,
                                          .del = del,
                                          .cursor_open = cursor_open,
                                          .cursor_seek = cursor_seek,
                                          .cursor_next = cursor_next,
                                          .cursor_close = cursor_close};

static void touched(void *arg, co_table_id table, struct co_bytes key) {
    struct world *world = arg;
    if (world->touched_count == world->touched_room) {
        world->touched_room = world->touched_room ? world->touched_room * 2 : 16;
        world->touched = realloc(world->touched, world->touched_room * sizeof *world->touched);
    }
    struct touch *touch = &world->touched[world->touched_count++];
    *touch = (struct touch){.table = table, .size = key.size};
    memcpy(touch->key, key.data, key.size);
}

/* --- calls --- */

struct world *world_new(const struct co_module *const *modules, size_t count) {
    struct world *world = calloc(1, sizeof *world);
    world->txn = (struct co_txn){.ops = &ops, .is_write = true, .touched = touched, .touched_arg = world};
    world->next_index = 10;
    world->modules = modules;
    world->module_count = count;
    return world;
}

void world_free(struct world *world) {
    loans_end(world);
    for (size_t i = 0; i < TABLES; i++) {
        for (size_t r = 0; r < world->tables[i].count; r++) {
            free(world->tables[i].rows[r].key);
            free(world->tables[i].rows[r].value);
        }
        free(world->tables[i].rows);
    }
    co_buffer_fini(&world->answer);
    free(world->touched);
    free(world->loans);
    free(world);
}

void world_set_index(struct world *world, uint64_t next) {
    world->next_index = next;
}
size_t world_touched(const struct world *world) {
    return world->touched_count;
}
struct co_txn *world_txn(struct world *world) {
    return &world->txn;
}
size_t world_rows(struct world *world, co_table_id table) {
    return world->tables[table].count;
}

bool world_touched_key(const struct world *world, co_table_id table, struct co_bytes prefix, bool whole_key) {
    for (size_t i = 0; i < world->touched_count; i++) {
        struct co_bytes key = co_bytes(world->touched[i].key, world->touched[i].size);
        if (world->touched[i].table != table) continue;
        if (whole_key ? co_bytes_equal(key, prefix) : co_bytes_starts(key, prefix)) return true;
    }
    return false;
}

/* As the core does: encoded for the journal, decoded, applied. */
static co_status apply(struct world *world, const struct co_method *method, const void *request, void *reply,
                       struct co_arena *arena, struct co_error *error) {
    struct co_buffer bytes = {0};
    co_encode_record(method->request, request, &bytes);
    void *decoded = co_arena_zalloc(arena, method->request->size);
    co_status status = co_decode_record(method->request, decoded, co_bytes(bytes.data, bytes.size), arena, error);
    co_assert(status == CO_OK);
    world->touched_count = 0;
    struct co_apply apply = {.txn = &world->txn, .arena = arena, .index = world->next_index++};
    status = method->apply(&apply, decoded, reply, error);
    co_assert(world->open_cursors == 0);
    co_assert(status == CO_OK || world->touched_count == 0); /* refusals come before the first put */
    co_buffer_fini(&bytes);
    return status;
}

co_status world_apply(struct world *world, const struct co_method *method, const void *request, void *reply,
                      struct co_error *error) {
    struct co_arena arena = CO_ARENA_INIT;
    co_status status = apply(world, method, request, reply, &arena, error);
    co_arena_fini(&arena);
    return status;
}

co_status world_query(struct world *world, const struct co_method *method, const void *request, void *reply,
                      struct co_arena *arena, uint64_t *index) {
    struct co_query query = {.txn = &world->txn, .arena = arena};
    struct co_error error = {0};
    world->touched_count = 0;
    co_status status = method->query(&query, request, reply, &error);
    co_assert(world->open_cursors == 0 && world->touched_count == 0);
    *index = query.index ? query.index : 1;
    return status;
}

struct exchange {
    struct co_http http;
    struct world *world;
    struct co_arena arena;
    struct {
        char *name, *value;
    } params[64];
    size_t param_count, answers;
};

static const char *query(struct co_http *http, const char *name) {
    struct exchange *exchange = (struct exchange *)http;
    for (size_t i = 0; i < exchange->param_count; i++) {
        if (strcmp(exchange->params[i].name, name) == 0) return exchange->params[i].value;
    }
    return NULL;
}

static void query_each(struct co_http *http, const char *name, void (*visit)(void *arg, const char *value), void *arg) {
    struct exchange *exchange = (struct exchange *)http;
    for (size_t i = 0; i < exchange->param_count; i++) {
        if (strcmp(exchange->params[i].name, name) == 0) visit(arg, exchange->params[i].value);
    }
}

static void answer(struct exchange *exchange, int status, uint64_t index, struct co_bytes body) {
    exchange->answers++;
    co_buffer_printf(&exchange->world->answer, "%d ", status);
    if (index) co_buffer_printf(&exchange->world->answer, "[%llu] ", (unsigned long long)index);
    co_buffer_add(&exchange->world->answer, body.data, body.size);
}

static void reply(struct co_http *http, int status, const char *content_type, struct co_bytes body) {
    (void)content_type;
    answer((struct exchange *)http, status, 0, body);
}

static void ask(struct co_http *http, const struct co_method *method, const void *request, co_http_render *render,
                uint64_t variant) {
    struct exchange *exchange = (struct exchange *)http;
    void *out = co_arena_zalloc(&exchange->arena, method->reply->size);
    if (strcmp(co_http_datacenter(http), settings.datacenter) != 0) {
        co_http_text(http, 500, "No path to datacenter");
        return;
    }
    uint64_t index;
    co_status status = world_query(exchange->world, method, request, out, &exchange->arena, &index);
    struct co_http_page page = {
        .status = co_status_http(status), .content_type = "application/json", .is_indented = query(http, "pretty")};
    if (!status) render(&page, request, out, variant);
    answer(exchange, page.status, index, co_bytes(page.body.data, page.body.size));
    co_buffer_fini(&page.body);
    loans_end(exchange->world);
}

static void write_(struct co_http *http, const struct co_method *method, void *request, co_http_written *then) {
    struct exchange *exchange = (struct exchange *)http;
    struct co_error error = {0};
    struct co_prepare prepare = {.arena = &exchange->arena};
    void *out = co_arena_zalloc(&exchange->arena, method->reply ? method->reply->size : 1);
    exchange->world->touched_count = 0;
    co_status status = method->prepare(&prepare, request, &error);
    if (!status) status = apply(exchange->world, method, request, out, &exchange->arena, &error);
    then(http, status, &error, exchange->world->next_index - 1, out);
}

static const char *header(struct co_http *http, const char *name) {
    (void)http;
    (void)name;
    return NULL;
}

static void set_header(struct co_http *http, const char *name, const char *value) {
    (void)http;
    (void)name;
    (void)value;
}

static const struct co_http_ops http_ops = {.query = query,
                                            .query_each = query_each,
                                            .header = header,
                                            .set_header = set_header,
                                            .reply = reply,
                                            .ask = ask,
                                            .write = write_};

static int hex(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static char *decoded(struct co_arena *arena, const char *text, size_t size) {
    char *out = co_arena_alloc(arena, size + 1), *at = out;
    for (size_t i = 0; i < size; i++) {
        bool is_escape = text[i] == '%' && i + 2 < size + 0 && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0;
        *at++ = is_escape ? (char)(hex(text[i + 1]) * 16 + hex(text[i + 2])) : text[i];
        if (is_escape) i += 2;
    }
    *at = 0;
    return out;
}

/* The route whose pattern fits: equal, or equal up to a last ":name" or "*". */
static const struct co_route *route_find(struct world *world, const char *path, enum co_verb verb, size_t *head) {
    for (size_t m = 0; m < world->module_count; m++) {
        for (const struct co_offer *offer = world->modules[m]->offers; offer->kind != CO_OFFER_END; offer++) {
            if (offer->kind != CO_OFFER_ROUTES) continue;
            const struct co_route *routes = offer->table;
            for (size_t i = 0; i < offer->count; i++) {
                *head = strcspn(routes[i].pattern, ":*");
                bool is_open = routes[i].pattern[*head] != 0;
                bool fits =
                    is_open ? strncmp(path, routes[i].pattern, *head) == 0 : strcmp(path, routes[i].pattern) == 0;
                if (fits && routes[i].verbs & verb) return &routes[i];
            }
        }
    }
    return NULL;
}

const char *world_call_bytes(struct world *world, const char *request, struct co_bytes body) {
    struct exchange exchange = {.world = world, .arena = CO_ARENA_INIT};
    const char *target = strchr(request, ' ') + 1;
    size_t path_size = strcspn(target, "?");
    exchange.http = (struct co_http){.ops = &http_ops, .arena = &exchange.arena, .body = body};
    exchange.http.verb = request[0] == 'G' ? CO_GET : request[0] == 'P' ? CO_PUT : CO_DELETE;
    exchange.http.path = decoded(&exchange.arena, target, path_size);
    for (const char *at = target + path_size; *at && exchange.param_count < CO_COUNT(exchange.params);) {
        at++;
        size_t size = strcspn(at, "&"), name_size = strcspn(at, "&=");
        exchange.params[exchange.param_count].name = decoded(&exchange.arena, at, name_size);
        exchange.params[exchange.param_count++].value =
            name_size < size ? decoded(&exchange.arena, at + name_size + 1, size - name_size - 1) : (char *)"";
        at += size;
    }
    size_t head;
    world->answer.size = 0;
    const struct co_route *route = route_find(world, exchange.http.path, exchange.http.verb, &head);
    if (route) {
        if (route->pattern[head]) {
            exchange.http.params[0] = exchange.http.path + head;
            exchange.http.tail = co_bytes_text(exchange.http.path + head);
        }
        route->handle(NULL, &exchange.http);
        co_assert(exchange.answers == 1);
    } else {
        co_buffer_add_text(&world->answer, "no route");
    }
    loans_end(world);
    co_arena_fini(&exchange.arena);
    return co_buffer_text(&world->answer);
}

const char *world_call(struct world *world, const char *request, const char *body) {
    return world_call_bytes(world, request, body ? co_bytes_text(body) : co_bytes(NULL, 0));
}
