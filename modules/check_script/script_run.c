/* One process: started in its own group with an empty stdin, watched through a pidfd, killed as a group, always reaped.
 * It knows nothing of health. The group is killed before its leader is reaped, so that the id cannot have become
 * somebody else's in between. */
#include "check_script.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void reap(struct script_run *run, int flags) {
    struct check_script *owner = run->owner;
    int status = 0;
    pid_t pid;
    do pid = waitpid(run->pid, &status, flags);
    while (pid < 0 && errno == EINTR);
    run->pid = 0;
    run->owner = NULL;
    script_run_free(run);
    if (owner) check_script_reaped(owner, status);
}

static void exited(void *arg, unsigned events) {
    struct script_run *run = arg;
    (void)events;
    if (run->owner) check_script_exited(run->owner);
    reap(run, 0);
}

static int spawn(const char *const *argv, int write_fd, pid_t *pid) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    int error;
    sigemptyset(&none);
    sigfillset(&all);
    sigdelset(&all, SIGKILL);
    sigdelset(&all, SIGSTOP);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, write_fd, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, write_fd, STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    error = posix_spawnp(pid, argv[0], &files, &attributes, (char *const *)(uintptr_t)argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return error;
}

int script_run_start(struct check_script *owner, const char *const *argv, int *output_fd) {
    struct script_run *run;
    int ends[2], error;
    if (pipe2(ends, O_CLOEXEC)) return errno;
    run = co_calloc(1, sizeof *run);
    run->loop = owner->env.loop;
    run->pidfd = -1;
    error = spawn(argv, ends[1], &run->pid);
    close(ends[1]);
    if (!error) {
        run->pidfd = pidfd_open(run->pid, 0);
        if (run->pidfd < 0) { /* No pidfd: end it now rather than lose sight of it. */
            error = errno;
            kill(-run->pid, SIGKILL);
            waitpid(run->pid, NULL, 0);
        }
    }
    if (error) {
        close(ends[0]);
        free(run);
        return error;
    }
    fcntl(run->pidfd, F_SETFD, FD_CLOEXEC);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    run->link = &owner->module->runs;
    run->next = *run->link;
    if (run->next) run->next->link = &run->next;
    *run->link = run;
    run->owner = owner;
    run->exit_io = co_io_new(run->loop, run->pidfd, exited, run);
    co_io_watch(run->exit_io, CO_IO_READ);
    owner->run = run;
    *output_fd = ends[0];
    return 0;
}

void script_run_kill(struct script_run *run) {
    if (run->pid > 0) kill(-run->pid, SIGKILL);
}

void script_run_free(struct script_run *run) {
    if (run->pid > 0) waitpid(run->pid, NULL, 0);
    if (run->exit_io) co_io_free(run->exit_io);
    if (run->pidfd >= 0) close(run->pidfd);
    *run->link = run->next;
    if (run->next) run->next->link = run->link;
    free(run);
}
