/* What tests run inside: one verb, facts on standard output. Static, no image needed: payload VERB [ARGUMENT...] */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A number, or the address of the text behind an @. */
static long word(const char *text) {
    return text[0] == '@' ? (long)(intptr_t)(text + 1) : (long)strtoull(text, NULL, 0);
}

/* call NUMBER [ARGUMENT...]: the result and the name of the errno */
static int call(int argc, char **argv) {
    long a[7] = {0};
    for (int i = 0; i < argc && i < 7; i++)
        a[i] = word(argv[i]);
    errno = 0;
    long result = syscall(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
    printf("%ld %d\n", result, result == -1 ? errno : 0);
    return 0;
}

/* call32 NUMBER [ARGUMENT...]: the same by the 32-bit entry of x86; minus the errno */
static int call32(int argc, char **argv) {
#ifdef __x86_64__
    long a[4] = {0};
    long result;
    for (int i = 0; i < argc && i < 4; i++)
        a[i] = word(argv[i]);
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(a[0]), "b"(a[1]), "c"(a[2]), "d"(a[3]) : "memory", "r8", "r9", "r10", "r11");
    printf("%d\n", (int)result);
    return 0;
#else
    (void)argc, (void)argv;
    return 77;
#endif
}

/* notify TEXT...: each as a datagram to $NOTIFY_SOCKET, then sleeps */
static int notify(int argc, char **argv) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    strncpy(address.sun_path, getenv("NOTIFY_SOCKET"), sizeof address.sun_path - 1);
    for (int i = 0; i < argc; i++)
        if (sendto(fd, argv[i], strlen(argv[i]), 0, (struct sockaddr *)&address, sizeof address) < 0)
            return errno;
    for (;;)
        pause();
}

/* descriptors: number and type of each open one */
static int descriptors(int argc, char **argv) {
    (void)argc, (void)argv;
    for (int fd = 0; fd < 4096; fd++) {
        struct stat found;
        if (fstat(fd, &found) == 0)
            printf("%d %c\n", fd, "?pc?d?b?-?l?s???"[found.st_mode >> 12 & 15]);
    }
    return 0;
}

/* capabilities: effective, permitted and inheritable as one number each */
static int capabilities(int argc, char **argv) {
    (void)argc, (void)argv;
    struct {
        uint32_t version;
        int pid;
    } header = {0x20080522, 0};
    struct {
        uint32_t effective, permitted, inheritable;
    } data[2] = {{0}};
    if (syscall(SYS_capget, &header, data) < 0)
        return 1;
    printf("%llx %llx %llx\n", (unsigned long long)data[1].effective << 32 | data[0].effective,
           (unsigned long long)data[1].permitted << 32 | data[0].permitted,
           (unsigned long long)data[1].inheritable << 32 | data[0].inheritable);
    return 0;
}

static int scheduling(int argc, char **argv) {
    (void)argc, (void)argv;
    struct sched_param parameters = {0};
    syscall(SYS_sched_getparam, 0, &parameters); /* musl has none of its own */
    printf("policy %d priority %d nice %d io %ld\n", (int)syscall(SYS_sched_getscheduler, 0), parameters.sched_priority,
           getpriority(PRIO_PROCESS, 0), syscall(SYS_ioprio_get, 1, 0));
    return 0;
}

static int memory_policy(int argc, char **argv) {
    (void)argc, (void)argv;
    int mode = -1;
    unsigned long nodes[16] = {0};
    long result = syscall(SYS_get_mempolicy, &mode, nodes, sizeof nodes * 8, NULL, 0);
    printf("%ld mode %d nodes %lx\n", result, mode, nodes[0]);
    return 0;
}

/* connect NAME: the errno of connecting to an abstract unix socket */
static int connect_to(int argc, char **argv) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    size_t size = argc > 0 ? strlen(argv[0]) : 0;
    if (fd < 0 || size + 1 > sizeof address.sun_path)
        return 1;
    memcpy(address.sun_path + 1, argv[0], size); /* the first byte is NUL */
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + size);
    printf("%d\n", connect(fd, (struct sockaddr *)&address, length) < 0 ? errno : 0);
    return 0;
}

/* write-to PATH: whether it can be opened for writing, and one byte written at its end */
static int write_to(int argc, char **argv) {
    int fd = argc > 0 ? open(argv[0], O_WRONLY | O_APPEND) : -1;
    printf("%d\n", fd < 0 || write(fd, "x", 1) < 0 ? errno : 0);
    return 0;
}

/* plan FILE LAUNCHER: seals the plan and becomes the launcher, where there is no Python to do it */
static int plan(int argc, char **argv) {
    static char data[1 << 20];
    char number[16];
    if (argc < 2)
        return 2;
    int file = open(argv[0], O_RDONLY | O_CLOEXEC);
    int sealed = (int)syscall(SYS_memfd_create, "plan", 2U); /* MFD_ALLOW_SEALING */
    ssize_t size = read(file, data, sizeof data);
    if (size < 0 || write(sealed, data, (size_t)size) != size || fcntl(sealed, 1033, 15) < 0) /* F_ADD_SEALS, all */
        return 1;
    snprintf(number, sizeof number, "%d", sealed);
    execl(argv[1], "contain-launcher", number, (char *)NULL);
    return 1;
}

