/* Snapshots: every table's rows in one file, written in slices between other work, loaded in one transaction.
 *
 * File: "COHORTSN" | version u32 | index u64 | frames. Frame: raw size u32 | stored size u32 | CRC-32C of both sizes and the stored
 * bytes u32 | stored bytes (lz4, or raw when the sizes are equal). Raw frame: rows of table u16 | key size u16 | value size u32 |
 * key | value. All little endian. A frame of raw size 0 ends the file. */
#include "cohort/bytes.h"
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <lz4.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    VERSION = 1,
    FILE_HEADER = 20,
    FRAME_HEADER = 12,
    ROW_HEADER = 8,
    FRAME_TARGET = 256 << 10,
    FRAME_MAX = (int)CO_STORAGE_VALUE_MAX + (1 << 20)
};
static const char magic[] = "COHORTSN";

typedef void snapshot_done(void *arg, co_status, const struct co_error *, uint64_t index, uint64_t bytes);

struct snapshot {
    struct co_state *state;
    struct co_txn *txn;
    struct co_cursor *cursor; /* of the table under way */
    co_table_id *tables;
    size_t table_count, table_at;
    bool has_row;
    struct co_bytes key, value; /* the row under the cursor */
    struct co_buffer raw, stored;
    char *path, *temporary;
    int fd;
    bool is_last, is_abandoned;
    uint64_t index, bytes;
    co_status status;
    struct co_error error;
    snapshot_done *done;
    void *arg;
};

static void add_u16(struct co_buffer *out, uint16_t value) {
    uint8_t raw[2];
    co_put_u16(raw, value);
    co_buffer_add(out, raw, 2);
}

static void add_u32(struct co_buffer *out, uint32_t value) {
    uint8_t raw[4];
    co_put_u32(raw, value);
    co_buffer_add(out, raw, 4);
}

/* --- writing --- */

static void snapshot_free(struct snapshot *snapshot) {
    if (snapshot->cursor) co_cursor_close(snapshot->cursor);
    if (snapshot->txn) snapshot->txn->ops->abort(snapshot->txn);
    if (snapshot->fd >= 0) close(snapshot->fd);
    co_buffer_fini(&snapshot->raw);
    co_buffer_fini(&snapshot->stored);
    free(snapshot->tables);
    free(snapshot->path);
    free(snapshot->temporary);
    free(snapshot);
}

static void snapshot_finish(struct snapshot *snapshot) {
    snapshot->state->snapshot = NULL;
    if (snapshot->status) unlink(snapshot->temporary);
    snapshot->done(snapshot->arg, snapshot->status, &snapshot->error, snapshot->index, snapshot->bytes);
    snapshot_free(snapshot);
}

/* Moves the cursor to the next row, over table borders. */
static void row_next(struct snapshot *snapshot) {
    co_status status = CO_NOT_FOUND;
    if (snapshot->cursor) status = co_cursor_next(snapshot->cursor, &snapshot->key, &snapshot->value);
    while (status == CO_NOT_FOUND) {
        if (snapshot->cursor) {
            co_cursor_close(snapshot->cursor);
            snapshot->cursor = NULL;
            snapshot->table_at++;
        }
        if (snapshot->table_at == snapshot->table_count) break;
        snapshot->cursor = co_cursor_open(snapshot->txn, snapshot->tables[snapshot->table_at]);
        snapshot->cursor->is_passing = true; /* fill_frame copies before it moves on */
        status = co_cursor_seek(snapshot->cursor, co_bytes(NULL, 0), &snapshot->key, &snapshot->value);
    }
    snapshot->has_row = status == CO_OK;
    if (status && status != CO_NOT_FOUND) {
        snapshot->status = status;
        co_fail(&snapshot->error, status, "cannot read table %u for the snapshot",
                snapshot->tables[snapshot->table_at]);
    }
}

