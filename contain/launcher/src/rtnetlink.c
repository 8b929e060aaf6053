#include "rtnetlink.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

int netlink_open(void) {
    return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
}

void netlink_begin(struct request *request, uint16_t type, uint16_t flags, size_t size) {
    memset(request, 0, sizeof request->head + NLMSG_ALIGN(size));
    request->head.nlmsg_len = (uint32_t)NLMSG_LENGTH(size);
    request->head.nlmsg_type = type;
    request->head.nlmsg_flags = flags;
}

void netlink_add(struct nlmsghdr *message, uint16_t type, const void *data, size_t size) {
    struct rtattr *attribute = (struct rtattr *)(void *)((char *)message + NLMSG_ALIGN(message->nlmsg_len));
    attribute->rta_type = type;
    attribute->rta_len = (unsigned short)RTA_LENGTH(size);
    if (size)
        memcpy(RTA_DATA(attribute), data, size);
    message->nlmsg_len = (uint32_t)(NLMSG_ALIGN(message->nlmsg_len) + RTA_ALIGN(attribute->rta_len));
}

void netlink_add_text(struct nlmsghdr *message, uint16_t type, const char *text) {
    netlink_add(message, type, text, strlen(text) + 1);
}

void netlink_add_u32(struct nlmsghdr *message, uint16_t type, uint32_t value) {
    netlink_add(message, type, &value, sizeof value);
}

struct rtattr *netlink_nest(struct nlmsghdr *message, uint16_t type, const void *data, size_t size) {
    struct rtattr *nest = (struct rtattr *)(void *)((char *)message + NLMSG_ALIGN(message->nlmsg_len));
    netlink_add(message, type, data, size);
    return nest;
}

void netlink_end(struct nlmsghdr *message, struct rtattr *nest) {
    nest->rta_len = (unsigned short)((char *)message + message->nlmsg_len - (char *)nest);
}

int netlink_request(int netlink, struct nlmsghdr *message) {
    char buffer[4096] __attribute__((aligned(8)));
    message->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
    if (send(netlink, message, message->nlmsg_len, 0) < 0)
        return errno;
    ssize_t got = recv(netlink, buffer, sizeof buffer, 0);
    const struct nlmsghdr *reply = (const struct nlmsghdr *)(const void *)buffer;
    if (got < (ssize_t)NLMSG_LENGTH(sizeof(struct nlmsgerr)) || reply->nlmsg_type != NLMSG_ERROR)
        return EPROTO;
    return -((const struct nlmsgerr *)NLMSG_DATA(reply))->error;
}
