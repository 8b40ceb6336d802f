/* The write path's second half: commands in, one storage transaction per committed batch, answers out (DESIGN section 4).
 * Knows no consensus and no storage by name; they reach it through their interfaces. */
#include "cohort/bytes.h"
#include "state.h"

#include "registry.h"

#include <stdlib.h>

enum { COMMAND_HEADER = 3, IDLE_TICKETS_MAX = 256, TICKET_KEEP_BYTES = 4096 };

const char state_applied_key[] = "applied";

/* A proposer that waits. The command follows its ticket until the core or the consensus has answered. */
struct co_ticket {
    struct co_ticket *next;
    struct co_state *state;
    const struct co_method *method;
    co_written *done;
    void *arg;
    size_t capacity;
    uint8_t command[];
};

/* --- life --- */

co_status state_load_applied(struct co_state *state, struct co_error *error) {
    struct co_txn *txn;
    co_status status = state->agent->storage.ops->begin(state->agent->storage.self, false, &txn, error);
    if (status) return status;
    struct co_bytes value;
    state->applied = state->applied_term = 0;
    status = co_get(txn, CO_TABLE_META, co_bytes_text(state_applied_key), &value);
    if (status == CO_OK && value.size == 16) {
        state->applied = co_get_u64(value.data);
        state->applied_term = co_get_u64((const uint8_t *)value.data + 8);
    } else if (status == CO_OK) {
        status = co_fail(error, CO_CORRUPT,
                         "the storage's applied index has %zu bytes instead of 16; restore a snapshot", value.size);
    } else if (status == CO_NOT_FOUND) {
        status = CO_OK; /* a new store */
    }
    txn->ops->abort(txn);
    return status;
}

co_status state_save_applied(struct co_txn *txn, uint64_t index, uint64_t term, struct co_error *error) {
    uint8_t value[16];
    co_put_u64(value, index);
    co_put_u64(value + 8, term);
    return co_put(txn, CO_TABLE_META, co_bytes_text(state_applied_key), co_bytes(value, sizeof value), error);
}

co_status co_state_open(struct co_agent *agent, struct co_error *error) {
    struct co_state *state = co_calloc(1, sizeof *state);
    state->agent = agent;
    state->log = co_log_named("agent.state");
    agent->state = state;
    answers_open(state);
    return state_load_applied(state, error);
}

void co_state_close(struct co_agent *agent) {
    struct co_state *state = agent->state;
    if (!state) return;
    co_defer_stop(agent->loop, &state->leadership);
    snapshot_abandon(state);
    answers_close(state);
    watches_fini(&state->watches);
    while (state->idle_tickets) {
        struct co_ticket *ticket = state->idle_tickets;
        state->idle_tickets = ticket->next;
        free(ticket);
    }
    co_arena_fini(&state->apply_arena);
    co_buffer_fini(&state->encoded);
    free(state);
    agent->state = NULL;
}

/* --- tickets --- */

static struct co_ticket *ticket_new(struct co_state *state, struct co_bytes command) {
    struct co_ticket *ticket = state->idle_tickets;
    if (ticket && ticket->capacity >= command.size) {
        state->idle_tickets = ticket->next;
        state->idle_ticket_count--;
    } else {
        size_t capacity = command.size < 512 ? 512 : command.size;
        ticket = co_malloc(sizeof *ticket + capacity);
        ticket->capacity = capacity;
    }
    ticket->state = state;
    memcpy(ticket->command, command.data, command.size);
    return ticket;
}

/* Frees before calling: the callback may write again and take this very ticket. */
static void ticket_answer(struct co_ticket *ticket, co_status status, const struct co_error *error, uint64_t index,
                          const void *reply) {
    struct co_state *state = ticket->state;
    co_written *done = ticket->done;
    void *arg = ticket->arg;
    if (state->idle_ticket_count < IDLE_TICKETS_MAX && ticket->capacity <= TICKET_KEEP_BYTES) {
        ticket->next = state->idle_tickets;
        state->idle_tickets = ticket;
        state->idle_ticket_count++;
    } else {
        free(ticket);
    }
    done(arg, status, error, index, reply);
}

void co_ticket_fail(struct co_ticket *ticket, co_status status, const char *reason) {
    struct co_error error;
    co_fail(&error, status, "%s", reason);
    ticket_answer(ticket, status, &error, 0, NULL);
}

/* --- writing --- */