static void fill_frame(struct snapshot *snapshot) {
    struct co_buffer *raw = &snapshot->raw;
    raw->size = 0;
    while (snapshot->has_row && raw->size < FRAME_TARGET) {
        add_u16(raw, snapshot->tables[snapshot->table_at]);
        add_u16(raw, (uint16_t)snapshot->key.size);
        add_u32(raw, (uint32_t)snapshot->value.size);
        co_buffer_add(raw, snapshot->key.data, snapshot->key.size);
        co_buffer_add(raw, snapshot->value.data, snapshot->value.size);
        row_next(snapshot);
    }
    snapshot->is_last = !snapshot->has_row;
}

static void add_frame(struct co_buffer *out, const struct co_buffer *raw) {
    int bound = LZ4_compressBound((int)raw->size);
    size_t at = out->size;
    char *room = co_buffer_room(out, (size_t)FRAME_HEADER + (size_t)bound);
    int packed = raw->size ? LZ4_compress_default(raw->data, room + FRAME_HEADER, (int)raw->size, bound) : 0;
    if (packed <= 0 || (size_t)packed >= raw->size) {
        packed = (int)raw->size;
        if (packed) memcpy(room + FRAME_HEADER, raw->data, raw->size);
    }
    co_put_u32(room, (uint32_t)raw->size);
    co_put_u32(room + 4, (uint32_t)packed);
    co_put_u32(room + 8, co_crc32c(co_crc32c(0, room, 8), room + FRAME_HEADER, (size_t)packed));
    out->size = at + FRAME_HEADER + (size_t)packed;
}

static co_status write_all(int fd, const char *data, size_t size, const char *path, struct co_error *error) {
    while (size > 0) {
        ssize_t wrote = write(fd, data, size);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return co_fail_errno(error, errno, "cannot write snapshot %s", path);
        data += wrote;
        size -= (size_t)wrote;
    }
    return CO_OK;
}

