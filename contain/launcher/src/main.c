/* contain-launcher [--trace] [--report=FD] PLANFD [EXPLAINER WORD...]: executes a plan, nothing else. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors.h"
#include "kernel_calls.h"

static int number(const char *text) {
    char *end;
    long value = strtol(text, &end, 10);
    return *text && !*end && value >= 0 && value < 1 << 20 ? (int)value : -1;
}

static int usage(const char *why) {
    char line[256];
    join_words(line, sizeof line, (const char *const[]){"contain-launcher: ", why, "\n", NULL});
    if (write(STDERR_FILENO, line, strlen(line)) < 0)
        return EXIT_OURS;
    return EXIT_OURS;
}

/* Dispositions and mask come from whoever started us (Python ignores SIGPIPE and SIGXFSZ): none of it is to be inherited. */
static void reset_signals(void) {
    sigset_t none;
    for (int i = 1; i < NSIG; i++)
        signal(i, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static struct context context;

static int parse(int argc, char **argv) {
    int i = 1;
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        if (strcmp(argv[i], "--trace") == 0)
            context.trace = true;
        else if (strncmp(argv[i], "--report=", 9) == 0)
            context.report_fd = number(argv[i] + 9);
        else
            return -1;
    }
    if (i >= argc)
        return -1;
    context.explainer = i + 1 < argc ? argv + i + 1 : NULL;
    return number(argv[i]);
}

static int prepare(int planfd) {
    const char *why;
    for (int i = 0; i < SLOT_COUNT; i++)
        context.slots[i] = -1;
    context.channel = context.started = context.init_pidfd = context.guardian = context.gate = -1;
    context.in_host = true;
    sys_close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    if (plan_open(planfd, &context.plan, &why) < 0)
        return usage(why);
    close(planfd);
    size_t size = sizeof(struct shared) + context.plan.count * sizeof(uint64_t);
    context.shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (context.shared == MAP_FAILED)
        return usage("no memory for the shared page");
    return 0;
}

int launcher_main(int argc, char **argv) {
    context.report_fd = -1;
    int planfd = parse(argc, argv);
    if (planfd < 0)
        return usage("usage: contain-launcher [--trace] [--report=FD] PLANFD [EXPLAINER...]");
    reset_signals();
    umask(0);
    if (prepare(planfd) != 0)
        return EXIT_OURS;
    if (monitor_prepare(&context) < 0)
        return usage("cannot block signals");
    int code = host_start(&context);
    if (code == 0 && context.create)
        code = monitor_run(&context);
    if (code < 0) {
        teardown(&context);
        return explain(&context);
    }
    teardown(&context);
    return code;
}
