/* The file journal: the conformance suite, and what only files can suffer: failed writes, full disks, lost blocks, missing
 * files, other versions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/core.h"
#include "journal_file/journal_file.h"
#include "sdk/conformance/journal.h"

struct world {
    struct co_loop *loop;
    char dir[64];
    struct journal_file journal;
    struct journal_file_settings settings;
    int under_way;
    co_status status;
    struct co_error error;
};

static struct world *world_new(const char *sync) {
    struct world *world = co_calloc(1, sizeof *world);
    world->loop = co_loop_new();
    world->settings =
        (struct journal_file_settings){.segment_size = {64 << 10}, .compress_above = {4096}, .sync = sync};
    /* Thousands of opens without fsync have nothing to learn from a disk. */
    bool is_in_memory = strcmp(sync, "never") == 0 && access("/dev/shm", W_OK) == 0;
    snprintf(world->dir, sizeof world->dir, "%s/cohort-journal-XXXXXX", is_in_memory ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(world->dir));
    return world;
}

static void world_wipe(void *arg) {
    struct world *world = arg;
    DIR *dir = opendir(world->dir);
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] != '.') unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
}

static co_status world_open(void *arg, struct co_journal *out, struct co_error *error) {
    struct world *world = arg;
    co_status status = journal_file_open(&world->journal, world->loop, NULL, world->dir, &world->settings, error);
    if (status) journal_file_close(&world->journal);
    if (out) *out = (struct co_journal){&journal_file_ops, &world->journal};
    return status;
}

static void world_close(void *arg) {
    journal_file_close(&((struct world *)arg)->journal);
}

static void world_turn(void *arg) {
    co_loop_turn(((struct world *)arg)->loop, 100);
}

static void world_free(struct world *world) {
    world_close(world);
    world_wipe(world);
    rmdir(world->dir);
    co_loop_free(world->loop);
    free(world);
}

static void on_done(void *arg, co_status status, const struct co_error *error) {
    struct world *world = arg;
    world->under_way--;
    world->status = status;
    if (error) world->error = *error;
}

/* One batch of `count` entries with `size` bytes each; returns its answer. */
static co_status append(struct world *world, uint64_t first, size_t count, size_t size) {
    struct co_journal_entry entries[256];
    static uint8_t bytes[1 << 20];
    assert_true(count <= 256 && size <= sizeof bytes);
    for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)(i * 131 >> 3);
    for (size_t i = 0; i < count; i++)
        entries[i] = (struct co_journal_entry){.index = first + i, .term = 1, .data = co_bytes(bytes, size)};
    world->under_way++;
    journal_file_append(&world->journal, entries, count, on_done, world);
    while (world->under_way > 0) world_turn(world);
    return world->status;
}

static uint64_t last_of(struct world *world) {
    uint64_t first, last;
    journal_file_bounds(&world->journal, &first, &last);
    return last;
}

static void read_all(struct world *world, size_t size) {
    uint64_t first, last;
    journal_file_bounds(&world->journal, &first, &last);
    for (uint64_t index = first; index <= last; index++) {
        struct co_arena arena = CO_ARENA_INIT;
        struct co_journal_entry entry;
        assert_int_equal(journal_file_read(&world->journal, index, &arena, &entry, NULL), CO_OK);
        assert_int_equal(entry.index, index);
        assert_int_equal(entry.data.size, size);
        co_arena_fini(&arena);
    }
}

static void path_of(struct world *world, uint64_t first, char out[128]) {
    char name[JOURNAL_FILE_NAME_SIZE];
    journal_file_segment_name(first, name);
    snprintf(out, 128, "%s/%s", world->dir, name);
}

/* Changes bytes of a segment behind the journal's back. */
static void smash(struct world *world, uint64_t segment, uint64_t offset, const void *bytes, size_t size) {
    char path[128];
    path_of(world, segment, path);
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, size, (off_t)offset), size);
    close(fd);
}

/* --- */

