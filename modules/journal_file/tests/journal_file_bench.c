/* Measures the file journal: journal_file_bench DIR [entry bytes]. Entries per second with fsync for 1 to 256 concurrent
 * writers, each waiting for its answer before it writes again; the loop thread's share of the CPU; opening; reading. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/core.h"
#include "journal_file/journal_file.h"

static struct journal_file journal;
static uint64_t next_index = 1, answered, enough;
static size_t entry_size = 200;
static uint8_t bytes[1 << 20];

struct writer {
    struct co_journal_entry entry;
};

static void on_done(void *arg, co_status status, const struct co_error *error);

static void write_one(struct writer *writer) {
    writer->entry = (struct co_journal_entry){.index = next_index++, .term = 1, .data = co_bytes(bytes, entry_size)};
    journal_file_append(&journal, &writer->entry, 1, on_done, writer);
}

static void on_done(void *arg, co_status status, const struct co_error *error) {
    if (status) {
        fprintf(stderr, "%s\n", error->text);
        exit(1);
    }
    answered++;
    if (next_index <= enough) write_one(arg);
}

static double thread_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void measure(struct co_loop *loop, size_t concurrent, uint64_t count) {
    struct writer *writers = co_calloc(concurrent, sizeof *writers);
    uint64_t before = answered, started = co_mono_ns();
    double cpu = thread_seconds();
    enough = next_index - 1 + count;
    for (size_t i = 0; i < concurrent; i++) write_one(&writers[i]);
    while (answered < before + count) co_loop_turn(loop, 1000);
    double took = (double)(co_mono_ns() - started) / 1e9;
    printf("writers=%-4zu entries/s=%-8.0f mean_latency_us=%-7.0f loop_cpu_us_per_entry=%.2f\n", concurrent,
           (double)count / took, took / (double)count * (double)concurrent * 1e6,
           (thread_seconds() - cpu) / (double)count * 1e6);
    free(writers);
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    if (argc > 2) entry_size = strtoul(argv[2], NULL, 10);
    if (entry_size > sizeof bytes) return 2;
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)co_random_below(256);
    struct co_loop *loop = co_loop_new();
    struct journal_file_settings settings = {.segment_size = {64 << 20}, .compress_above = {4096}, .sync = "always"};
    struct co_error error = {0};
    if (journal_file_open(&journal, loop, NULL, argv[1], &settings, &error)) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    uint64_t first, last;
    journal_file_bounds(&journal, &first, &last);
    next_index = last + 1;
    static const size_t concurrent[] = {1, 8, 64, 256};
    for (size_t i = 0; i < CO_COUNT(concurrent); i++) measure(loop, concurrent[i], 4000 * concurrent[i]);
    journal_file_close(&journal);

    uint64_t started = co_mono_ns(), total = 0;
    if (journal_file_open(&journal, loop, NULL, argv[1], &settings, &error)) return 1;
    double took = (double)(co_mono_ns() - started) / 1e9;
    for (size_t i = 0; i < journal.segment_count; i++) total += journal.segments[i].end;
    journal_file_bounds(&journal, &first, &last);
    printf("open: %.0f entries, %.0f MB in %.3f s: %.0f MB/s, %.0f entries/s\n", (double)last, (double)total / 1e6,
           took, (double)total / 1e6 / took, (double)last / took);
    started = co_mono_ns();
    struct co_arena arena = CO_ARENA_INIT;
    for (uint64_t index = first; index <= last; index++) {
        struct co_journal_entry entry;
        if (journal_file_read(&journal, index, &arena, &entry, &error)) return 1;
        if (index % 1024 == 0) co_arena_reset(&arena);
    }
    took = (double)(co_mono_ns() - started) / 1e9;
    printf("read in order: %.0f entries/s\n", (double)(last - first + 1) / took);
    co_arena_fini(&arena);
    journal_file_close(&journal);
    co_loop_free(loop);
    return 0;
}
