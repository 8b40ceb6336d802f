/* store_lmdb against the suite that every storage passes. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sdk/conformance/storage.h"
#include "store_lmdb/lmdb_store.h"

static struct lmdb_store store;
static char path[64];

static void remove_files(void) {
    static const char *const names[] = {"data.mdb", "lock.mdb", "mark"};
    char name[128];
    for (size_t i = 0; i < CO_COUNT(names); i++) {
        snprintf(name, sizeof name, "%s/%s", path, names[i]);
        unlink(name);
    }
}

static co_status open_store(void *arg, bool fresh, struct co_storage *out, struct co_error *error) {
    (void)arg;
    if (fresh) remove_files();
    *out = (struct co_storage){&lmdb_storage_ops, &store};
    memset(&store, 0, sizeof store);
    return lmdb_store_open(&store, path, &(struct lmdb_settings){{UINT64_C(1) << 30}, "journal"}, NULL, error);
}

static void close_store(void *arg, struct co_storage *storage) {
    (void)arg;
    lmdb_store_close(storage->self);
}

int main(void) {
    snprintf(path, sizeof path, "/tmp/cohort-lmdb-XXXXXX");
    if (!mkdtemp(path)) return 1;
    static const struct co_storage_conformance subject = {
        .name = "lmdb", .open = open_store, .close = close_store, .is_persistent = true, .readers = 500};
    int failures = co_conformance_storage(&subject);
    remove_files();
    rmdir(path);
    return failures ? 1 : 0;
}
