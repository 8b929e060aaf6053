/* What the program says goes through us into files that are bounded: the logs of a container that goes on. */
#ifndef CAPTURE_H
#define CAPTURE_H

#include <poll.h>

#include "operation.h"

/* --capture=FROM,TO,HEAD,TAIL,KILL: a pipe's end, a file, how many of the first and last bytes are kept, whether more of them ends the run. */
bool capture_parse(struct context *context, const char *text);
/* Whether the descriptor is one of ours, and not passed on. */
bool capture_has(const struct context *context, int fd);
/* What it waits for, CAPTURE_COUNT entries; and what to do when it came: whether the run is to end. */
void capture_poll(const struct context *context, struct pollfd *polled);
bool capture_handle(struct context *context, const struct pollfd *polled);
/* The container is dead: what is still in the pipes. */
void capture_finish(struct context *context);

#endif
