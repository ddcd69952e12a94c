/*
 * Waiting for QEMU, and for what it leaves running
 *
 * Copyright (c) 2026 qemu-iommufd developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include "run.h"

/* What other programs, or a terminal, send to QEMU */
static const int passed_on[] = {
    SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGTERM, SIGCONT, SIGWINCH,
};

/* How this program was called, for QEMU */
static sigset_t mask_before;
static struct sigaction child_before;
static struct sigaction pipe_before;

static void signals_waited_for(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGCHLD);
    for (size_t i = 0; i < G_N_ELEMENTS(passed_on); i++) {
        sigaddset(set, passed_on[i]);
    }
}

void supervise_begin(void)
{
    const struct sigaction ends = { .sa_handler = SIG_DFL };
    const struct sigaction ignored = { .sa_handler = SIG_IGN };
    sigset_t set;

    signals_waited_for(&set);
    sigprocmask(SIG_BLOCK, &set, &mask_before);
    /* Nobody could be waited for if the caller ignores it */
    sigaction(SIGCHLD, &ends, &child_before);
    /* Who reads the messages may go, but what was taken is given back */
    sigaction(SIGPIPE, &ignored, &pipe_before);
}

void supervise_end(void)
{
    sigaction(SIGCHLD, &child_before, NULL);
    sigaction(SIGPIPE, &pipe_before, NULL);
    sigprocmask(SIG_SETMASK, &mask_before, NULL);
}

/* What a QEMU in the background has become */
static void pass_on_to_children(int signo)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) pids = NULL;

    if (!g_file_get_contents("/proc/thread-self/children", &text, NULL,
                             NULL)) {
        return;
    }
    pids = g_strsplit(text, " ", -1);
    for (char **pid = pids; *pid; pid++) {
        if (g_ascii_isdigit(**pid)) {
            kill(g_ascii_strtoll(*pid, NULL, 10), signo);
        }
    }
}

pid_t supervise_start(Run *run, ProcessFunc *func)
{
    pid_t child;

    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    child = fork();
    if (child < 0) {
        run_error(errno, "cannot start a process");
    }
    if (!child) {
        _exit(func(run));
    }
    return child;
}

int supervise_wait(pid_t child, bool left_terminal, bool all)
{
    sigset_t set;
    siginfo_t info;
    int result = 0;
    int sent = 0;

    signals_waited_for(&set);
    for (;;) {
        int status;
        pid_t pid = waitpid(all ? -1 : child, &status, WNOHANG);

        if (pid < 0) {
            return result;
        }
        if (pid && pid == child) {
            result = status;
            child = 0;
            /* One that was about to go into the background took it along */
            if (sent && all) {
                pass_on_to_children(sent);
            }
        }
        if (pid && !all) {
            return result;
        }
        if (pid || sigwaitinfo(&set, &info) < 0 || info.si_signo == SIGCHLD) {
            continue;
        }
        if (!child) {
            pass_on_to_children(info.si_signo);
        } else if (left_terminal || info.si_code <= 0) {
            /* What a terminal sends goes to all of its processes anyway */
            kill(child, info.si_signo);
            sent = info.si_signo;
        }
    }
}

int supervise_mirror(int status)
{
    struct rlimit no_core = { };
    sigset_t set;

    if (!WIFSIGNALED(status)) {
        return WEXITSTATUS(status);
    }
    setrlimit(RLIMIT_CORE, &no_core);
    signal(WTERMSIG(status), SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, WTERMSIG(status));
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    raise(WTERMSIG(status));
    return 128 + WTERMSIG(status);
}
