/* Messages between host and init: one packet each, over a SOCK_SEQPACKET pair. After `enter` the host trusts none of them. */
#ifndef CHANNEL_H
#define CHANNEL_H

#include "operation.h"

enum message_type {
    MESSAGE_DONE = 1, /* init: stage `value` is done */
    MESSAGE_GO,       /* host: go on */
    MESSAGE_PID,      /* joiner: init's pid, with its pidfd */
    MESSAGE_ASK,      /* init: answer operation `report.operation` with `value` */
    MESSAGE_FAILED,   /* either: `report` says what */
    MESSAGE_STARTED,  /* our PID 1: the program was executed */
    MESSAGE_EXITED,   /* our PID 1: wait status in `value` */
};

struct message {
    uint32_t type;
    uint32_t reserved;
    int64_t value;
    struct report report;
};

int channel_pair(int ends[2]);
int channel_send(int channel, const struct message *message, int fd);
/* 1: a message (and a descriptor or -1 in *fd); 0: the other side is gone; -1: error. */
int channel_receive(int channel, struct message *message, int *fd);

#endif
