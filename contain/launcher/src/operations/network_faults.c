/* What goes wrong on a member's link, at the bridge's end of it, where no member has any say: packets are lost by classic BPF, and wait. */
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <string.h>
#include <unistd.h>

#include "../kernel_calls.h"
#include "../network.h"
#include "../operation.h"
#include "../rtnetlink.h"

#define PRIORITY 1U
#define OURS 1U /* the filter's handle */
#define QUEUE_OUTER 0x10000 /* handles 1: and 2: */
#define QUEUE_INNER 0x20000
#define QUEUE_PACKETS 10000
#define QUEUE_TIME 5 /* as much as goes in 1/5 s waits for a slow link; more is lost */

static struct request request;

static void begin(uint16_t type, uint16_t flags, int link, uint32_t parent, uint32_t handle) {
    netlink_begin(&request, type, flags, sizeof request.traffic);
    request.traffic.tcm_ifindex = link;
    request.traffic.tcm_parent = parent;
    request.traffic.tcm_handle = handle;
}

/* ---- filters ---- */

static int make_hook(int netlink, int link) {
    begin(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, link, TC_H_CLSACT, TC_H_MAKE(TC_H_CLSACT, 0));
    netlink_add_text(&request.head, TCA_KIND, "clsact");
    int error = netlink_request(netlink, &request.head);
    return error == EEXIST ? 0 : error;
}

static int set_filter(int netlink, int link, uint32_t side, struct blob program) {
    bool none = program.size == 0;
    begin(none ? RTM_DELTFILTER : RTM_NEWTFILTER, none ? 0 : NLM_F_CREATE, link, TC_H_MAKE(TC_H_CLSACT, side), none ? 0 : OURS);
    request.traffic.tcm_info = TC_H_MAKE(PRIORITY << 16, htons(ETH_P_ALL));
    netlink_add_text(&request.head, TCA_KIND, "bpf");
    if (none) {
        int error = netlink_request(netlink, &request.head);
        return error == ENOENT || error == EINVAL ? 0 : error; /* there was none, or not even the hook */
    }
    uint16_t length = (uint16_t)(program.size / sizeof(struct sock_filter));
    struct rtattr *options = netlink_nest(&request.head, TCA_OPTIONS, NULL, 0);
    netlink_add_u32(&request.head, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
    netlink_add(&request.head, TCA_BPF_OPS_LEN, &length, sizeof length);
    netlink_add(&request.head, TCA_BPF_OPS, program.data, length * sizeof(struct sock_filter));
    netlink_end(&request.head, options);
    return netlink_request(netlink, &request.head);
}

int set_filters(int netlink, int link, struct blob incoming, struct blob outgoing, bool clean) {
    if (incoming.size > BPF_MAXINSNS * sizeof(struct sock_filter) || outgoing.size > BPF_MAXINSNS * sizeof(struct sock_filter))
        return E2BIG;
    int error = incoming.size || outgoing.size ? make_hook(netlink, link) : 0;
    if (!error && (incoming.size || clean))
        error = set_filter(netlink, link, TC_H_MIN_EGRESS, incoming); /* what leaves the bridge goes to the member */
    if (!error && (outgoing.size || clean))
        error = set_filter(netlink, link, TC_H_MIN_INGRESS, outgoing);
    return error;
}

int do_set_filters(struct context *context, const struct set_filters *operation) {
    int netlink = netlink_open();
    if (netlink < 0)
        return fail(context, errno, NULL);
    int error = set_filters(netlink, (int)operation->link, operation->incoming, operation->outgoing, true);
    close(netlink);
    return error && error != ENODEV ? fail(context, error, NULL) : 0; /* a member that has ended needs none */
}

/* ---- queues ---- */

static int make_delay(int netlink, int link, const struct queue *queue) {
    struct tc_netem_qopt options = {.limit = QUEUE_PACKETS, .gap = queue->reorder ? 1 : 0};
    struct tc_netem_reorder reorder = {.probability = (uint32_t)queue->reorder};
    begin(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, link, TC_H_ROOT, QUEUE_OUTER);
    netlink_add_text(&request.head, TCA_KIND, "netem");
    struct rtattr *nest = netlink_nest(&request.head, TCA_OPTIONS, &options, sizeof options);
    netlink_add(&request.head, TCA_NETEM_LATENCY64, &queue->delay, sizeof queue->delay);
    netlink_add(&request.head, TCA_NETEM_JITTER64, &queue->jitter, sizeof queue->jitter);
    if (queue->reorder)
        netlink_add(&request.head, TCA_NETEM_REORDER, &reorder, sizeof reorder);
    netlink_end(&request.head, nest);
    return netlink_request(netlink, &request.head);
}

static int make_rate(int netlink, int link, const struct queue *queue, uint32_t parent) {
    uint64_t rate = (uint64_t)queue->rate;
    uint64_t limit = (uint64_t)queue->burst + rate / QUEUE_TIME;
    struct tc_tbf_qopt options = {
        .rate = {.linklayer = TC_LINKLAYER_ETHERNET, .rate = rate > UINT32_MAX ? UINT32_MAX : (uint32_t)rate},
        .limit = limit > UINT32_MAX ? UINT32_MAX : (uint32_t)limit,
    };
    begin(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, link, parent, QUEUE_INNER);
    netlink_add_text(&request.head, TCA_KIND, "tbf");
    struct rtattr *nest = netlink_nest(&request.head, TCA_OPTIONS, NULL, 0);
    netlink_add(&request.head, TCA_TBF_PARMS, &options, sizeof options);
    netlink_add_u32(&request.head, TCA_TBF_BURST, (uint32_t)queue->burst);
    if (rate > UINT32_MAX)
        netlink_add(&request.head, TCA_TBF_RATE64, &rate, sizeof rate);
    netlink_end(&request.head, nest);
    return netlink_request(netlink, &request.head);
}

int set_queue(int netlink, int link, const struct queue *queue, bool clean) {
    bool delays = queue->delay || queue->jitter || queue->reorder;
    int error = 0;
    if (clean) {
        begin(RTM_DELQDISC, 0, link, TC_H_ROOT, 0);
        error = netlink_request(netlink, &request.head);
        error = error == ENOENT || error == EINVAL ? 0 : error; /* the link's own queue cannot be removed */
    }
    if (!error && delays)
        error = make_delay(netlink, link, queue);
    if (!error && queue->rate)
        error = make_rate(netlink, link, queue, delays ? TC_H_MAKE(QUEUE_OUTER, 1) : TC_H_ROOT);
    return error;
}

int do_set_queue(struct context *context, const struct set_queue *operation) {
    struct queue queue = {operation->rate, operation->burst, operation->delay, operation->jitter, operation->reorder};
    int netlink = netlink_open();
    if (netlink < 0)
        return fail(context, errno, NULL);
    int error = set_queue(netlink, (int)operation->link, &queue, true);
    close(netlink);
    return error && error != ENODEV ? fail(context, error, NULL) : 0; /* a member that has ended needs none */
}
