/* A world for slice tests: one slice module (or several) on a small in-memory storage, called with "VERB /path?query" as a
 * browser would, without network, consensus or answer cache. Every write gets the next index. The storage hands out copies that
 * die with the next write, so that the sanitizers see whoever keeps bytes too long. */
#ifndef COHORT_SLICE_WORLD_H
#define COHORT_SLICE_WORLD_H

#include "cohort/http.h"
#include "cohort/module.h"

struct world;
struct world *world_new(const struct co_module *const *modules, size_t count); /* datacenter dc1, node n1 */
void world_free(struct world *);
/* "STATUS [INDEX] BODY": the index for reads only. Lives until the next call. */
const char *world_call(struct world *, const char *request, const char *body);
const char *world_call_bytes(struct world *, const char *request, struct co_bytes body);
void world_set_index(struct world *, uint64_t next); /* of the next write */
/* How many keys the last call put or deleted, and whether one of them was below `prefix` in `table`. */
size_t world_touched(const struct world *);
bool world_touched_key(const struct world *, co_table_id, struct co_bytes prefix, bool whole_key);
/* Directly: */
co_status world_apply(struct world *, const struct co_method *, const void *request, void *reply, struct co_error *);
co_status world_query(struct world *, const struct co_method *, const void *request, void *reply, struct co_arena *,
                      uint64_t *index);
struct co_txn *world_txn(struct world *);
size_t world_rows(struct world *, co_table_id);

#endif
