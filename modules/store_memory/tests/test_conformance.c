/* store_memory against the suite that every storage passes. */
#include "sdk/conformance/storage.h"
#include "store_memory/memory_store.h"

static struct memory_store store;

static co_status open_store(void *arg, bool fresh, struct co_storage *out, struct co_error *error) {
    (void)error;
    co_assert(fresh);
    memory_store_open(&store, &(struct memory_settings){.strict = arg != NULL});
    *out = (struct co_storage){&memory_storage_ops, &store};
    return CO_OK;
}

static void close_store(void *arg, struct co_storage *storage) {
    (void)arg;
    memory_store_close(storage->self);
}

int main(void) {
    int failures = 0;
    for (int strict = 0; strict < 2; strict++) {
        struct co_storage_conformance subject = {.name = strict ? "memory, strict" : "memory",
                                                 .arg = strict ? &store : NULL,
                                                 .open = open_store,
                                                 .close = close_store,
                                                 .rounds = 700,
                                                 .readers = 2000};
        failures += co_conformance_storage(&subject);
    }
    return failures ? 1 : 0;
}
