/* What the commands share: flags, one HTTP call at a time, aligned tables. One process runs one command and ends, so memory lives in
 * one arena until then. */
#ifndef COHORT_CLI_H
#define COHORT_CLI_H

#include "cohort/arena.h"
#include "cohort/buffer.h"
#include "cohort/command.h"
#include "cohort/schema.h"
#include "cohort/tree.h"

enum cli_flag_kind { CLI_BOOL, CLI_TEXT, CLI_LIST, CLI_NUMBER };

struct cli_flag {
    const char *name;
    enum cli_flag_kind kind;
    void *out;            /* bool * | const char ** | struct co_strings * | uint64_t * */
    const char *argument; /* shown in the help: "string"; NULL for bool */
    const char *help;
};

struct cli {
    struct co_arena arena;
    const struct co_command *command;
    int argc; /* what is left behind the flags */
    char **argv;
    /* Options of every command that calls the agent. */
    const char *http_addr, *token, *token_file, *datacenter, *ca_file, *ca_path, *client_cert, *client_key,
        *tls_server_name, *format;
    bool stale;
    bool is_json; /* -format=json */
};

struct cli_answer {
    long status;
    struct co_bytes body; /* NUL follows */
};

/* Parses flags (Go's rules: -x, --x, -x=v, -x v; they end at the first other word). False: the command ends with *code. */
bool cli_begin(struct cli *, const struct co_command *, int argc, char **argv, const struct cli_flag *,
               size_t flag_count, int *code);
int cli_end(struct cli *, int code);
/* False after having printed "Too many arguments (expected 0, got 1)". */
bool cli_arguments_at_most(struct cli *, int count);

/* Calls the agent. `path` is escaped already; dc and stale are added. False: `prefix: reason` was printed to standard error. A status
 * other than 2xx is a failure as well, unless it is `accept`. */
bool cli_call(struct cli *, const char *method, const char *path, struct co_bytes body, long accept, const char *prefix,
              struct cli_answer *);
struct co_node *cli_call_json(struct cli *, const char *path,
                              const char *prefix); /* GET; NULL after an error was printed */
const char *cli_escape(struct cli *, const char *text, bool keep_slashes);
const char *cli_query(struct cli *, const char *path, const char *name,
                      const char *value); /* path with ?name=value added */

/* Rows of cells, padded to columns. */
struct cli_table {
    const char **cells;
    size_t columns, count;
};
void cli_table_row(struct cli *, struct cli_table *, const char *const *cells, size_t columns);
void cli_table_print(const struct cli_table *, size_t padding, bool trailing_blanks);
/* "k=v, k2=v2" of an object, sorted. */
const char *cli_pairs(struct cli *, const struct co_node *object, const char *separator);
void cli_print_json(struct cli *, const struct co_node *);
int cli_compare_text(const void *a, const void *b); /* for qsort of const char * */

int cli_group(const struct co_command *, int argc, char **argv);
int cli_kv_get(const struct co_command *, int argc, char **argv);
int cli_kv_put(const struct co_command *, int argc, char **argv);
int cli_kv_delete(const struct co_command *, int argc, char **argv);
int cli_kv_export(const struct co_command *, int argc, char **argv);
int cli_kv_import(const struct co_command *, int argc, char **argv);
int cli_catalog_datacenters(const struct co_command *, int argc, char **argv);
int cli_catalog_nodes(const struct co_command *, int argc, char **argv);
int cli_catalog_services(const struct co_command *, int argc, char **argv);
int cli_services_register(const struct co_command *, int argc, char **argv);
int cli_services_deregister(const struct co_command *, int argc, char **argv);
int cli_members(const struct co_command *, int argc, char **argv);
int cli_info(const struct co_command *, int argc, char **argv);
int cli_reload(const struct co_command *, int argc, char **argv);
int cli_leave(const struct co_command *, int argc, char **argv);
int cli_maint(const struct co_command *, int argc, char **argv);

/* Reads a value: "@file", "-" (standard input) or the text itself. False after an error was printed. */
bool cli_value(struct cli *, const char *text, struct co_bytes *out);
bool cli_read_file(struct cli *, const char *path, struct co_bytes *out, struct co_error *); /* "-": standard input */

extern const struct co_command cli_commands[];
extern const size_t cli_command_count;

#endif
