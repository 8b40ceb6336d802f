/* Output: aligned tables for people, JSON for programs; and where values are read from. */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FILE_MAX = 64 << 20 };

void cli_table_row(struct cli *cli, struct cli_table *table, const char *const *cells, size_t columns) {
    if (!table->columns) table->columns = columns;
    const char **grown = co_arena_array(&cli->arena, const char *, (table->count + 1) * columns);
    if (table->count) memcpy(grown, table->cells, table->count * columns * sizeof *grown);
    for (size_t i = 0; i < columns; i++) grown[table->count * columns + i] = cells[i] ? cells[i] : "";
    table->cells = grown;
    table->count++;
}

void cli_table_print(const struct cli_table *table, size_t padding, bool trailing_blanks) {
    for (size_t row = 0; row < table->count; row++) {
        const char *const *cells = table->cells + row * table->columns;
        for (size_t column = 0; column < table->columns; column++) {
            size_t width = 0;
            for (size_t i = 0; i < table->count; i++) {
                size_t size = strlen(table->cells[i * table->columns + column]);
                if (size > width) width = size;
            }
            bool is_last = column + 1 == table->columns;
            if (is_last)
                fputs(cells[column], stdout);
            else
                printf("%-*s", (int)(width + padding), cells[column]);
            if (is_last && !trailing_blanks) continue;
        }
        putchar('\n');
    }
}

int cli_compare_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *cli_pairs(struct cli *cli, const struct co_node *object, const char *separator) {
    if (!object || object->kind != CO_NODE_OBJECT) return "";
    const char **pairs = co_arena_array(&cli->arena, const char *, object->count + 1);
    size_t count = 0;
    for (const struct co_entry *entry = object->entries; entry; entry = entry->next)
        pairs[count++] =
            co_arena_printf(&cli->arena, "%s=%s", entry->key,
                            entry->value->kind == CO_NODE_STRING ? (const char *)entry->value->text.data : "");
    qsort(pairs, count, sizeof *pairs, cli_compare_text);
    struct co_buffer out = {0};
    for (size_t i = 0; i < count; i++) co_buffer_printf(&out, "%s%s", i ? separator : "", pairs[i]);
    const char *text = co_arena_strdup(&cli->arena, co_buffer_text(&out));
    co_buffer_fini(&out);
    return text;
}

void cli_print_json(struct cli *cli, const struct co_node *node) {
    (void)cli;
    struct co_buffer compact = {0}, out = {0};
    co_tree_write_json(&compact, node);
    co_json_indent(co_bytes(compact.data, compact.size), &out);
    puts(co_buffer_text(&out));
    co_buffer_fini(&compact);
    co_buffer_fini(&out);
}

bool cli_read_file(struct cli *cli, const char *path, struct co_bytes *out, struct co_error *error) {
    int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        co_fail_errno(error, errno, "open %s", path);
        return false;
    }
    struct co_buffer text = {0};
    ssize_t got;
    while ((got = read(fd, co_buffer_room(&text, 65536), 65536)) > 0 && text.size < FILE_MAX) text.size += (size_t)got;
    if (fd != STDIN_FILENO) close(fd);
    bool is_read = got == 0;
    if (got < 0) co_fail_errno(error, errno, "read %s", path);
    if (got > 0) co_fail(error, CO_TOO_LARGE, "%s is over %d bytes", path, FILE_MAX);
    *out = co_bytes(co_arena_text(&cli->arena, text.data, text.size), text.size);
    co_buffer_fini(&text);
    return is_read;
}

bool cli_value(struct cli *cli, const char *text, struct co_bytes *out) {
    struct co_error error;
    bool is_stdin = strcmp(text, "-") == 0;
    if (text[0] != '@' && !is_stdin) {
        *out = co_bytes_text(text);
        return true;
    }
    if (cli_read_file(cli, is_stdin ? "-" : text + 1, out, &error)) return true;
    fprintf(stderr, "Error! Failed to read file: %s\n", error.text);
    return false;
}