static void checksum_matches_rfc3720(void **state) {
    (void)state;
    uint8_t bytes[1024];
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(co_crc32c(0, bytes, 32), 0x8a9136aau);
    memset(bytes, 0xff, 32);
    assert_int_equal(co_crc32c(0, bytes, 32), 0x62a8ab43u);
    for (int i = 0; i < 32; i++) bytes[i] = (uint8_t)i;
    assert_int_equal(co_crc32c(0, bytes, 32), 0x46dd794eu);
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 7 + i / 3);
    for (size_t from = 0; from < 9; from++)
        for (size_t size = 0; size < 200; size++) {
            uint32_t once = co_crc32c(0, bytes + from, size);
            uint32_t half = co_crc32c(0, bytes + from, size / 2);
            assert_int_equal(once, co_crc32c(half, bytes + from + size / 2, size - size / 2));
        }
}

static void conforms(void **state) {
    (void)state;
    struct world *world = world_new("never");
    struct co_journal_world suite = {.arg = world,
                                     .open = world_open,
                                     .close = world_close,
                                     .wipe = world_wipe,
                                     .turn = world_turn,
                                     .is_persistent = true,
                                     .dir = world->dir,
                                     .file_suffix = ".seg"};
    assert_int_equal(co_conformance_journal(&suite), 0);
    world_free(world);
}

static void conforms_with_fsync(void **state) {
    (void)state;
    struct world *world = world_new("always");
    struct co_journal_world suite = {.arg = world,
                                     .open = world_open,
                                     .close = world_close,
                                     .wipe = world_wipe,
                                     .turn = world_turn,
                                     .is_persistent = true,
                                     .seed = 7};
    assert_int_equal(co_conformance_journal(&suite), 0);
    world_free(world);
}

/* A power cut may lose any block of a batch that was never synced: that is no damage. */
static void lost_block_inside_last_batch_is_cut(void **state) {
    (void)state;
    struct world *world = world_new("always");
    assert_int_equal(world_open(world, NULL, NULL), CO_OK);
    assert_int_equal(append(world, 1, 10, 1000), CO_OK);
    assert_int_equal(append(world, 11, 40, 1000), CO_OK);
    world_close(world);
    static const uint8_t zeros[4096];
    smash(world, 1, 20480, zeros, sizeof zeros);
    assert_int_equal(world_open(world, NULL, NULL), CO_OK);
    uint64_t last = last_of(world);
    assert_true(last >= 10 && last < 50);
    read_all(world, 1000);
    assert_int_equal(append(world, last + 1, 5, 1000), CO_OK);
    world_close(world);
    assert_int_equal(world_open(world, NULL, NULL), CO_OK);
    assert_int_equal(last_of(world), last + 5);
    world_free(world);
}

static void lost_block_before_later_batch_is_refused(void **state) {
    (void)state;
    struct world *world = world_new("always");
    assert_int_equal(world_open(world, NULL, NULL), CO_OK);
    assert_int_equal(append(world, 1, 40, 1000), CO_OK);
    assert_int_equal(append(world, 41, 1, 10), CO_OK);
    world_close(world);
    static const uint8_t zeros[4096];
    smash(world, 1, 20480, zeros, sizeof zeros);
    struct co_error error = {0};
    assert_int_equal(world_open(world, NULL, &error), CO_CORRUPT);
    assert_non_null(strstr(error.text, "00000000000000000001.seg: offset 19824: entry 20 "));
    assert_non_null(strstr(error.text, "restore"));
    world_free(world);
}

