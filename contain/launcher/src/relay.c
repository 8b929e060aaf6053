#include "relay.h"

#include <signal.h>
#include <unistd.h>

void relay_restore(struct shared *shared) {
    if (shared->terminal >= 0)
        tcsetattr(shared->terminal, TCSADRAIN, &shared->mode);
}

void relay_resume(struct context *context) {
    (void)context;
}

bool relay_takes(struct context *context, int number) {
    return number == SIGWINCH && context->relay.master >= 0;
}

void relay_poll(struct context *context, struct pollfd *polled) {
    (void)context;
    for (int i = 0; i < RELAY_FDS; i++)
        polled[i] = (struct pollfd){.fd = -1};
}

void relay_handle(struct context *context, const struct pollfd *polled) {
    (void)context;
    (void)polled;
}
