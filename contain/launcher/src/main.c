/* contain-launcher [OPTION...] PLANFD [EXPLAINER WORD...]: executes a plan, nothing else. Options: --trace; --report=FD (a socket
 * on which the caller reads what happens), --caller=FD (a pidfd) and --life=FD (a pipe or that socket): either of them ends it;
 * --log=FILE and --log-format=text|json: a failure is logged as engines read it. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors.h"
#include "capture.h"
#include "kernel_calls.h"

#define USAGE "usage: contain-launcher [--trace] [--apart] [--report=FD] [--caller=FD] [--life=FD] PLANFD [EXPLAINER...]"

static int number(const char *text) {
    char *end;
    long value = strtol(text, &end, 10);
    return *text && !*end && value >= 0 && value < 1 << 23 ? (int)value : -1;
}

static int usage(const char *why) {
    char line[256];
    join_words(line, sizeof line, (const char *const[]){"contain-launcher: ", why, "\n", NULL});
    if (write(STDERR_FILENO, line, strlen(line)) < 0)
        return EXIT_OURS;
    return EXIT_OURS;
}

/* Dispositions and mask come from whoever started us (Python ignores SIGPIPE and SIGXFSZ; glibc's posix_spawn ignores 32 and 33 where a
 * thread was ever cancelled, which no C library lets us reset): none of it is to be inherited. */
static void reset_signals(void) {
    static const struct {
        void *handler;
        unsigned long flags;
        void *restorer;
        unsigned long mask;
    } standard; /* the kernel's struct sigaction; all zero is SIG_DFL, whatever the order of its fields */
    sigset_t none;
    for (int i = 1; i <= 64; i++)
        syscall(SYS_rt_sigaction, i, &standard, NULL, sizeof(unsigned long));
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* A standard stream that is closed would be taken by the next descriptor that is opened. */
static int fill_standard_streams(void) {
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            return -1;
    return 0;
}

static _Alignas(2048) struct context context; /* but for the relay it is on one page */

static pid_t planner; /* Python, a child that ends while we work (front/handover.c) */

static bool apart;    /* as a process of nobody's: whoever waits for its children is not to wait for us */

static int parse(int argc, char **argv) {
    int i = 1;
    context.words = argv;
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        if (strcmp(argv[i], "--trace") == 0)
            context.trace = true;
        else if (strcmp(argv[i], "--brief") == 0)
            context.brief = true;
        else if (strcmp(argv[i], "--apart") == 0)
            apart = true;
        else if (strncmp(argv[i], "--report=", 9) == 0)
            context.report_fd = number(argv[i] + 9);
        else if (strncmp(argv[i], "--caller=", 9) == 0)
            context.watch.caller = number(argv[i] + 9);
        else if (strncmp(argv[i], "--life=", 7) == 0)
            context.watch.life = number(argv[i] + 7);
        else if (strncmp(argv[i], "--capture=", 10) == 0 && capture_parse(&context, argv[i] + 10))
            continue;
        else if (strncmp(argv[i], "--log=", 6) == 0)
            context.log = argv[i] + 6;
        else if (strncmp(argv[i], "--log-format=", 13) == 0)
            context.log_format = argv[i] + 13;
        else if (strncmp(argv[i], "--planner=", 10) == 0)
            planner = number(argv[i] + 10);
        else
            return -1;
    }
    if (i >= argc)
        return -1;
    context.explainer = i + 1 < argc ? argv + i + 1 : NULL;
    return number(argv[i]);
}

static void make_token(struct shared *shared) {
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[(TOKEN_SIZE - 1) / 2] = {0};
    if (getrandom(bytes, sizeof bytes, 0) < 0)
        memcpy(bytes, &(pid_t){getpid()}, sizeof(pid_t));
    for (size_t i = 0; i < sizeof bytes; i++) {
        shared->token[2 * i] = digits[bytes[i] >> 4];
        shared->token[2 * i + 1] = digits[bytes[i] & 15];
    }
    memcpy(shared->id, shared->token, 12);
}

