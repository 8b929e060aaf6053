/* The terminal between ours and the container's: bytes in both directions, its size, and our own mode, which is put back on every path out. */
#include "relay.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define END_OF_FILE "\x04" /* ^D */
#define KILL_LINE "\x15" /* ^U */
#define REPEATS 8 /* not for ever: a program that shows what it is told would be told again */

static struct flow *flow_in(struct context *context) {
    return &context->relay.flows[0];
}

static struct flow *flow_out(struct context *context) {
    return &context->relay.flows[1];
}

/* The first of our standard streams that is a terminal; its size is the container's too. */
static int find_terminal(void) {
    for (int fd = 0; fd < 3; fd++)
        if (isatty(fd))
            return fd;
    return -1;
}

static void copy_size(struct context *context) {
    struct winsize size;
    int terminal = find_terminal();
    if (terminal >= 0 && ioctl(terminal, TIOCGWINSZ, &size) == 0)
        ioctl(context->relay.master, TIOCSWINSZ, &size);
}

static bool in_foreground(int terminal) {
    pid_t group = tcgetpgrp(terminal);
    return group < 0 || group == getpgrp();
}

/* Raw, so that ^C and the like reach the container as bytes. A job in the background touches no terminal before it is in the foreground. */
static void make_raw(struct context *context) {
    struct shared *shared = context->shared;
    struct termios mode;
    while (!in_foreground(STDIN_FILENO))
        kill(getpid(), SIGSTOP);
    if (tcgetattr(STDIN_FILENO, &mode) < 0)
        return;
    if (shared->terminal < 0)
        shared->mode = mode;
    shared->terminal = STDIN_FILENO;
    cfmakeraw(&mode);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &mode);
}

void relay_start(struct context *context, int master) {
    struct relay *relay = &context->relay;
    relay->master = master;
    fcntl(master, F_SETFL, fcntl(master, F_GETFL) | O_NONBLOCK);
    *flow_in(context) = (struct flow){.from = relay->input ? STDIN_FILENO : -1, .to = master};
    *flow_out(context) = (struct flow){.from = master, .to = STDOUT_FILENO};
    copy_size(context);
}

void relay_enter(struct context *context) {
    if (context->relay.master >= 0 && context->relay.input && isatty(STDIN_FILENO))
        make_raw(context);
}

void relay_restore(struct shared *shared) {
    if (shared->terminal < 0)
        return;
    tcsetattr(shared->terminal, TCSADRAIN, &shared->mode); /* not stopped by job control: SIGTTOU is blocked */
}

void relay_resume(struct context *context) {
    if (context->relay.master < 0)
        return;
    if (context->shared->terminal >= 0)
        make_raw(context);
    copy_size(context);
}

bool relay_takes(struct context *context, int number) {
    if (context->relay.master < 0)
        return false;
    if (number == SIGWINCH)
        copy_size(context);
    else if (number == SIGCONT)
        relay_resume(context);
    return number == SIGWINCH;
}

/* From each side we read only when what was read before is written: no buffer grows, and nobody is waited for in a write. */
void relay_poll(struct context *context, struct pollfd *polled) {
    for (int i = 0; i < RELAY_FDS; i++)
        polled[i] = (struct pollfd){.fd = -1};
    if (context->relay.master < 0)
        return;
    struct flow *in = flow_in(context);
    struct flow *out = flow_out(context);
    if (in->size == 0 && in->from >= 0)
        polled[0] = (struct pollfd){.fd = in->from, .events = POLLIN};
    if (out->size > 0)
        polled[1] = (struct pollfd){.fd = out->to, .events = POLLOUT};
    short master = (short)((in->size > 0 ? POLLOUT : 0) | (out->size == 0 && out->from >= 0 ? POLLIN : 0));
    if (master)
        polled[2] = (struct pollfd){.fd = context->relay.master, .events = master};
}

static void fill(struct flow *flow) {
    ssize_t got = read(flow->from, flow->data, sizeof flow->data);
    if (got > 0) {
        flow->size = (size_t)got;
        flow->at = 0;
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        flow->from = -1; /* EIO: nobody has the container's side open any more */
    }
}

static void drain(struct flow *flow) {
    ssize_t done = write(flow->to, flow->data + flow->at, flow->size);
    if (done < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (done < 0) { /* nobody reads: what comes is dropped, as a terminal would that was hung up */
        flow->size = 0;
        return;
    }
    flow->at += (size_t)done;
    flow->size -= (size_t)done;
}

static bool is_raw(int terminal) {
    struct termios mode;
    return tcgetattr(terminal, &mode) == 0 && !(mode.c_lflag & ICANON);
}

/* Our input has ended: the container's line discipline is told so, or, on an empty line, who edits lines himself. */
static void end_input(struct context *context) {
    struct flow *in = flow_in(context);
    context->relay.ended = true;
    context->relay.ended_raw = is_raw(context->relay.master);
    const char *words = context->relay.ended_raw ? KILL_LINE END_OF_FILE : END_OF_FILE;
    in->at = 0;
    in->size = strlen(words);
    memcpy(in->data, words, in->size);
}

/* A shell that edits its line changes the mode, in which an end of file that waits becomes a NUL on that line: whoever changes the mode is told
 * again. What we wrote may have met another mode than we saw: whoever says something while he edits is told a few times more. */
static void end_input_again(struct context *context, bool said) {
    if (!context->relay.ended || flow_in(context)->size > 0)
        return;
    bool raw = is_raw(context->relay.master);
    bool changed = raw != context->relay.ended_raw;
    if (!changed && (!said || !raw || context->relay.repeated == REPEATS))
        return;
    context->relay.repeated += !changed;
    end_input(context);
}

void relay_handle(struct context *context, const struct pollfd *polled) {
    struct flow *in = flow_in(context);
    struct flow *out = flow_out(context);
    if (polled[0].fd >= 0 && polled[0].revents) {
        fill(in);
        if (in->from < 0)
            end_input(context);
    }
    if (polled[1].fd >= 0 && polled[1].revents)
        drain(out);
    if (polled[2].fd < 0)
        return;
    if ((polled[2].revents & (POLLIN | POLLHUP | POLLERR)) && out->size == 0 && out->from >= 0) {
        fill(out);
        end_input_again(context, true);
    }
    if ((polled[2].revents & (POLLOUT | POLLHUP | POLLERR)) && in->size > 0) {
        drain(in);
        end_input_again(context, false);
    }
}

/* Somebody wants us to go at once. */
static bool told_to_end(int signals) {
    struct signalfd_siginfo info;
    while (read(signals, &info, sizeof info) == sizeof info)
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT || info.ssi_signo == SIGHUP || info.ssi_signo == SIGQUIT)
            return true;
    return false;
}

void relay_finish(struct context *context, int patience) {
    struct flow *out = flow_out(context);
    if (context->relay.master < 0)
        return;
    for (;;) {
        if (out->size == 0 && out->from >= 0)
            fill(out);
        if (out->size == 0)
            return; /* drained: EIO, or nothing there although all writers are dead */
        struct pollfd polled[] = {{.fd = out->to, .events = POLLOUT}, {.fd = context->monitor.signals, .events = POLLIN}};
        if (poll(polled, 2, patience) <= 0 || (polled[1].revents && told_to_end(context->monitor.signals)))
            return;
        if (polled[0].revents)
            drain(out);
    }
}