/* A client may store bytes that look like our records: without the salt they are no evidence. */
static void stored_record_bytes_are_not_records(void **state) {
    (void)state;
    struct world *world = world_new("always");
    assert_int_equal(world_open(world, NULL, NULL), CO_OK);
    struct co_buffer fake = {0};
    struct co_journal_entry inner = {.index = 99, .term = 1, .data = co_bytes_text("inner")};
    journal_file_record_encode(&fake, journal_file_seed(12345), &inner, 0, 0);
    struct co_journal_entry outer = {.index = 1, .term = 1, .data = co_bytes(fake.data, fake.size)};
    world->under_way++;
    journal_file_append(&world->journal, &outer, 1, on_done, world);
    while (world->under_way > 0) world_turn(world);
    world_close(world);
    smash(world, 1, 70, "x", 1);
    assert_int_equal(world_open(world, NULL, NULL), CO_OK);
    assert_int_equal(last_of(world), 0);
    co_buffer_fini(&fake);
    world_free(world);
}

static void missing_segment_is_refused(void **state) {
    (void)state;
    struct world *world = world_new("always");
    assert_int_equal(world_open(world, NULL, NULL), CO_OK);
    for (uint64_t i = 0; i < 40; i++) assert_int_equal(append(world, 1 + i * 10, 10, 1000), CO_OK);
    assert_true(world->journal.segment_count >= 5);
    uint64_t second = world->journal.segments[1].first, third = world->journal.segments[2].first;
    world_close(world);
    char path[128], aside[160];
    path_of(world, second, path);
    snprintf(aside, sizeof aside, "%s.aside", path);
    assert_int_equal(rename(path, aside), 0);
    struct co_error error = {0};
    assert_int_equal(world_open(world, NULL, &error), CO_CORRUPT);
    assert_non_null(strstr(error.text, "next segment begins with"));
    /* A segment under another's name. */
    char other[128];
    path_of(world, third, other);
    assert_int_equal(rename(other, path), 0);
    assert_int_equal(world_open(world, NULL, &error), CO_CORRUPT);
    assert_non_null(strstr(error.text, "renamed"));
    assert_int_equal(rename(path, other), 0);
    assert_int_equal(rename(aside, path), 0);
    assert_int_equal(world_open(world, NULL, NULL), CO_OK);
    assert_int_equal(last_of(world), 400);
    read_all(world, 1000);
    world_close(world);
    /* Damage in an old segment, at its very end too. */
    smash(world, third, 200, "damage", 6);
    assert_int_equal(world_open(world, NULL, &error), CO_CORRUPT);
    world_free(world);
}

static void other_version_is_refused(void **state) {
    (void)state;
    struct world *world = world_new("always");
    assert_int_equal(world_open(world, NULL, NULL), CO_OK);
    assert_int_equal(append(world, 1, 1, 10), CO_OK);
    world_close(world);
    uint8_t raw[JOURNAL_FILE_HEADER_SIZE];
    journal_file_header_encode(&(struct journal_file_header){.version = 2, .first_index = 1, .salt = 5}, raw);
    smash(world, 1, 0, raw, sizeof raw);
    struct co_error error = {0};
    assert_int_equal(world_open(world, NULL, &error), CO_UNSUPPORTED);
    assert_non_null(strstr(error.text, "version 2"));
    world_free(world);
}

static void damaged_meta_is_refused(void **state) {
    (void)state;
    struct world *world = world_new("always");
    assert_int_equal(world_open(world, NULL, NULL), CO_OK);
    world->under_way++;
    journal_file_save_meta(&world->journal, co_bytes_text("term 7"), on_done, world);
    while (world->under_way > 0) world_turn(world);
    assert_int_equal(world->status, CO_OK);
    char path[128];
    snprintf(path, sizeof path, "%s/meta", world->dir);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    for (off_t at = 0; at < info.st_size; at++) {
        int fd = open(path, O_RDWR);
        uint8_t byte;
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        byte ^= 4;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        struct co_arena arena = CO_ARENA_INIT;
        struct co_bytes meta;
        co_status status = journal_file_load_meta(&world->journal, &arena, &meta, NULL);
        assert_true(status == CO_CORRUPT || status == CO_UNSUPPORTED);
        byte ^= 4;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        close(fd);
        co_arena_fini(&arena);
    }
    world_free(world);
}

