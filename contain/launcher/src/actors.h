/* The processes of a run: host (later the monitor), guardian, joiner, init. */
#ifndef ACTORS_H
#define ACTORS_H

#include "channel.h"

/* main.c: the whole program; also what the front (`contain`) becomes. */
int launcher_main(int argc, char **argv);

/* host.c: everything up to the program's execve, from the host's side. 0, or -1 with context->report. */
int host_start(struct context *context);
/* The part of it in which host and init take turns. */
int host_stages(struct context *context);
/* Answers what init asks; init is not trusted. */
void host_answer(struct context *context, const struct message *asked, int fd);
/* child.c: what joiner and init do. They never return. */
noreturn void joiner_main(struct context *context);
noreturn void init_main(struct context *context);
/* child.c: whether init goes on to the program without a word of the host: our PID 1 tells what happens, and no terminal is to be prepared. */
bool starts_alone(const struct context *context);
/* Gives back what only the set-up used of the stack: whoever waits keeps no memory for it. */
void release_stack(void);
/* Before anything is touched: our tables stay what is used of them. */
void refuse_huge_pages(void);
/* The same of the environment: for whoever starts no program any more. */
void release_environment(void);
/* From here on our process ends with the monitor; at once when that is gone already, or does not stay. */
void bind_to_monitor(const struct context *context);
/* reaper.c: our PID 1, when `watch.init`. SIGNAL_END from outside (si_pid 0) makes it kill and reap all, so that the accounting is whole. */
#define SIGNAL_END 63
void forget_caller(char **words);
noreturn void reaper_main(struct context *context, pid_t program);

/* watch.c: what must be ready before the first change on the host: signals, parent. 0 or -1. */
int watch_prepare(struct context *context);
/* Descriptors whose readiness means that the run is to end; for whoever waits for something else meanwhile. Returns how many (at most 5). */
int watch_abort_fds(const struct context *context, int fds[5]);

/* At a tick: whether the limit of processor time was reached. */
bool watch_processor_time(struct context *context);

/* denied.c: takes a refused call and, with `answer`, lets it fail. Whether there was one. */
bool denied_take(struct context *context, bool answer);
/* A line for each, where nobody reads records. */
void denied_print(const struct context *context);

/* monitor.c: until the channel has a message. 0, or -1 with context->report when the run is to end. */
int monitor_await(struct context *context);
/* For whoever waits for a hook: handles a signal that came, or what watch_abort_fds() saw. Whether the run is to end (context->report says
 * why, or the loop will). */
bool monitor_take_signal(struct context *context);
void monitor_abort(struct context *context);
/* Waits for the container to end; returns the exit code, or -1 with context->report. */
int monitor_run(struct context *context);
/* Waits for children that ended; with `block` for the next one. Only where nobody waits for a certain one. Whether there was one. */
bool monitor_reap(struct context *context, bool block);

/* guardian.c */
int guardian_start(struct context *context);
void guardian_dismiss(struct context *context);

/* operations/state.c: waits for our turn to change the container, which is ours until we end; notes when it is gone already. */
void take_last_turn(struct context *context);

/* teardown.c: kills what is left of the container and undoes what was armed; monitor or guardian, whoever is left. */
void teardown(struct context *context);
int exit_code(int status);
/* The end of a run that was not left alone: teardown, then what there is to say. `code` -1: context->report says why. Returns the exit code. */
int finish(struct context *context, int code);

/* explain.c: the first line of a failure, then the program that explains it. Returns the exit code. */
int explain(struct context *context);
/* Lets that program name the system calls that the filter refused; comes back when there is none. */
void explain_denied(struct context *context);
/* record.c: what a library reads. */
enum record_type { RECORD_HELLO = 1, RECORD_STARTED, RECORD_RESULT, RECORD_LENT };
void record_send(struct context *context, enum record_type type, int fd);
/* lend.c: gives descriptors to the library; the process goes on. 0, or -1 with context->report. */
int lend(struct context *context, const int *fds, int count);
size_t record_write(const struct context *context, enum record_type type, char *buffer, size_t size);
void find_operation(const struct context *context, struct operation_head *head);
/* trace.c: the time of each operation, on standard error. */
void trace_print(const struct context *context);
/* The report as one line, without a newline. */
void format_report(const struct context *context, char *line, size_t size);

#endif
