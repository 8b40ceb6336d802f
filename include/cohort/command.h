/* Commands: what `cohort NAME ...` does. Offered with CO_OFFER_COMMANDS. Runs in a process of its own, without an agent. */
#ifndef COHORT_COMMAND_H
#define COHORT_COMMAND_H

#include "base.h"

struct co_command {
    const char *name;    /* "kv get"; a one-word name may have sub-commands */
    const char *summary; /* one line */
    const char *help;    /* the whole page, or NULL: made from summary and flags by the command itself */
    int (*run)(const struct co_command *, int argc,
               char **argv); /* argv[0] is the last word of the name; returns the exit code */
};

#endif
