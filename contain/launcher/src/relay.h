/* The terminal between ours and the container's. */
#ifndef RELAY_H
#define RELAY_H

#include <poll.h>

#include "operation.h"

#define RELAY_FDS 3

/* Takes the container's terminal over. */
void relay_start(struct context *context, int master);
/* The program is about to run: our own terminal goes into raw mode. */
void relay_enter(struct context *context);
/* Back to the mode in which our terminal was found; guardian and monitor alike. */
void relay_restore(struct shared *shared);
/* After we were stopped and continued. */
void relay_resume(struct context *context);
/* Whether a signal is the relay's business, not the container's. */
bool relay_takes(struct context *context, int number);
/* What it waits for, RELAY_FDS entries; and what to do when it came. */
void relay_poll(struct context *context, struct pollfd *polled);
void relay_handle(struct context *context, const struct pollfd *polled);
/* The container is dead: what is still on its way is written, as long as the reader takes each piece in `patience` ms (-1: at leisure). */
void relay_finish(struct context *context, int patience);

#endif
