/* What the operations of the family network share: faults on a link of the network's own namespace. */
#ifndef NETWORK_H
#define NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "plan.h"

/* As the fields of SetQueue. */
struct queue {
    int64_t rate;
    int64_t burst;
    int64_t delay;
    int64_t jitter;
    int64_t reorder;
};

/* Both act by a netlink socket of the network's namespace; 0 or an errno. `clean` says that the link may have had others before. */
int set_filters(int netlink, int link, struct blob incoming, struct blob outgoing, bool clean);
int set_queue(int netlink, int link, const struct queue *queue, bool clean);

#endif
