/* What the files behind the `cohort` program share: running an agent, its data directory, its flags, the commands. */
#ifndef COHORT_AGENT_PRIVATE_H
#define COHORT_AGENT_PRIVATE_H

#include "conf.h"

/* --- agent.c --- */
/* Runs an agent until it is told to stop. Messages for people go to standard error. Returns the exit code. */
CO_EXPORT int co_agent_run(const struct co_conf_input *);
/* The same for tests: `running` is called on the loop once everything has started; it may call co_agent_stop. */
CO_EXPORT int co_agent_run_with(const struct co_conf_input *, void (*running)(void *arg, struct co_ctx *), void *arg);

CO_EXPORT extern unsigned co_agent_stop_deadline_ms; /* for each module; tests make it short */

/* --- datadir.c --- */
struct co_datadir {
    int lock_fd;
};
#define CO_DATADIR_LAYOUT 1
/* Makes the directory if need be, locks it, checks its layout. */
CO_EXPORT co_status co_datadir_open(struct co_datadir *, const char *path, struct co_error *);
CO_EXPORT void co_datadir_close(struct co_datadir *);
/* The node's id: `configured` (kept from now on), the one kept before, or a new one. */
CO_EXPORT co_status co_datadir_node_id(const char *path, const char *configured, char out[37], struct co_error *);
/* Replaces a small file atomically. */
CO_EXPORT co_status co_file_replace(const char *path, struct co_bytes, unsigned mode, struct co_error *);
/* Reads a small file whole (at most size - 1 bytes), NUL-terminated, final blanks cut off. CO_NOT_FOUND when it is missing. */
CO_EXPORT co_status co_file_read(const char *path, char *out, size_t size, struct co_error *);

/* --- flags.c --- */
/* Reads the flags of `cohort agent` (argv[0] is not looked at). Returns CO_INVALID with a message, or CO_CANCELLED when help
 * was asked for. Everything lives in the arena. */
CO_EXPORT co_status co_flags_parse(struct co_arena *, int argc, char **argv, struct co_conf_input *out,
                                   struct co_error *);
CO_EXPORT void co_flags_help(struct co_buffer *out);

/* --- cmd_*.c: commands of the program itself --- */
#include "cohort/command.h"
CO_EXPORT extern const struct co_command co_commands[];
CO_EXPORT extern const size_t co_command_count;
int co_cmd_agent(const struct co_command *, int argc, char **argv);
int co_cmd_validate(const struct co_command *, int argc, char **argv);
CO_EXPORT int co_cmd_version(const struct co_command *, int argc, char **argv);
int co_cmd_modules(const struct co_command *, int argc, char **argv);

#endif