static void limit_files(rlim_t bytes) {
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {bytes, RLIM_INFINITY};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A failed write: the whole batch fails, nothing follows until the end is certain again. */
static void failed_write_stops_the_log(void **state) {
    (void)state;
    struct world *world = world_new("always");
    assert_int_equal(world_open(world, NULL, NULL), CO_OK);
    for (uint64_t i = 0; i < 5; i++) assert_int_equal(append(world, 1 + i * 10, 10, 1000), CO_OK);
    limit_files(60 << 10); /* the first segment's size is 64 KiB */
    assert_int_equal(append(world, 51, 30, 1000), CO_IO);
    assert_non_null(strstr(world->error.text, "cannot"));
    assert_int_equal(last_of(world), 50);
    limit_files(RLIM_INFINITY);
    /* Still refused although the disk is well: what it holds behind entry 50 is unknown. */
    assert_int_equal(append(world, 51, 1, 10), CO_IO);
    read_all(world, 1000);
    assert_int_equal(journal_file_truncate_back(&world->journal, 50, NULL), CO_OK);
    assert_int_equal(append(world, 51, 5, 1000), CO_OK);
    assert_int_equal(last_of(world), 55);
    world_close(world);
    assert_int_equal(world_open(world, NULL, NULL), CO_OK);
    assert_int_equal(last_of(world), 55);
    read_all(world, 1000);
    world_free(world);
}

static void restart_repairs_too(void **state) {
    (void)state;
    struct world *world = world_new("always");
    assert_int_equal(world_open(world, NULL, NULL), CO_OK);
    for (uint64_t i = 0; i < 5; i++) assert_int_equal(append(world, 1 + i * 10, 10, 1000), CO_OK);
    limit_files(60 << 10);
    assert_int_equal(append(world, 51, 30, 1000), CO_IO);
    limit_files(RLIM_INFINITY);
    world_close(world);
    assert_int_equal(world_open(world, NULL, NULL), CO_OK);
    uint64_t last = last_of(world);
    assert_true(last >= 50 && last <= 80); /* a prefix of what was appended */
    read_all(world, 1000);
    assert_int_equal(append(world, last + 1, 30, 1000), CO_OK);
    world_free(world);
}

/* In a child, on a file system of 300 KiB. Exit codes: 0 good, 77 not allowed to mount, else the failed line. */
static int full_disk_child(void) {
#define need(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition)) return __LINE__ % 250 + 1;                                                                   \
    } while (0)
    struct world *world = world_new("always");
    if (mount("none", world->dir, "tmpfs", 0, "size=300k") != 0) {
        rmdir(world->dir);
        return 77;
    }
    need(world_open(world, NULL, NULL) == CO_OK);
    uint64_t last = 0;
    co_status status;
    while ((status = append(world, last + 1, 10, 1000)) == CO_OK && last < 10000) last += 10;
    need(status == CO_FULL);
    need(last >= 100);
    need(strstr(world->error.text, "No space left"));
    need(last_of(world) == last);
    need(journal_file_truncate_front(&world->journal, last - 20, NULL) == CO_OK); /* gives room back */
    need(journal_file_truncate_back(&world->journal, last, NULL) == CO_OK);
    need(append(world, last + 1, 10, 1000) == CO_OK);
    world_close(world);
    need(world_open(world, NULL, NULL) == CO_OK);
    need(last_of(world) == last + 10);
    world_close(world);
    world_wipe(world);
    umount(world->dir);
    world_free(world);
    return 0;
}

static void full_disk_says_so_and_recovers(void **state) {
    (void)state;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) _exit(77);
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
        _exit(full_disk_child());
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

struct crash_report {
    uint64_t acknowledged; /* highest index whose answer was OK */
    uint64_t handed;       /* highest index handed over */
};

struct crash_writer {
    struct journal_file *journal;
    struct crash_report *report;
    struct co_journal_entry entry;
    uint64_t number;
    uint8_t bytes[6000];
};

