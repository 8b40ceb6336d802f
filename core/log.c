/* Log lines as text or JSON, to standard output or a file. One write per line, so that lines of several threads and
 * processes do not mix. Knows nothing of what is logged. */
#include "core.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 8192 };

/* Stands for the blanks between fields while values are formatted. Random, so that no value can hold it and forge a field. */
static char separator[12];
__attribute__((constructor)) static void separator_init(void) {
    uint8_t raw[sizeof separator - 1];
    co_random_bytes(raw, sizeof raw);
    for (size_t i = 0; i < sizeof raw; i++)
        separator[i] = (char)(raw[i] % 31 + 1); /* no NUL, no conversion, no blank */
}

struct co_log {
    struct co_log *next;
    char name[64];
};

static struct {
    pthread_mutex_t lock;
    struct co_log *logs;
    _Atomic int level;
    bool json;
    int fd;
} sink = {.lock = PTHREAD_MUTEX_INITIALIZER, .level = CO_LOG_INFO, .fd = STDOUT_FILENO};

static const char *const level_names[] = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR"};

bool co_log_level_parse(const char *text, enum co_log_level *out) {
    for (size_t i = 0; i < CO_COUNT(level_names); i++)
        if (strcasecmp(text, level_names[i]) == 0) return *out = (enum co_log_level)i, true;
    if (strcasecmp(text, "err") == 0) return *out = CO_LOG_ERROR, true;
    return false;
}

bool co_log_set_level(const char *text) {
    enum co_log_level level;
    if (!co_log_level_parse(text, &level)) return false;
    sink.level = (int)level;
    return true;
}

co_status co_log_open(const struct co_log_settings *settings, struct co_error *error) {
    const char *level = settings->level && settings->level[0] ? settings->level : "info";
    if (!co_log_set_level(level))
        return co_fail(error, CO_INVALID, "log_level \"%s\" is not known; use trace, debug, info, warn or error",
                       level);
    sink.json = settings->json;
    if (!settings->file || !settings->file[0]) return CO_OK;
    int fd = open(settings->file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (fd < 0) return co_fail_errno(error, errno, "cannot open log_file %s", settings->file);
    if (sink.fd != STDOUT_FILENO) close(sink.fd);
    sink.fd = fd;
    return CO_OK;
}

void co_log_close(void) {
    pthread_mutex_lock(&sink.lock);
    if (sink.fd != STDOUT_FILENO) close(sink.fd);
    sink.fd = STDOUT_FILENO;
    while (sink.logs) {
        struct co_log *log = sink.logs;
        sink.logs = log->next;
        free(log);
    }
    pthread_mutex_unlock(&sink.lock);
}

struct co_log *co_log_named(const char *name) {
    pthread_mutex_lock(&sink.lock);
    struct co_log *log = sink.logs;
    while (log && strcmp(log->name, name) != 0) log = log->next;
    if (!log) {
        log = co_calloc(1, sizeof *log);
        snprintf(log->name, sizeof log->name, "%s", name);
        log->next = sink.logs;
        sink.logs = log;
    }
    pthread_mutex_unlock(&sink.lock);
    return log;
}

bool co_log_wants(const struct co_log *log, enum co_log_level level) {
    (void)log;
    return (int)level >= sink.level;
}

/* The value bare when it reads as one word, else in double quotes with \n, \" and other controls escaped. */
static void add_value(struct co_buffer *line, const char *value) {
    bool bare = value[0] != '\0';
    for (const char *c = value; *c && bare; c++) bare = (unsigned char)*c > ' ' && *c != '"' && *c != '\x7f';
    if (bare) {
        co_buffer_add_text(line, value);
        return;
    }
    co_buffer_add_byte(line, '"');
    for (const char *c = value; *c; c++) {
        if (*c == '"' || *c == '\\')
            co_buffer_printf(line, "\\%c", *c);
        else if (*c == '\n')
            co_buffer_add_text(line, "\\n");
        else if ((unsigned char)*c < ' ' || *c == '\x7f')
            co_buffer_printf(line, "\\x%02x", (unsigned char)*c);
        else
            co_buffer_add_byte(line, (uint8_t)*c);
    }
    co_buffer_add_byte(line, '"');
}

static void add_fields(struct co_buffer *line, char *fields) {
    for (char *field = fields, *next; field; field = next) {
        next = strstr(field, separator);
        if (next) {
            *next = '\0';
            next += sizeof separator - 1;
        }
        char *equals = strchr(field, '=');
        if (!equals) continue;
        *equals = '\0';
        if (sink.json) {
            co_buffer_add_byte(line, ',');
            co_buffer_add_json_string(line, field, strlen(field));
            co_buffer_add_byte(line, ':');
            co_buffer_add_json_string(line, equals + 1, strlen(equals + 1));
        } else {
            co_buffer_printf(line, " %s=", field);
            add_value(line, equals + 1);
        }
    }
}

void co_log_write(struct co_log *log, enum co_log_level level, const char *message, const char *fields, ...) {
    if (!co_log_wants(log, level)) return;
    char format[1024], values[LINE_MAX_BYTES];
    size_t used = 0;
    for (const char *c = fields; *c && used + sizeof separator < sizeof format; c++) {
        size_t size = *c == ' ' ? sizeof separator - 1 : 1;
        memcpy(format + used, *c == ' ' ? separator : c, size);
        used += size;
    }
    format[used] = '\0';
    va_list args;
    va_start(args, fields);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    vsnprintf(values, sizeof values, format, args); /* the caller's format was checked at the call */
#pragma GCC diagnostic pop
    va_end(args);

    int64_t now = co_wall_ns();
    time_t seconds = now / CO_SECOND;
    struct tm utc;
    gmtime_r(&seconds, &utc);
    char stamp[40];
    size_t date = strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(stamp + date, sizeof stamp - date, ".%03dZ", (int)(now % CO_SECOND / CO_MILLISECOND));

    const char *name = log ? log->name : "agent";
    struct co_buffer line = {0};
    if (sink.json) {
        co_buffer_add_text(&line, "{\"@level\":\"");
        for (const char *c = level_names[level]; *c; c++) co_buffer_add_byte(&line, (uint8_t)(*c | 0x20));
        co_buffer_printf(&line, "\",\"@timestamp\":\"%s\",\"@module\":\"%s\",\"@message\":", stamp, name);
        co_buffer_add_json_string(&line, message, strlen(message));
        add_fields(&line, values);
        co_buffer_add_text(&line, "}\n");
    } else {
        co_buffer_printf(&line, "%s [%s]%s %s: %s%s", stamp, level_names[level],
                         strlen(level_names[level]) < 5 ? " " : "", name, message, values[0] ? ":" : "");
        add_fields(&line, values);
        co_buffer_add_byte(&line, '\n');
    }
    ssize_t wrote = write(sink.fd, line.data, line.size); /* a log that cannot be written has nowhere to complain */
    (void)wrote;
    co_buffer_fini(&line);
}

bool co_log_limit_pass(struct co_log_limit *limit, uint64_t now_ms, uint64_t *held) {
    if (limit->last_ms && now_ms < limit->last_ms + 1000) {
        limit->held++;
        return false;
    }
    limit->last_ms = now_ms ? now_ms : 1;
    *held = limit->held;
    limit->held = 0;
    return true;
}
