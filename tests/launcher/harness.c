/* The launcher under ASan and UBSan, with two fuzzers beside it.
 *   harness fuzz-plan SEED COUNT FILE      mutates the plan in FILE and decodes each
 *   harness fuzz-protocol SEED COUNT FILE  is the host of FILE's plan, with an init that sends nonsense
 *   harness …                              is contain-launcher
 * All follows from SEED. Exit code 0: nothing was found (a sanitizer aborts). */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors.h"
#include "kernel_calls.h"

#define PLAN_SIZE (1 << 20)
#define HEADER 32 /* magic, digest, size, count */

static uint64_t state;

static uint32_t pick(uint32_t below) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return below ? (uint32_t)(state >> 16) % below : 0;
}

static size_t load(const char *path, uint8_t *data) {
    FILE *file = fopen(path, "rb");
    size_t size = file ? fread(data, 1, PLAN_SIZE, file) : 0;
    if (file)
        fclose(file);
    return size;
}

static void put32(uint8_t *at, uint32_t value) {
    memcpy(at, &value, sizeof value);
}

static uint32_t odd_number(void) {
    static const uint32_t odd[] = {0, 1, 2, 3, 4, 5, 7, 8, 255, 256, 65535, 65536, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};
    return pick(2) ? odd[pick(sizeof odd / sizeof odd[0])] : pick(300);
}

/* Bytes, numbers of odd size, pieces moved; the header mostly stays valid, so that what is behind it is reached. */
static size_t mutate(uint8_t *data, size_t size) {
    for (uint32_t i = 0, count = 1 + pick(4); i < count; i++) {
        size_t at = HEADER + pick((uint32_t)(size - HEADER));
        if (pick(3) == 0 && at + 4 <= size)
            put32(data + at, odd_number());
        else if (pick(4) == 0)
            size = at > HEADER ? at : size;
        else
            data[at] = (uint8_t)pick(256);
    }
    if (pick(8) == 0)
        data[pick(HEADER)] = (uint8_t)pick(256);
    else
        put32(data + 24, (uint32_t)size);
    return size;
}

/* All that reads a plan once it was found good. */
static void walk(const struct plan *plan) {
    struct cursor operations = plan_operations(plan);
    struct operation_head head = {0};
    size_t sum = 0;
    while (plan_next(&operations, &head))
        sum += strlen(head.place) + strlen(head.words) + (operation_rows[head.kind].step(NULL, &head.fields, -1) == 0);
    if (sum == (size_t)-1)
        abort();
}

static int fuzz_plan(uint32_t count, const char *path) {
    static uint8_t original[PLAN_SIZE];
    size_t size = load(path, original);
    uint32_t good = 0;
    if (size <= HEADER)
        return 2;
    for (uint32_t i = 0; i < count; i++) {
        const char *why = NULL;
        struct plan plan;
        uint8_t *copy = malloc(size); /* of its exact size: the sanitizer sees a read behind it */
        memcpy(copy, original, size);
        size_t changed = mutate(copy, size);
        uint8_t *exact = malloc(changed);
        memcpy(exact, copy, changed);
        free(copy);
        if (plan_check(exact, changed, &plan, &why) == 0) {
            walk(&plan);
            good++;
        } else if (!why) {
            return 3;
        }
        free(exact);
    }
    printf("%u of %u decoded\n", good, count);
    return 0;
}

static void send_nonsense(int channel) {
    struct message message = {.type = 1 + pick(9)};
    uint8_t raw[2 * sizeof message];
    int fd = pick(4) == 0 ? open(pick(2) ? "/dev/null" : "/dev/ptmx", O_RDWR | O_CLOEXEC | O_NOCTTY) : -1;
    message.value = pick(3) ? (int64_t)pick(16) : (int64_t)state;
    message.report.operation = pick(80);
    message.report.error = (int32_t)odd_number();
    message.report.code = (int32_t)pick(300);
    for (uint32_t i = 0; i < DETAIL_SIZE; i++)
        message.report.detail[i] = (char)pick(256);
    if (pick(6) == 0) {
        memset(raw, (int)pick(256), sizeof raw);
        (void)!send(channel, raw, pick(sizeof raw), MSG_NOSIGNAL | MSG_DONTWAIT);
    } else {
        channel_send(channel, &message, fd);
    }
    if (fd >= 0)
        close(fd);
}

