/* check_ttl against the suite of all checkers: a passive one, so only its descriptor. */
#include "conformance/checker.h"

#include "core.h"

#include <poll.h>
extern const struct co_module check_ttl_LTX_cohort_module;

static void turn(void *arg) {
    co_loop_turn(arg, 0);
    poll(NULL, 0, 1);
}

int main(void) {
    struct co_loop *loop = co_loop_new();
    const struct co_checker_world world = {
        .module = &check_ttl_LTX_cohort_module, .loop = loop, .log = co_log_named("test"), .arg = loop, .turn = turn};
    int failures = co_conformance_checker(&world);
    co_loop_free(loop);
    return failures ? 1 : 0;
}