static co_status publish(struct snapshot *snapshot) {
    struct co_error *error = &snapshot->error;
    if (fsync(snapshot->fd)) return co_fail_errno(error, errno, "cannot sync snapshot %s", snapshot->temporary);
    if (rename(snapshot->temporary, snapshot->path))
        return co_fail_errno(error, errno, "cannot rename snapshot to %s", snapshot->path);
    char *slash = strrchr(snapshot->path, '/');
    if (!slash) return CO_OK;
    *slash = '\0';
    int dir = open(snapshot->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = dir < 0 || fsync(dir) ? errno : 0;
    if (dir >= 0) close(dir);
    *slash = '/';
    return failed ? co_fail_errno(error, failed, "cannot sync the folder of snapshot %s", snapshot->path) : CO_OK;
}

/* On the pool: sees only the buffers and the descriptor. */
static void slice_work(void *arg) {
    struct snapshot *snapshot = arg;
    add_frame(&snapshot->stored, &snapshot->raw);
    if (snapshot->is_last && snapshot->raw.size > 0) {
        snapshot->raw.size = 0;
        add_frame(&snapshot->stored, &snapshot->raw);
    }
    snapshot->status =
        write_all(snapshot->fd, snapshot->stored.data, snapshot->stored.size, snapshot->temporary, &snapshot->error);
    snapshot->bytes += snapshot->stored.size;
    snapshot->stored.size = 0;
    if (!snapshot->status && snapshot->is_last) snapshot->status = publish(snapshot);
}

static void slice_done(void *arg) {
    struct snapshot *snapshot = arg;
    if (snapshot->is_abandoned) { /* the state has gone; the transaction went with it */
        unlink(snapshot->temporary);
        snapshot_free(snapshot);
        return;
    }
    bool is_last = snapshot->is_last;
    /* The loop waits for all jobs: an agent that stops must not wait for gigabytes. */
    if (!snapshot->status && !is_last && co_loop_is_stopping(snapshot->state->agent->loop))
        snapshot->status = co_fail(&snapshot->error, CO_CANCELLED, "the agent is shutting down");
    if (!snapshot->status && !is_last) fill_frame(snapshot);
    if (snapshot->status || is_last)
        snapshot_finish(snapshot);
    else
        co_job_start(snapshot->state->agent->loop, slice_work, slice_done, snapshot);
}

static void collect_table(void *arg, const struct co_table *table) {
    struct snapshot *snapshot = arg;
    snapshot->tables = co_realloc(snapshot->tables, (snapshot->table_count + 1) * sizeof *snapshot->tables);
    snapshot->tables[snapshot->table_count++] = table->id;
}

void co_state_snapshot(struct co_ctx *ctx, const char *path, snapshot_done *done, void *arg) {
    struct co_state *state = ctx->agent->state;
    struct co_error error = {0};
    if (state->snapshot) {
        co_fail(&error, CO_BUSY, "another snapshot is being written");
        done(arg, CO_BUSY, &error, 0, 0);
        return;
    }
    struct snapshot *snapshot = co_calloc(1, sizeof *snapshot);
    snapshot->state = state;
    snapshot->done = done;
    snapshot->arg = arg;
    snapshot->index = state->applied;
    snapshot->path = co_strdup(path);
    struct co_buffer name = {0};
    co_buffer_printf(&name, "%s.tmp", path);
    snapshot->temporary = co_buffer_take(&name);
    co_registry_tables(ctx->agent->registry, collect_table, snapshot);
    state->snapshot = snapshot;
    snapshot->fd = open(snapshot->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (snapshot->fd < 0) {
        snapshot->status = co_fail_errno(&snapshot->error, errno, "cannot create snapshot %s", snapshot->temporary);
    } else {
        snapshot->status =
            state->agent->storage.ops->begin(state->agent->storage.self, false, &snapshot->txn, &snapshot->error);
    }
    if (!snapshot->status) row_next(snapshot);
    if (!snapshot->status) fill_frame(snapshot);
    if (snapshot->status) {
        snapshot_finish(snapshot);
        return;
    }
    co_buffer_add(&snapshot->stored, magic, 8);
    add_u32(&snapshot->stored, VERSION);
    add_u32(&snapshot->stored, (uint32_t)snapshot->index);
    add_u32(&snapshot->stored, (uint32_t)(snapshot->index >> 32));
    co_job_start(state->agent->loop, slice_work, slice_done, snapshot);
}

/* The agent ends while a slice is on the pool: give the snapshot up, but let the job end first. */
void snapshot_abandon(struct co_state *state) {
    struct snapshot *snapshot = state->snapshot;
    if (!snapshot) return;
    state->snapshot = NULL;
    if (snapshot->cursor) co_cursor_close(snapshot->cursor);
    snapshot->cursor = NULL;
    snapshot->txn->ops->abort(snapshot->txn);
    snapshot->txn = NULL;
    snapshot->is_abandoned = true;
}

/* --- reading --- */

struct reader {
    FILE *file;
    const char *path;
    uint64_t offset;
    struct co_buffer raw, stored;
};

static co_status corrupt(const struct reader *reader, struct co_error *error, const char *what) {
    return co_fail(error, CO_CORRUPT, "snapshot %s is damaged at offset %llu: %s; use an older snapshot", reader->path,
                   (unsigned long long)reader->offset, what);
}

static co_status read_exact(struct reader *reader, void *out, size_t size, struct co_error *error) {
    if (size && fread(out, 1, size, reader->file) != size) {
        if (ferror(reader->file)) return co_fail_errno(error, errno, "cannot read snapshot %s", reader->path);
        return corrupt(reader, error, "the file ends too early");
    }
    return CO_OK;
}

/* Size 0 in reader->raw: the end. */
static co_status read_frame(struct reader *reader, struct co_error *error) {
    uint8_t header[FRAME_HEADER] = {0};
    co_status status = read_exact(reader, header, sizeof header, error);
    if (status) return status;
    uint32_t raw_size = co_get_u32(header), stored_size = co_get_u32(header + 4);
    if (raw_size > FRAME_MAX || stored_size > raw_size) return corrupt(reader, error, "a frame has an impossible size");
    reader->stored.size = reader->raw.size = 0;
    status = read_exact(reader, co_buffer_room(&reader->stored, stored_size + 1), stored_size, error);
    if (status) return status;
    if (co_crc32c(co_crc32c(0, header, 8), reader->stored.data, stored_size) != co_get_u32(header + 8))
        return corrupt(reader, error, "the checksum of a frame is wrong");
    char *raw = co_buffer_room(&reader->raw, raw_size + 1);
    if (stored_size == raw_size) {
        if (raw_size) memcpy(raw, reader->stored.data, raw_size);
    } else if (LZ4_decompress_safe(reader->stored.data, raw, (int)stored_size, (int)raw_size) != (int)raw_size) {
        return corrupt(reader, error, "a frame does not decompress");
    }
    reader->raw.size = raw_size;
    return CO_OK;
}

static co_status load_rows(struct reader *reader, struct co_txn *txn, struct co_error *error) {
    const uint8_t *at = (const uint8_t *)reader->raw.data, *end = at + reader->raw.size;
    while (at < end) {
        if ((size_t)(end - at) < ROW_HEADER) return corrupt(reader, error, "a row is cut short");
        co_table_id table = co_get_u16(at);
        size_t key_size = co_get_u16(at + 2), value_size = co_get_u32(at + 4);
        at += ROW_HEADER;
        if (key_size == 0 || key_size > CO_STORAGE_KEY_MAX || (size_t)(end - at) < key_size + value_size)
            return corrupt(reader, error, "a row has impossible sizes");
        co_status status = co_put(txn, table, co_bytes(at, key_size), co_bytes(at + key_size, value_size), error);
        if (status) return status;
        at += key_size + value_size;
    }
    return CO_OK;
}

struct clearing {
    struct co_txn *txn;
    struct co_error *error;
    co_status status;
};

static void clear_table(void *arg, const struct co_table *table) {
    struct clearing *clearing = arg;
    if (!clearing->status) clearing->status = co_clear(clearing->txn, table->id, clearing->error);
}

static co_status restore(struct co_state *state, struct reader *reader, struct co_txn *txn, uint64_t *index,
                         struct co_error *error) {
    uint8_t header[FILE_HEADER] = {0};
    co_status status = read_exact(reader, header, sizeof header, error);
    if (status) return status;
    if (memcmp(header, magic, 8) != 0) return corrupt(reader, error, "this is not a snapshot of Cohort");
    if (co_get_u32(header + 8) != VERSION)
        return co_fail(error, CO_UNSUPPORTED,
                       "snapshot %s has version %u, this agent reads %u; use the agent that wrote it", reader->path,
                       co_get_u32(header + 8), VERSION);
    *index = co_get_u64(header + 12);
    struct clearing clearing = {.txn = txn, .error = error};
    co_registry_tables(state->agent->registry, clear_table, &clearing);
    if (clearing.status) return clearing.status;
    reader->offset = FILE_HEADER;
    for (;;) {
        status = read_frame(reader, error);
        if (status) return status;
        if (reader->raw.size == 0) return CO_OK;
        status = load_rows(reader, txn, error);
        if (status) return status;
        reader->offset = (uint64_t)ftello(reader->file);
    }
}

co_status co_state_restore(struct co_ctx *ctx, const char *path, uint64_t *index, struct co_error *error) {
    struct co_state *state = ctx->agent->state;
    struct reader reader = {.path = path, .file = fopen(path, "rbe")};
    if (!reader.file) return co_fail_errno(error, errno, "cannot open snapshot %s", path);
    struct co_txn *txn = NULL;
    co_status status = state_begin_write(state, &txn, error);
    if (!status) status = restore(state, &reader, txn, index, error);
    if (!status)
        status = txn->ops->commit(txn, error);
    else if (txn)
        txn->ops->abort(txn);
    if (!status) status = state_load_applied(state, error);
    if (!status) answers_drop_all(state);
    fclose(reader.file);
    co_buffer_fini(&reader.raw);
    co_buffer_fini(&reader.stored);
    return status;
}
