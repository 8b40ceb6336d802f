/* What the files of check_script share. */
#ifndef CHECK_SCRIPT_H
#define CHECK_SCRIPT_H

#include "cohort/checker.h"

#include <sys/types.h>

#define CHECK_SCRIPT_ARGS_MAX   256
#define CHECK_SCRIPT_READ_SIZE  (64u << 10) /* bytes read in one turn of the loop */
#define CHECK_SCRIPT_FREE_BYTES (1u << 20)  /* a script that writes more is read slowly */
#define CHECK_SCRIPT_REST_MS    20

struct check_script_settings {
    struct co_strings args;
};

/* A process, from its start until it is reaped: it outlives a cancelled probe, and even the check. */
struct script_run {
    struct script_run *next, **link; /* in the module's list */
    struct co_loop *loop;
    pid_t pid;
    int pidfd;
    struct co_io *exit_io;
    struct check_script *owner; /* NULL: cancelled, only to be reaped */
};

struct check_script_module {
    struct script_run *runs;
};

struct check_script {
    struct co_checker_env env;
    struct check_script_module *module;
    char **argv;
    struct co_probe *probe;
    struct script_run *run;
    int output_fd;
    struct co_io *output_io;
    struct co_timer rest;
    bool is_at_end; /* nobody holds the writing end any more */
    char *kept;     /* a ring of the newest output_max bytes */
    uint64_t written;
};

extern const struct co_schema check_script_schema;
co_status check_script_open(const struct co_checker_env *, void *state, const void *settings, struct co_error *);
void check_script_probe(void *state, struct co_probe *);
void check_script_cancel(void *state);
void check_script_close(void *state);

/* script_run.c: starts argv in a process group of its own, its output in `output_fd`. Returns errno, 0 when it runs. */
int script_run_start(struct check_script *, const char *const *argv, int *output_fd);
/* Kills the whole group, whoever in it still lives. The process itself is reaped later. */
void script_run_kill(struct script_run *);
void script_run_free(struct script_run *);
/* check_script.c: the process has ended and is not reaped yet. */
void check_script_exited(struct check_script *);
/* check_script.c: how it ended. */
void check_script_reaped(struct check_script *, int status);

#endif