static void crash_done(void *arg, co_status status, const struct co_error *error);

static void crash_write(struct crash_writer *writer) {
    uint64_t index = ++writer->report->handed;
    size_t size = index * 37 % sizeof writer->bytes;
    memset(writer->bytes, (int)(index & 255), size);
    writer->entry = (struct co_journal_entry){.index = index, .term = index / 7, .data = co_bytes(writer->bytes, size)};
    journal_file_append(writer->journal, &writer->entry, 1, crash_done, writer);
}

static void crash_done(void *arg, co_status status, const struct co_error *error) {
    struct crash_writer *writer = arg;
    (void)error;
    if (status) _exit(1);
    if (writer->entry.index > writer->report->acknowledged) writer->report->acknowledged = writer->entry.index;
    crash_write(writer);
}

/* In a child of its own program run: threads do not survive a fork. */
static int crash_child(const char *dir, const char *report_path) {
    int fd = open(report_path, O_RDWR);
    struct crash_report *report = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    struct co_loop *loop = co_loop_new();
    static struct journal_file journal;
    struct journal_file_settings settings = {.segment_size = {256 << 10}, .compress_above = {4096}, .sync = "always"};
    if (journal_file_open(&journal, loop, NULL, dir, &settings, NULL)) return 2;
    uint64_t first, last;
    journal_file_bounds(&journal, &first, &last);
    if (last < report->acknowledged || last > report->handed) return 3;
    report->handed = report->acknowledged = last;
    static struct crash_writer writers[16];
    for (size_t i = 0; i < CO_COUNT(writers); i++) {
        writers[i].journal = &journal;
        writers[i].report = report;
        crash_write(&writers[i]);
    }
    for (;;) co_loop_turn(loop, 1000);
}

/* kill -9 at any moment: everything acknowledged is there, and nothing that was never handed over. */
static void killed_writer_loses_nothing(void **state) {
    (void)state;
    struct world *world = world_new("always");
    world->settings.segment_size.bytes = 256 << 10;
    char report_path[] = "/tmp/cohort-journal-report-XXXXXX";
    int fd = mkstemp(report_path);
    assert_int_equal(ftruncate(fd, sizeof(struct crash_report)), 0);
    struct crash_report *report = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    for (int round = 0; round < 8; round++) {
        uint64_t goal = report->acknowledged + 200 + co_random_below(500);
        pid_t child = fork();
        if (child == 0) {
            execl("/proc/self/exe", "journal_file_test", "crash", world->dir, report_path, (char *)NULL);
            _exit(4);
        }
        int status;
        uint64_t deadline = co_mono_ns() + 50 * (uint64_t)CO_SECOND;
        while (*(volatile uint64_t *)&report->acknowledged < goal && waitpid(child, &status, WNOHANG) == 0) {
            assert_true(co_mono_ns() < deadline);
            sched_yield();
        }
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        assert_true(report->acknowledged >= goal);
        assert_int_equal(world_open(world, NULL, NULL), CO_OK);
        uint64_t first, last;
        journal_file_bounds(&world->journal, &first, &last);
        assert_true(first == 1 && last >= report->acknowledged && last <= report->handed);
        for (uint64_t index = 1; index <= last; index++) {
            struct co_arena arena = CO_ARENA_INIT;
            struct co_journal_entry entry;
            assert_int_equal(journal_file_read(&world->journal, index, &arena, &entry, NULL), CO_OK);
            assert_int_equal(entry.term, index / 7);
            assert_int_equal(entry.data.size, index * 37 % 6000);
            for (size_t i = 0; i < entry.data.size; i++)
                assert_int_equal(((const uint8_t *)entry.data.data)[i], index & 255);
            co_arena_fini(&arena);
        }
        world_close(world);
    }
    munmap(report, sizeof *report);
    unlink(report_path);
    world_free(world);
}