void co_write(struct co_ctx *ctx, const struct co_method *method, void *request, struct co_arena *arena,
              co_written *done, void *arg) {
    struct co_agent *agent = ctx->agent;
    struct co_state *state = agent->state;
    struct co_error error = {0};
    struct co_consensus_status consensus = {0};
    agent->consensus.ops->status(agent->consensus.self, &consensus);
    if (!consensus.is_leader) {
        co_status status = co_fail(&error, CO_NO_LEADER, "%s", co_status_text(CO_NO_LEADER));
        done(arg, status, &error, 0, NULL);
        return;
    }
    if (method->prepare) {
        const struct co_method_ref *ref = co_registry_method(agent->registry, method);
        struct co_prepare prepare = {.ctx = ref->ctx, .arena = arena, .self = ref->self};
        co_status status = method->prepare(&prepare, request, &error);
        if (status) {
            done(arg, status, &error, 0, NULL);
            return;
        }
    }
    struct co_buffer *encoded = &state->encoded;
    encoded->size = 0;
    co_buffer_add_byte(encoded, (uint8_t)method->command);
    co_buffer_add_byte(encoded, (uint8_t)(method->command >> 8));
    co_buffer_add_byte(encoded, method->command_version);
    co_encode_record(method->request, request, encoded);
    if (encoded->size > CO_JOURNAL_ENTRY_MAX) {
        co_status status = co_fail(&error, CO_TOO_LARGE, "%s of %zu bytes is over the limit of %u for one command",
                                   method->name, encoded->size, CO_JOURNAL_ENTRY_MAX);
        done(arg, status, &error, 0, NULL);
        return;
    }
    struct co_ticket *ticket = ticket_new(state, co_bytes(encoded->data, encoded->size));
    ticket->method = method;
    ticket->done = done;
    ticket->arg = arg;
    agent->consensus.ops->propose(agent->consensus.self, co_bytes(ticket->command, encoded->size), ticket);
    if (encoded->capacity > (1u << 20)) co_buffer_fini(encoded); /* one large value must not stay for ever */
}

/* --- applying --- */

struct outcome {
    co_status status;
    struct co_error *error;
    void *reply;
};

uint64_t co_state_applied(struct co_ctx *ctx) {
    return ctx->agent->state->applied;
}

co_status state_begin_write(struct co_state *state, struct co_txn **txn, struct co_error *error) {
    co_status status = state->agent->storage.ops->begin(state->agent->storage.self, true, txn, error);
    if (status) return status;
    (*txn)->touched = answers_touched;
    (*txn)->touched_arg = state;
    return CO_OK;
}

/* Did the storage fail, rather than the request? Then the whole batch is void. */
static bool is_storage_failure(co_status status) {
    return status == CO_IO || status == CO_FULL || status == CO_CORRUPT;
}

static co_status apply_command(struct co_state *state, struct co_txn *txn, const struct co_journal_entry *entry,
                               struct outcome *out, struct co_error *error) {
    const uint8_t *bytes = entry->data.data;
    if (entry->data.size < COMMAND_HEADER)
        return co_fail(error, CO_CORRUPT, "journal entry %llu is too short for a command",
                       (unsigned long long)entry->index);
    uint16_t command = (uint16_t)(bytes[0] | bytes[1] << 8);
    const struct co_method_ref *ref = co_registry_command(state->agent->registry, command);
    if (!ref)
        return co_fail(
            error, CO_UNSUPPORTED,
            "journal entry %llu holds command %u, which no loaded module offers; enable the module that wrote it "
            "(`cohort modules`)",
            (unsigned long long)entry->index, command);
    const struct co_method *method = ref->method;
    if (bytes[2] > method->command_version)
        return co_fail(error, CO_UNSUPPORTED,
                       "journal entry %llu holds %s in version %u, this agent knows up to %u; upgrade the agent",
                       (unsigned long long)entry->index, method->name, bytes[2], method->command_version);

    struct co_arena *arena = &state->apply_arena;
    void *request = co_arena_zalloc(arena, method->request->size);
    struct co_bytes record = co_bytes(bytes + COMMAND_HEADER, entry->data.size - COMMAND_HEADER);
    co_status status = co_decode_record(method->request, request, record, arena, error);
    if (status)
        return co_fail_context(error, "journal entry %llu (%s)", (unsigned long long)entry->index, method->name);

    struct co_error why = {0};
    struct co_apply apply = {.txn = txn, .arena = arena, .self = ref->self, .index = entry->index};
    out->reply = method->reply ? co_arena_zalloc(arena, method->reply->size) : NULL;
    out->status = method->apply(&apply, request, out->reply, &why);
    if (out->status == CO_OK) return CO_OK;
    if (is_storage_failure(out->status)) {
        if (error) *error = why;
        return out->status;
    }
    out->error = co_arena_copy(arena, &why, sizeof why);
    return CO_OK;
}

