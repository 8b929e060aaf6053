/* linux.netDevices: a link of the host moves into the container's network namespace, with its permanent global addresses. */
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kernel_calls.h"
#include "../operation.h"
#include "../paths.h"
#include "../rtnetlink.h"

#define ADDRESSES_SIZE 16384

struct addresses {
    size_t size;
    char data[ADDRESSES_SIZE]; /* whole RTM_NEWADDR messages, as the kernel gave them */
};

/* Permanent addresses of global scope move with the link, as the runtime-spec asks; the kernel drops all when it leaves. */
static void keep_address(struct addresses *kept, const struct nlmsghdr *message, int index) {
    const struct ifaddrmsg *address = NLMSG_DATA(message);
    bool wanted = (int)address->ifa_index == index && address->ifa_scope == RT_SCOPE_UNIVERSE && (address->ifa_flags & IFA_F_PERMANENT);
    size_t size = NLMSG_ALIGN(message->nlmsg_len);
    if (!wanted || kept->size + size > sizeof kept->data)
        return;
    memcpy(kept->data + kept->size, message, message->nlmsg_len);
    kept->size += size;
}

static int read_addresses(int netlink, int index, struct addresses *kept) {
    struct {
        struct nlmsghdr head;
        struct ifaddrmsg body;
    } ask = {{.nlmsg_len = sizeof ask, .nlmsg_type = RTM_GETADDR, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP}, {0}};
    char buffer[32768] __attribute__((aligned(8)));
    if (send(netlink, &ask, sizeof ask, 0) < 0)
        return errno;
    for (;;) {
        ssize_t got = recv(netlink, buffer, sizeof buffer, 0);
        if (got <= 0)
            return got < 0 ? errno : EPROTO;
        int left = (int)got;
        for (struct nlmsghdr *m = (struct nlmsghdr *)(void *)buffer; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
            if (m->nlmsg_type == NLMSG_DONE)
                return 0;
            if (m->nlmsg_type == NLMSG_ERROR)
                return EPROTO;
            if (m->nlmsg_type == RTM_NEWADDR)
                keep_address(kept, m, index);
        }
    }
}

struct link_request {
    struct nlmsghdr head;
    struct ifinfomsg body;
    char space[256];
};

static struct link_request link_request(int index) {
    struct link_request ask = {.head = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)), .nlmsg_type = RTM_NEWLINK}};
    ask.body.ifi_index = index;
    return ask;
}

static int set_link(int netlink, int index, unsigned flags) {
    struct link_request ask = link_request(index);
    ask.body.ifi_flags = flags;
    ask.body.ifi_change = IFF_UP;
    return netlink_request(netlink, &ask.head);
}

static int move_link(int netlink, int index, int namespace, const char *name) {
    struct link_request ask = link_request(index);
    int32_t fd = namespace;
    netlink_add(&ask.head, IFLA_NET_NS_FD, &fd, sizeof fd);
    netlink_add(&ask.head, IFLA_IFNAME, name, strlen(name) + 1);
    return netlink_request(netlink, &ask.head);
}

/* In the container's namespace: the link keeps its index there unless that is taken, so its name tells. */
static int restore(const char *name, struct addresses *kept) {
    int netlink = netlink_open();
    int index = (int)if_nametoindex(name);
    if (netlink < 0 || index == 0)
        return errno;
    int error = 0;
    for (size_t at = 0; at < kept->size && error == 0;) {
        struct nlmsghdr *message = (struct nlmsghdr *)(void *)(kept->data + at);
        size_t size = NLMSG_ALIGN(message->nlmsg_len);
        ((struct ifaddrmsg *)NLMSG_DATA(message))->ifa_index = (unsigned)index;
        message->nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE;
        message->nlmsg_pid = 0;
        error = netlink_request(netlink, message);
        at += size;
    }
    return error ? error : set_link(netlink, index, IFF_UP);
}

/* A child enters the namespace, so that the monitor itself never leaves the host's. */
static int restore_inside(int namespace, const char *name, struct addresses *kept) {
    int status = 0;
    pid_t child = fork();
    if (child == 0)
        _exit(setns(namespace, CLONE_NEWNET) < 0 ? errno : restore(name, kept));
    if (child < 0)
        return errno;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

static int open_network(const struct context *context) {
    char number[16];
    char path[48];
    format_number(number, sizeof number, context->init_pid);
    join_words(path, sizeof path, (const char *const[]){"/proc/", number, "/ns/net", NULL});
    return open(path, O_RDONLY | O_CLOEXEC);
}

int do_move_net_device(struct context *context, const struct move_net_device *operation) {
    static struct addresses kept;
    int index = (int)if_nametoindex(operation->name);
    if (index == 0)
        return fail(context, ENODEV, "there is no such interface on the host");
    int netlink = netlink_open();
    int namespace = open_network(context);
    if (netlink < 0 || namespace < 0)
        return fail(context, errno, NULL);
    kept.size = 0;
    int error = read_addresses(netlink, index, &kept);
    if (error == 0)
        error = set_link(netlink, index, 0);
    if (error == 0)
        error = move_link(netlink, index, namespace, operation->rename);
    if (error == 0)
        error = restore_inside(namespace, operation->rename, &kept);
    close(netlink);
    close(namespace);
    return error ? fail(context, error, NULL) : 0;
}
