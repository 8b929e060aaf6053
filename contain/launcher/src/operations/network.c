/* A network for a few containers: a bridge in a namespace that a process holds, and a veth pair for each member. */
#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../actors.h"
#include "../actors.h"
#include "../kernel_calls.h"
#include "../network.h"
#include "../operation.h"
#include "../paths.h"
#include "../rtnetlink.h"

#define MEMBER_LINK "eth0"
#define HOST_LINK "host" /* the bridge's end of the way to the host */
#define HARDWARE_SIZE 6
#define LOOPBACK 1 /* its index, in every namespace */
#define ASK_EVERY 40 /* ms between two questions for a neighbour's hardware address */
#define ASK_TIMES 75

static struct request request;

int do_make_hosts(struct context *context, const struct make_hosts *operation) {
    if (mkdir(operation->path, 0755) < 0)
        return fail(context, errno, NULL);
    arm(context, operation->undo);
    int folder = open(operation->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int file = folder < 0 ? -1 : openat(folder, "hosts", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    int error = file < 0 ? errno : 0;
    size_t length = strlen(operation->text);
    if (!error && write(file, operation->text, length) != (ssize_t)length)
        error = EIO;
    if (file >= 0)
        close(file);
    if (folder >= 0)
        close(folder);
    return error ? fail(context, error, NULL) : 0;
}

/* ---- links ---- */

static int set_up(int netlink, int link) {
    netlink_begin(&request, RTM_NEWLINK, 0, sizeof request.link);
    request.link.ifi_index = link;
    request.link.ifi_flags = request.link.ifi_change = IFF_UP;
    return netlink_request(netlink, &request.head);
}

static int add_address(int netlink, int link, struct in_addr address, int64_t prefix) {
    netlink_begin(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof request.address);
    request.address.ifa_family = AF_INET;
    request.address.ifa_prefixlen = (unsigned char)prefix;
    request.address.ifa_index = (unsigned)link;
    struct in_addr broadcast = {.s_addr = address.s_addr | htonl((uint32_t)(0xffffffffULL >> prefix))};
    netlink_add(&request.head, IFA_LOCAL, &address, sizeof address);
    netlink_add(&request.head, IFA_ADDRESS, &address, sizeof address);
    netlink_add(&request.head, IFA_BROADCAST, &broadcast, sizeof broadcast);
    return netlink_request(netlink, &request.head);
}

static int make_bridge(int netlink, const char *name) {
    netlink_begin(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof request.link);
    request.link.ifi_flags = request.link.ifi_change = IFF_UP;
    netlink_add_text(&request.head, IFLA_IFNAME, name);
    struct rtattr *info = netlink_nest(&request.head, IFLA_LINKINFO, NULL, 0);
    netlink_add_text(&request.head, IFLA_INFO_KIND, "bridge");
    netlink_end(&request.head, info);
    return netlink_request(netlink, &request.head);
}

int do_make_bridge(struct context *context, const struct make_bridge *operation) {
    struct in_addr address;
    int netlink = netlink_open();
    if (netlink < 0)
        return fail(context, errno, NULL);
    int error = inet_aton(operation->address, &address) ? make_bridge(netlink, operation->name) : EINVAL;
    if (!error)
        error = add_address(netlink, (int)if_nametoindex(operation->name), address, operation->prefix);
    if (!error)
        error = set_up(netlink, LOOPBACK);
    close(netlink);
    return error ? fail(context, error, NULL) : 0;
}

/* ---- the process that holds it ---- */

int do_hold_network(struct context *context, const struct hold_network *operation) {
    (void)operation;
    prctl(PR_SET_NAME, "contain-net");
    /* an ordinary user's next launcher must be allowed to enter by our pidfd; nobody else's process can see us */
    prctl(PR_SET_DUMPABLE, 1);
    int self = sys_pidfd_open(getpid());
    if (self < 0)
        return fail(context, errno, NULL);
    if (lend(context, &self, 1) < 0)
        return -1;
    bind_to_monitor(context);
    context->shared->executes = 1;
    sys_close_range(3, ~0U, 0); /* the monitor sees it, and tells that the network is there */
    for (;;)
        pause();
}

int do_enter_network(struct context *context, const struct enter_network *operation) {
    if (setns((int)operation->holder, (int)operation->flags) < 0)
        return fail(context, errno, NULL);
    /* other ids made us opaque to ourselves: the maps of our children are to be written */
    if (operation->flags & CLONE_NEWUSER)
        prctl(PR_SET_DUMPABLE, 1);
    return 0;
}

/* ---- members ---- */

/* By an address that says who it is: the filters know members by the last four bytes. */
static void hardware_address(unsigned char *made, struct in_addr address) {
    made[0] = 0x02; /* locally administered */
    made[1] = 0x63;
    memcpy(made + 2, &address.s_addr, 4);
}

static void delete_link(int netlink, int64_t link) {
    netlink_begin(&request, RTM_DELLINK, 0, sizeof request.link);
    request.link.ifi_index = (int)link;
    netlink_request(netlink, &request.head); /* it may be gone already */
}

/* One end of a pair here, and the other, `peer`, in `namespace`; the first one up. */
struct pair {
    int index;        /* 0: the kernel's choice, as is a name that is NULL */
    const char *name;
    int bridge;       /* whose port it is, 0: none */
    int namespace;
    const char *peer;
    const unsigned char *hardware; /* the peer's address, NULL: the kernel's choice */
};

static int make_pair(int netlink, const struct pair *pair) {
    struct ifinfomsg other = {0}; /* not up yet: the kernel brings it up before it has its peer, and fails */
    netlink_begin(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof request.link);
    request.link.ifi_flags = request.link.ifi_change = IFF_UP;
    request.link.ifi_index = pair->index;
    if (pair->name)
        netlink_add_text(&request.head, IFLA_IFNAME, pair->name);
    if (pair->bridge)
        netlink_add_u32(&request.head, IFLA_MASTER, (uint32_t)pair->bridge);
    struct rtattr *info = netlink_nest(&request.head, IFLA_LINKINFO, NULL, 0);
    netlink_add_text(&request.head, IFLA_INFO_KIND, "veth");
    struct rtattr *data = netlink_nest(&request.head, IFLA_INFO_DATA, NULL, 0);
    struct rtattr *peer = netlink_nest(&request.head, VETH_INFO_PEER, &other, sizeof other);
    netlink_add_text(&request.head, IFLA_IFNAME, pair->peer);
    netlink_add_u32(&request.head, IFLA_NET_NS_FD, (uint32_t)pair->namespace);
    if (pair->hardware)
        netlink_add(&request.head, IFLA_ADDRESS, pair->hardware, HARDWARE_SIZE);
    netlink_end(&request.head, peer);
    netlink_end(&request.head, data);
    netlink_end(&request.head, info);
    return netlink_request(netlink, &request.head);
}

/* Members are started one after the other and look for each other at once: whoever is asked for before it is there is found when it is,
 * and not a second later. It is given up after the usual three seconds. */
static int ask_often(int netlink, int link) {
    uint64_t every = ASK_EVERY;
    netlink_begin(&request, RTM_SETNEIGHTBL, 0, sizeof request.neighbours);
    request.neighbours.ndtm_family = AF_INET;
    netlink_add_text(&request.head, NDTA_NAME, "arp_cache");
    struct rtattr *nest = netlink_nest(&request.head, NDTA_PARMS, NULL, 0);
    netlink_add_u32(&request.head, NDTPA_IFINDEX, (uint32_t)link);
    netlink_add(&request.head, NDTPA_RETRANS_TIME, &every, sizeof every);
    netlink_add_u32(&request.head, NDTPA_MCAST_PROBES, ASK_TIMES);
    netlink_end(&request.head, nest);
    return netlink_request(netlink, &request.head);
}

/* In the member's namespace: its own address. What may ping is a convenience: /proc/sys may be read-only here. */
static int set_up_member(const struct add_member *member, struct in_addr address) {
    int netlink = netlink_open();
    if (netlink < 0)
        return errno;
    int error = set_up(netlink, LOOPBACK);
    int link = (int)if_nametoindex(MEMBER_LINK);
    if (!error)
        error = link ? add_address(netlink, link, address, member->prefix) : ENODEV;
    if (!error)
        error = ask_often(netlink, link);
    if (!error)
        error = set_up(netlink, link);
    close(netlink);
    if (member->ping_groups[0])
        write_file_at(AT_FDCWD, "/proc/sys/net/ipv4/ping_group_range", member->ping_groups);
    return error;
}

/* The faults that the member's address has already come before its end of the link is up: nothing passes without them. */
static int join(const struct add_member *member, int netlink, int bridge, int namespace, struct in_addr address) {
    struct queue queue = {member->rate, member->burst, member->delay, member->jitter, member->reorder};
    unsigned char hardware[HARDWARE_SIZE];
    /* the kernel calls it veth0 and so on: we know it by its index */
    struct pair pair = {.index = (int)member->link, .bridge = bridge, .namespace = namespace, .peer = MEMBER_LINK, .hardware = hardware};
    if (member->replaces > 0)
        delete_link(netlink, member->replaces);
    hardware_address(hardware, address);
    int error = make_pair(netlink, &pair);
    if (!error)
        error = set_filters(netlink, (int)member->link, member->incoming, member->outgoing, false);
    if (!error)
        error = set_queue(netlink, (int)member->link, &queue, false);
    return error ? error : set_up_member(member, address);
}

int do_add_member(struct context *context, const struct add_member *operation) {
    struct in_addr address;
    int outside = netlink_open();
    int bridge = (int)if_nametoindex(operation->bridge);
    if (outside < 0 || bridge == 0)
        return fail(context, outside < 0 ? errno : ENODEV, NULL);
    if (!inet_aton(operation->address, &address))
        return fail(context, EINVAL, NULL);
    if (unshare(CLONE_NEWNET) < 0)
        return fail(context, errno, NULL);
    int namespace = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    int error = namespace < 0 ? errno : join(operation, outside, bridge, namespace, address);
    if (namespace >= 0)
        close(namespace);
    close(outside);
    return error ? fail(context, error, NULL) : 0;
}

/* ---- the host ---- */

/* A child of ours in the network's namespace makes the pair's other end a port of the bridge. 0 or an errno. */
static int join_bridge(int namespace, const char *bridge) {
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        int netlink = setns(namespace, CLONE_NEWNET) < 0 ? -1 : netlink_open();
        if (netlink < 0)
            _exit(errno);
        netlink_begin(&request, RTM_NEWLINK, 0, sizeof request.link);
        request.link.ifi_index = (int)if_nametoindex(HOST_LINK);
        request.link.ifi_flags = request.link.ifi_change = IFF_UP;
        netlink_add_u32(&request.head, IFLA_MASTER, if_nametoindex(bridge));
        _exit(netlink_request(netlink, &request.head));
    }
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

int do_link_host(struct context *context, const struct link_host *operation) {
    struct in_addr address;
    int netlink = netlink_open();
    struct pair pair = {.name = operation->link, .namespace = open_network(context), .peer = HOST_LINK};
    int error = netlink < 0 || pair.namespace < 0 ? errno : 0;
    if (!error && !inet_aton(operation->address, &address))
        error = EINVAL;
    if (!error)
        error = make_pair(netlink, &pair);
    if (!error)
        error = join_bridge(pair.namespace, operation->bridge);
    if (!error)
        error = add_address(netlink, (int)if_nametoindex(operation->link), address, operation->prefix);
    if (pair.namespace >= 0)
        close(pair.namespace);
    if (netlink >= 0)
        close(netlink);
    return error ? fail(context, error, NULL) : 0;
}
