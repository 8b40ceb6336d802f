/* Snapshot files: what co_state_restore makes of any bytes. The first byte chooses: the file as it is, or a true header and frames
 * with true checksums around the bytes, so that what lies behind the checksums is reached as well. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/core.h"
#include "core/registry.h"
#include "store_memory/memory_store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct co_table tables[] = {{600, "rows"}};
static const struct co_offer offers[] = {{CO_OFFER_TABLES, "rows", tables, 1}, {CO_OFFER_END, NULL, NULL, 0}};
static const struct co_module module = {
    .abi = CO_MODULE_ABI, .size = sizeof module, .name = "rows", .summary = "rows", .offers = offers};

static struct co_agent agent;
static struct co_slot slot;
static struct memory_store store;
static char path[] = "/tmp/cohort-snapshot-fuzz-XXXXXX";

static void clean_up(void) {
    unlink(path);
}

static void set_up(void) {
    struct co_slot *slots[] = {&slot};
    memory_store_open(&store, &(struct memory_settings){.size_max = {64u << 20}});
    slot = (struct co_slot){.ctx = {.agent = &agent, .module = &module, .log = co_log_named("fuzz")}, .name = "rows"};
    agent = (struct co_agent){.loop = co_loop_new(), .storage = {&memory_storage_ops, &store}, .log = slot.ctx.log};
    co_assert(co_registry_new(slots, 1, &agent.registry, NULL, NULL) == CO_OK);
    co_assert(co_state_open(&agent, NULL) == CO_OK);
    close(mkstemp(path));
    atexit(clean_up);
}

/* Frames of up to 255 stored bytes: <stored size> <raw size, 2 bytes> <bytes>. */
static void add_frames(struct co_buffer *file, const uint8_t *data, size_t size) {
    static const uint8_t header[20] = {'C', 'O', 'H', 'O', 'R', 'T', 'S', 'N', 1};
    co_buffer_add(file, header, sizeof header);
    while (size > 3) {
        size_t stored = data[0] < size - 3 ? data[0] : size - 3;
        uint8_t frame[12] = {0};
        frame[0] = data[1];
        frame[1] = data[2];
        frame[4] = (uint8_t)stored;
        uint32_t crc = co_crc32c(co_crc32c(0, frame, 8), data + 3, stored);
        for (int i = 0; i < 4; i++) frame[8 + i] = (uint8_t)(crc >> (8 * i));
        co_buffer_add(file, frame, sizeof frame);
        co_buffer_add(file, data + 3, stored);
        data += 3 + stored;
        size -= 3 + stored;
    }
    static const uint8_t end[8];
    uint32_t crc = co_crc32c(0, end, 8);
    uint8_t last[12] = {
        0, 0, 0, 0, 0, 0, 0, 0, (uint8_t)crc, (uint8_t)(crc >> 8), (uint8_t)(crc >> 16), (uint8_t)(crc >> 24)};
    co_buffer_add(file, last, sizeof last);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!agent.loop) set_up();
    if (size == 0) return 0;
    struct co_buffer bytes = {0};
    if (data[0] & 1)
        add_frames(&bytes, data + 1, size - 1);
    else
        co_buffer_add(&bytes, data + 1, size - 1);
    FILE *file = fopen(path, "wb");
    co_assert(file && fwrite(bytes.data ? bytes.data : "", 1, bytes.size, file) == bytes.size);
    fclose(file);
    co_buffer_fini(&bytes);
    uint64_t index;
    struct co_error error = {0};
    co_status status = co_state_restore(&slot.ctx, path, &index, &error);
    co_assert(status == CO_OK || error.text[0]); /* a refusal says why */
    return 0;
}