static _Noreturn void play_init(int channel) {
    for (uint32_t i = 0, count = pick(12); i < count; i++)
        send_nonsense(channel);
    _exit((int)pick(256));
}

static struct context *new_host(const struct plan *plan) {
    struct context *context = calloc(1, sizeof *context);
    struct shared *shared = calloc(1, sizeof *shared + plan->count * sizeof(uint64_t));
    static struct create_process create;
    context->plan = *plan;
    context->shared = shared;
    context->slots = shared->slots;
    for (int i = 0; i < SLOT_COUNT; i++)
        shared->slots[i] = -1;
    shared->init_pidfd = shared->hook_pidfd = shared->terminal = -1;
    context->guardian = context->relay.master = context->report_fd = context->watch.caller = context->watch.life = context->gate = -1;
    context->adopted = context->monitor.listener = context->monitor.timer = context->monitor.tick = context->monitor.parent = -1;
    context->in_host = true;
    context->create = &create;
    context->watch.init = pick(2);
    watch_prepare(context);
    return context;
}

static void one_run(const struct plan *plan) {
    int ends[2];
    struct context *context = new_host(plan);
    if (channel_pair(ends) < 0)
        abort();
    context->channel = context->shared->channel = ends[0];
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        play_init(ends[1]);
    }
    close(ends[1]);
    context->init_pid = context->shared->init_pid = pid;
    context->shared->init_pidfd = sys_pidfd_open(pid);
    int code = pick(2) ? host_stages(context) : 0;
    if (code == 0)
        code = monitor_run(context);
    char line[4096];
    format_report(context, line, sizeof line);
    for (const char *at = line; *at; at++)
        if ((unsigned char)*at < 32 || *at == 127)
            abort();
    if (!context->monitor.dead)
        kill(pid, SIGKILL);
    while (!context->monitor.dead && monitor_reap(context, true))
        ;
    if (context->relay.master >= 0)
        close(context->relay.master);
    for (int i = 0; i < SLOT_COUNT; i++)
        slot_set(context, i, -1);
    if (context->channel >= 0)
        close(context->channel);
    close(context->shared->init_pidfd);
    close(context->monitor.signals);
    free(context->shared);
    free(context);
}

/* How many descriptors are open: none may be left of what init sent. */
static int open_descriptors(void) {
    int count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static int fuzz_protocol(uint32_t count, const char *path) {
    static uint8_t data[PLAN_SIZE];
    const char *why;
    struct plan plan;
    size_t size = load(path, data);
    if (plan_check(data, size, &plan, &why) < 0)
        return 2;
    one_run(&plan);
    int before = open_descriptors();
    for (uint32_t i = 0; i < count; i++) {
        pick(1); /* the child's choices are its own: go on from another place */
        one_run(&plan);
    }
    if (open_descriptors() != before) {
        printf("%d descriptors became %d\n", before, open_descriptors());
        return 4;
    }
    printf("%u runs\n", count);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 5 && strncmp(argv[1], "fuzz-", 5) == 0) {
        state = strtoull(argv[2], NULL, 10) * 0x9e3779b97f4a7c15ULL + 1;
        uint32_t count = (uint32_t)strtoul(argv[3], NULL, 10);
        return strcmp(argv[1], "fuzz-plan") == 0 ? fuzz_plan(count, argv[4]) : fuzz_protocol(count, argv[4]);
    }
    return launcher_main(argc, argv);
}