static void unfinished_files_are_removed(void **state) {
    (void)state;
    struct world *world = world_new("always");
    assert_int_equal(world_open(world, NULL, NULL), CO_OK);
    assert_int_equal(append(world, 1, 3, 10), CO_OK);
    uint64_t salt;
    int fd;
    /* Died after making the next segment, and in the middle of the one after. */
    assert_int_equal(journal_file_segment_create(world->journal.dirfd, world->dir, 4, 65536, true, &salt, &fd, NULL),
                     CO_OK);
    close(fd);
    world_close(world);
    char path[128], temporary[160];
    path_of(world, 4, path);
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    close(open(temporary, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(world_open(world, NULL, NULL), CO_OK);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(access(temporary, F_OK), -1);
    assert_int_equal(last_of(world), 3);
    assert_int_equal(append(world, 4, 3, 10), CO_OK);
    world_free(world);
}

static void compresses_what_shrinks(void **state) {
    (void)state;
    struct world *world = world_new("never");
    world->settings.segment_size.bytes = 16 << 20;
    assert_int_equal(world_open(world, NULL, NULL), CO_OK);
    assert_int_equal(append(world, 1, 10, 200000), CO_OK);
    assert_true(world->journal.segments[0].end < 10 * 100000);
    read_all(world, 200000);
    world_free(world);
}

/* Memory for offsets stays small: one number per 64 entries. */
static void index_is_sparse(void **state) {
    (void)state;
    struct world *world = world_new("never");
    world->settings.segment_size.bytes = 16 << 20;
    assert_int_equal(world_open(world, NULL, NULL), CO_OK);
    for (uint64_t i = 0; i < 100; i++) assert_int_equal(append(world, 1 + i * 200, 200, 20), CO_OK);
    assert_int_equal(world->journal.segment_count, 1);
    assert_int_equal(world->journal.segments[0].sparse_count, (20000 + 63) / 64);
    world_close(world);
    assert_int_equal(world_open(world, NULL, NULL), CO_OK);
    assert_int_equal(world->journal.segments[0].sparse_count, (20000 + 63) / 64);
    world_free(world);
}

static void on_stopped(void *arg) {
    *(bool *)arg = true;
}

static void stop_waits_for_the_disk(void **state) {
    (void)state;
    struct world *world = world_new("always");
    assert_int_equal(world_open(world, NULL, NULL), CO_OK);
    struct co_journal_entry entry = {.index = 1, .term = 1, .data = co_bytes_text("x")};
    world->under_way++;
    journal_file_append(&world->journal, &entry, 1, on_done, world);
    bool is_stopped = false;
    journal_file_stop(&world->journal, on_stopped, &is_stopped);
    assert_false(is_stopped);
    while (!is_stopped) world_turn(world);
    assert_int_equal(world->under_way, 0);
    assert_int_equal(world->status, CO_OK);
    world_free(world);
}

int main(int argc, char **argv) {
    if (argc == 4 && strcmp(argv[1], "crash") == 0) return crash_child(argv[2], argv[3]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_disk_says_so_and_recovers), /* forks: before any thread of the pool exists */
        cmocka_unit_test(checksum_matches_rfc3720),
        cmocka_unit_test(conforms),
        cmocka_unit_test(conforms_with_fsync),
        cmocka_unit_test(lost_block_inside_last_batch_is_cut),
        cmocka_unit_test(lost_block_before_later_batch_is_refused),
        cmocka_unit_test(stored_record_bytes_are_not_records),
        cmocka_unit_test(missing_segment_is_refused),
        cmocka_unit_test(other_version_is_refused),
        cmocka_unit_test(damaged_meta_is_refused),
        cmocka_unit_test(failed_write_stops_the_log),
        cmocka_unit_test(restart_repairs_too),
        cmocka_unit_test(killed_writer_loses_nothing),
        cmocka_unit_test(unfinished_files_are_removed),
        cmocka_unit_test(compresses_what_shrinks),
        cmocka_unit_test(index_is_sparse),
        cmocka_unit_test(stop_waits_for_the_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
