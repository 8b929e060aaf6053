/* The processes of a run: host (later the monitor), joiner, init. */
#ifndef ACTORS_H
#define ACTORS_H

#include "channel.h"

/* host.c: everything up to the program's execve, from the host's side. 0, or -1 with context->report. */
int host_start(struct context *context);
/* child.c: what joiner and init do. They never return. */
noreturn void joiner_main(struct context *context);
noreturn void init_main(struct context *context);
/* reaper.c: our PID 1, when `watch.init`. */
noreturn void reaper_main(struct context *context, pid_t program, int started);
/* monitor.c: waits for the container to end; returns the exit code. */
int monitor_run(struct context *context);
/* monitor.c: what must be ready before the first change on the host: guardian, signals. */
int monitor_prepare(struct context *context);
/* Kills what is left of the container and undoes what was armed. */
void teardown(struct context *context);
/* main.c: the launcher, whose words are argv. Returns the exit code. */
int launcher_main(int argc, char **argv);
/* explain.c: prints the first line, hands the report on. Returns the exit code. */
int explain(struct context *context);
/* The report as one line, without a newline. */
void format_report(const struct context *context, char *line, size_t size);

#endif
