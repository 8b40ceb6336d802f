/* store_memory against the suite that every storage passes. */
#include "sdk/conformance/storage.h"
#include "store_memory/memory_store.h"

static struct memory_store store;

static co_status open_store(void *arg, bool fresh, struct co_storage *out, struct co_error *error) {
    (void)arg;
    (void)error;
    co_assert(fresh);
    memory_store_open(&store, &(struct memory_settings){{0}});
    *out = (struct co_storage){&memory_storage_ops, &store};
    return CO_OK;
}

static void close_store(void *arg, struct co_storage *storage) {
    (void)arg;
    memory_store_close(storage->self);
}

int main(void) {
    static const struct co_storage_conformance subject = {
        .name = "memory", .open = open_store, .close = close_store, .rounds = 1000, .readers = 2000};
    return co_conformance_storage(&subject) ? 1 : 0;
}