co_status co_state_apply(struct co_ctx *ctx, const struct co_journal_entry *entries, struct co_ticket *const *tickets,
                         size_t count, struct co_error *error) {
    struct co_state *state = ctx->agent->state;
    co_assert(!state->is_applying && count > 0);
    struct co_txn *txn;
    co_status status = state_begin_write(state, &txn, error);
    if (status) return status;

    state->is_applying = true;
    struct outcome *outcomes = co_arena_array(&state->apply_arena, struct outcome, count);
    uint64_t index = state->applied, term = state->applied_term;
    for (size_t i = 0; i < count && !status; i++) {
        if (entries[i].index <= index) continue; /* replay over what the storage already holds */
        co_assert(index == 0 || entries[i].index == index + 1);
        if (entries[i].type == CO_ENTRY_COMMAND) status = apply_command(state, txn, &entries[i], &outcomes[i], error);
        index = entries[i].index;
        term = entries[i].term;
    }
    if (!status) status = state_save_applied(txn, index, term, error);
    if (status)
        txn->ops->abort(txn);
    else
        status = txn->ops->commit(txn, error);
    state->is_applying = false;
    if (status) {
        co_arena_reset(&state->apply_arena);
        return status;
    }
    state->applied = index;
    state->applied_term = term;
    answers_committed(state);
    /* The arena is set aside: an answered proposer may write again, and solo may apply that at once. */
    struct co_arena batch = state->apply_arena;
    co_arena_init(&state->apply_arena);
    for (size_t i = 0; tickets && i < count; i++)
        if (tickets[i])
            ticket_answer(tickets[i], outcomes[i].status, outcomes[i].error, entries[i].index, outcomes[i].reply);
    if (state->apply_arena.blocks) {
        co_arena_fini(&batch);
    } else {
        co_arena_reset(&batch);
        state->apply_arena = batch;
    }
    return CO_OK;
}

static void tell_modules(void *arg) {
    struct co_agent *agent = arg;
    struct co_consensus_status consensus = {0};
    agent->consensus.ops->status(agent->consensus.self, &consensus);
    struct co_slot *const *slots;
    size_t count = co_registry_slots(agent->registry, &slots);
    for (size_t i = 0; i < count; i++) {
        const struct co_module *module = slots[i]->ctx.module;
        if (slots[i]->is_started && CO_MODULE_HAS(module, leadership))
            module->leadership(slots[i]->ctx.self, consensus.is_leader);
    }
}

void co_state_leadership(struct co_ctx *ctx) {
    struct co_agent *agent = ctx->agent;
    answers_drop_all(agent->state);
    co_defer_start(agent->loop, &agent->state->leadership, tell_modules, agent);
}

/* --- rows and indexes --- */

co_status co_row_get(struct co_txn *txn, co_table_id table, struct co_bytes key, const struct co_schema *schema,
                     void *out, struct co_arena *arena, struct co_error *error) {
    struct co_bytes value;
    co_status status = co_get(txn, table, key, &value);
    if (status) return status;
    memset(out, 0, schema->size);
    return co_decode_record(schema, out, value, arena, error);
}

co_status co_row_put(struct co_txn *txn, co_table_id table, struct co_bytes key, const struct co_schema *schema,
                     const void *in, struct co_error *error) {
    struct co_buffer record = {0};
    co_encode_record(schema, in, &record);
    co_status status = co_put(txn, table, key, co_bytes(record.data, record.size), error);
    co_buffer_fini(&record);
    return status;
}

uint64_t co_index_get(struct co_txn *txn, const char *name) {
    struct co_bytes value;
    if (co_get(txn, CO_TABLE_INDEX, co_bytes_text(name), &value) || value.size != 8) return 0;
    return co_get_u64(value.data);
}

co_status co_index_set(struct co_txn *txn, const char *name, uint64_t index, struct co_error *error) {
    uint8_t value[8];
    co_put_u64(value, index);
    return co_put(txn, CO_TABLE_INDEX, co_bytes_text(name), co_bytes(value, sizeof value), error);
}

co_status co_index_drop(struct co_txn *txn, const char *name, struct co_error *error) {
    co_status status = co_del(txn, CO_TABLE_INDEX, co_bytes_text(name), error);
    return status == CO_NOT_FOUND ? CO_OK : status;
}
