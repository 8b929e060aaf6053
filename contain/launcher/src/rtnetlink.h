/* Requests to the kernel's rtnetlink: one message, built attribute by attribute, sent, and acknowledged. */
#ifndef RTNETLINK_H
#define RTNETLINK_H

#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <stdint.h>

/* Large enough for a filter of the kernel's longest classic BPF. */
#define REQUEST_SIZE 36864

struct request {
    struct nlmsghdr head;
    union {
        struct ifinfomsg link;
        struct ifaddrmsg address;
        struct tcmsg traffic;
        struct ndtmsg neighbours;
        char space[REQUEST_SIZE];
    };
};

/* Acts on the network namespace that the process is in now, wherever it goes later. */
int netlink_open(void);
/* Empties `request`; `size` is that of the family's own header, `flags` beside NLM_F_REQUEST and NLM_F_ACK. */
void netlink_begin(struct request *request, uint16_t type, uint16_t flags, size_t size);
void netlink_add(struct nlmsghdr *message, uint16_t type, const void *data, size_t size);
void netlink_add_text(struct nlmsghdr *message, uint16_t type, const char *text);
void netlink_add_u32(struct nlmsghdr *message, uint16_t type, uint32_t value);
/* An attribute that holds others, `size` bytes of a header before them; end it with what begin gave. */
struct rtattr *netlink_nest(struct nlmsghdr *message, uint16_t type, const void *data, size_t size);
void netlink_end(struct nlmsghdr *message, struct rtattr *nest);
/* Sends one request and waits for its acknowledgement. 0 or an errno. */
int netlink_request(int netlink, struct nlmsghdr *message);

#endif