static int make_shared(void) {
    size_t size = sizeof(struct shared) + context.plan.count * sizeof(uint64_t);
    struct shared *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct timespec now;
    if (shared == MAP_FAILED)
        return -1;
    shared->init_pidfd = shared->channel = shared->hook_pidfd = shared->turn = shared->members = shared->terminal = -1;
    for (int i = 0; i < SLOT_COUNT; i++)
        shared->slots[i] = -1;
    memset(&shared->usage, 0xff, sizeof shared->usage);
    clock_gettime(CLOCK_REALTIME, &now);
    shared->created = now.tv_sec;
    shared->created_nanoseconds = now.tv_nsec;
    make_token(shared);
    shared->monitor_pid = getpid();
    context.shared = shared;
    context.slots = shared->slots;
    return 0;
}

/* --preserve-fds N: those of the next N that are open now; a number that the caller left free may become one of ours. */
static void note_given(void) {
    struct operation_head head;
    struct leave_host leave;
    if (!plan_find(&context, OPERATION_LEAVE_HOST, &head) || !take_leave_host(&head.fields, &leave))
        return;
    for (int fd = 3; fd < 3 + leave.preserve && fd < GIVEN_WORDS * 64; fd++)
        if (fd != context.report_fd && fd != context.watch.caller && fd != context.watch.life && !capture_has(&context, fd) &&
            fcntl(fd, F_GETFD) >= 0)
            context.given[fd / 64] |= 1ULL << (fd % 64);
}

static int prepare(int planfd) {
    const char *why;
    context.channel = context.guardian = context.relay.master = context.gate = context.adopted = context.place = -1;
    context.monitor.signals = context.monitor.timer = context.monitor.parent = context.monitor.tick = context.monitor.listener = -1;
    context.counters = (struct counters){-1, -1, -1, false, false};
    context.in_host = true;
    sys_close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    if (plan_open(planfd, &context.plan, &why) < 0)
        return usage(why);
    close(planfd);
    note_given();
    if (make_shared() < 0)
        return usage("no memory for the shared page");
    if (watch_prepare(&context) < 0)
        return usage("cannot watch signals");
    return 0;
}

/* A detached container lives on: nothing of it is undone, and whoever holds its state folder answers for it from now on. */
static int leave(void) {
    guardian_dismiss(&context);
    if (context.trace)
        trace_print(&context);
    record_send(&context, RECORD_RESULT, -1);
    return 0;
}

static int by_number(const void *one, const void *other) {
    return *(const int *)one - *(const int *)other;
}

static void close_others(int planfd) {
    int kept[] = {planfd, context.report_fd, context.watch.caller};
    unsigned from = 3;
    qsort(kept, 3, sizeof *kept, by_number);
    for (int i = 0; i < 3; i++) {
        if (kept[i] > (int)from)
            sys_close_range(from, (unsigned)kept[i] - 1, 0);
        if (kept[i] >= (int)from)
            from = (unsigned)kept[i] + 1;
    }
    sys_close_range(from, ~0U, 0);
}

/* It lasts: of what our caller left inheritable, a pipe that somebody reads to its end, and of its folder, nothing is held. */
static void go_apart(int planfd) {
    pid_t pid = fork();
    if (pid != 0)
        _exit(pid < 0 ? EXIT_OURS : 0);
    setsid(); /* nor in its group, where a terminal's signals go */
    close_others(planfd);
    (void)!chdir("/");
}

/* Whoever comes after us must not meet it. It has long said its last word. */
static int without_planner(int code) {
    while (planner > 0 && waitpid(planner, NULL, 0) < 0 && errno == EINTR)
        ;
    return code;
}

int launcher_main(int argc, char **argv) {
    refuse_huge_pages();
    context.report_fd = context.watch.caller = context.watch.life = -1;
    int planfd = parse(argc, argv);
    if (planfd < 0)
        return usage(USAGE);
    reset_signals();
    if (fill_standard_streams() < 0)
        return EXIT_OURS;
    umask(0);
    if (apart)
        go_apart(planfd);
    if (prepare(planfd) != 0)
        return EXIT_OURS;
    int code = host_start(&context);
    if (code == 0 && context.create)
        code = monitor_run(&context);
    if (code == 0 && context.watch.leave && !context.monitor.dead)
        return without_planner(leave());
    return without_planner(finish(&context, code));
}
