/* What the rest of the agent may ask: who leads, how far, and whether a read may trust the state. */
#include "solo.h"

#include <stdio.h>

void solo_write_address(struct solo *solo, const struct co_agent_settings *agent) {
    bool is_v6 = strchr(agent->advertise_addr, ':') != NULL;
    snprintf(solo->address, sizeof solo->address, is_v6 ? "[%s]:%d" : "%s:%d", agent->advertise_addr,
             agent->ports.server);
}

static void status(void *self, struct co_consensus_status *out) {
    struct solo *solo = self;
    static const char *const names[] = {"Follower", "Candidate", "Leader"};
    bool is_leader = solo->role == SOLO_LEADER;
    uint64_t applied = solo->ctx ? co_state_applied(solo->ctx) : 0;
    *out = (struct co_consensus_status){.is_leader = is_leader,
                                        .has_leader = is_leader,
                                        .leader_address = is_leader ? solo->address : "",
                                        .state = names[solo->role],
                                        .term = solo->term,
                                        .last_index = solo->last > applied ? solo->last : applied,
                                        .commit_index = applied,
                                        .voters = 1};
}

/* A write is acknowledged by being applied here: the state holds them all while nobody else can lead. */
static void confirm(void *self, void (*done)(void *arg, co_status), void *arg) {
    struct solo *solo = self;
    done(arg, solo->role == SOLO_LEADER ? CO_OK : CO_NO_LEADER);
}

static void peers(void *self, struct co_arena *arena, const char ***out, size_t *count) {
    struct solo *solo = self;
    *out = co_arena_array(arena, const char *, 1);
    (*out)[0] = co_arena_strdup(arena, solo->address);
    *count = 1;
}

const struct co_consensus_ops solo_ops = {
    .propose = solo_propose, .status = status, .confirm = confirm, .peers = peers};