/* Once more for whoever kills by pid: a chain of processes, each the child of one that has ended; for a minute at most. */
static void hop(time_t end) {
    struct timespec moment = {.tv_nsec = 500000};
    while (time(NULL) < end) {
        if (fork() > 0)
            _exit(0);
        setsid();
        prctl(PR_SET_PDEATHSIG, 0);
        nanosleep(&moment, NULL);
    }
    _exit(0);
}

/* cling: deaf, with no parent whose death it would see, with children that leave their session and their parents; for a minute at most */
static int cling(int argc, char **argv) {
    struct timespec moment = {.tv_nsec = 5000000};
    time_t end = time(NULL) + 60;
    (void)argc, (void)argv;
    for (int number = 1; number < 32; number++)
        if (number != SIGCHLD)
            signal(number, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, 0);
    if (fork() == 0)
        hop(end);
    while (time(NULL) < end) {
        prctl(PR_SET_PDEATHSIG, 0);
        if (fork() == 0) {
            setsid();
            if (fork() == 0)
                nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
            _exit(0);
        }
        nanosleep(&moment, NULL);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
    }
    return 0;
}

static void *linger(void *ready) {
    (void)!write(*(int *)ready, "x", 1);
    sleep(60);
    return NULL;
}

static void settle(int ready) {
    prctl(PR_SET_PDEATHSIG, 0);
    setsid();
    linger(&ready);
    _exit(0);
}

static void put(const char *path, const char *text) {
    int fd = open(path, O_WRONLY);
    (void)!write(fd, text, strlen(text));
    close(fd);
}

/* Out of sight in one way each; forked twice, so that the parent is none of ours. */
static void hide(int way, int ready) {
    pthread_t thread;
    if (fork() > 0)
        return;
    if (fork() > 0)
        _exit(0);
    if (way == 1 || way == 2)
        unshare(CLONE_NEWUSER);
    if (way == 2) { /* one more inside, and a parent of its own for what it forks */
        put("/proc/self/setgroups", "deny");
        put("/proc/self/uid_map", "0 0 1");
        put("/proc/self/gid_map", "0 0 1");
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        if (fork() == 0) {
            unshare(CLONE_NEWUSER | CLONE_NEWNS);
            settle(ready);
        }
    }
    if (way == 3)
        prctl(PR_SET_DUMPABLE, 0);
    if (way == 4) { /* a first thread that has ended, so that the process looks like a dead one */
        prctl(PR_SET_PDEATHSIG, 0);
        setsid();
        pthread_create(&thread, NULL, linger, &ready);
        pthread_exit(NULL);
    }
    if (way == 5)
        for (int count = 0; count < 3; count++)
            if (fork() == 0)
                settle(ready);
    settle(ready);
}

/* scatter: says `scattered` when ten processes are where nobody looks for them, then clings; for a minute at most */
static int scatter(int argc, char **argv) {
    int ends[2];
    char byte;
    if (pipe(ends) < 0)
        return 1;
    for (int way = 0; way < 6; way++)
        hide(way, ends[1]);
    for (int seen = 0; seen < 10; seen++)
        if (read(ends[0], &byte, 1) != 1)
            return 1;
    puts("scattered");
    fflush(stdout);
    return cling(argc, argv);
}

static void *wait_for_ever(void *unused) {
    pause();
    return unused;
}

static bool one_more(bool thread) {
    pthread_t made;
    if (thread)
        return pthread_create(&made, NULL, wait_for_ever, NULL) == 0;
    pid_t child = fork();
    if (child == 0)
        wait_for_ever(NULL);
    return child > 0;
}

/* many thread|process LIMIT: how many more than itself there can be, up to LIMIT; then they stay until the end of the input */
static int many(int argc, char **argv) {
    int made = 0;
    if (argc != 2)
        return 2;
    while (made < atoi(argv[1]) && one_more(argv[0][0] == 't'))
        made++;
    printf("%d\n", made);
    fflush(stdout);
    while (getchar() != EOF)
        ;
    _exit(0);
}

static int count_processes(void) {
    DIR *entries = opendir("/proc");
    int found = 0;
    for (struct dirent *entry; entries && (entry = readdir(entries));)
        found += entry->d_name[0] >= '1' && entry->d_name[0] <= '9';
    closedir(entries);
    return found;
}

/* bomb LIMIT: each forks as long as it can, and so do its children. The most that were seen at once, when LIMIT were or after a minute. */
static int bomb(int argc, char **argv) {
    time_t end = time(NULL) + 60;
    int most = 0;
    if (argc != 1)
        return 2;
    if (fork() == 0)
        for (;;)
            if (fork() < 0)
                sleep(1);
    while (most < atoi(argv[0]) && time(NULL) < end) {
        int now = count_processes();
        most = now > most ? now : most;
    }
    for (int round = 0; round < 20; round++) {
        int now = count_processes();
        most = now > most ? now : most;
    }
    printf("%d\n", most);
    return 0;
}

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} verbs[] = {
    {"bomb", bomb},
    {"call", call},
    {"capabilities", capabilities},
    {"cling", cling},
    {"connect", connect_to},
    {"call32", call32},
    {"descriptors", descriptors},
    {"many", many},
    {"memory-policy", memory_policy},
    {"notify", notify},
    {"plan", plan},
    {"scatter", scatter},
    {"scheduling", scheduling},
    {"write-to", write_to},
};

int main(int argc, char **argv) {
    for (size_t i = 0; argc > 1 && i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(argv[1], verbs[i].name) == 0)
            return verbs[i].run(argc - 2, argv + 2);
    fprintf(stderr, "payload: no such verb\n");
    return 2;
}
