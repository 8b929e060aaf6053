/* Programs that use a known amount, static: tests/container/test_accounting.py runs them inside and compares with what they print.
 *
 *   used VERB AMOUNT     cpu verbs: AMOUNT ms in each process; the last line is all processor time in ns, by their own clocks
 *                        memory verbs: AMOUNT MiB
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MIB (1L << 20)
#define PROCESSES 4

static long amount;
static char block[MIB]; /* one for all: where a huge page fits in, the kernel may give one */

static int64_t clock_of(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t own_time(void) {
    return clock_of(CLOCK_PROCESS_CPUTIME_ID);
}

static void burn_thread(long ms) {
    volatile unsigned x = 0;
    while (clock_of(CLOCK_THREAD_CPUTIME_ID) < ms * 1000000)
        for (int i = 0; i < 10000; i++)
            x += (unsigned)i;
}

/* What a process has used goes to whoever adds it up. */
static void tell(int fd) {
    int64_t used = own_time();
    (void)!write(fd, &used, sizeof used);
}

static int64_t add_up(int fd, int count) {
    int64_t sum = 0;
    int64_t one;
    for (int i = 0; i < count && read(fd, &one, sizeof one) == sizeof one; i++)
        sum += one;
    return sum;
}

static int print_time(int64_t others) {
    printf("%lld\n", (long long)(others + own_time()));
    return 0;
}

static int burn(void) {
    burn_thread(amount);
    return print_time(0);
}

static int forks(void) {
    int ends[2];
    if (pipe(ends) < 0)
        return 1;
    for (int i = 0; i < PROCESSES; i++)
        if (fork() == 0) {
            burn_thread(amount);
            tell(ends[1]);
            _exit(0);
        }
    int64_t others = add_up(ends[0], PROCESSES);
    while (wait(NULL) > 0)
        ;
    return print_time(others);
}

static void *thread_main(void *argument) {
    burn_thread(amount);
    return argument;
}

static int threads(void) {
    pthread_t made[PROCESSES];
    for (int i = 0; i < PROCESSES; i++)
        pthread_create(&made[i], NULL, thread_main, NULL);
    for (int i = 0; i < PROCESSES; i++)
        pthread_join(made[i], NULL);
    return print_time(0);
}

/* A daemon: no child of ours when it burns, and with `stays` still there when we end. */
static int double_fork(int stays) {
    int ends[2];
    if (pipe(ends) < 0)
        return 1;
    if (fork() == 0) {
        setsid();
        if (fork() == 0) {
            burn_thread(amount);
            tell(ends[1]);
            if (stays)
                pause();
        }
        _exit(0);
    }
    wait(NULL);
    return print_time(add_up(ends[0], 1));
}

static int daemon_ends(void) {
    return double_fork(0);
}

static int daemon_stays(void) {
    return double_fork(1);
}

static int exec_after_fork(void) {
    char ms[24];
    snprintf(ms, sizeof ms, "%ld", amount);
    fflush(stdout);
    if (fork() == 0) {
        execl("/proc/self/exe", "used", "burn", ms, (char *)NULL);
        _exit(1);
    }
    wait(NULL);
    return print_time(0); /* the child has printed its own */
}

/* Short children, one after the other: much of their time is fork, exec and exit themselves. */
static int many_short(void) {
    struct rusage children;
    for (int i = 0; i < 50; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            burn_thread(amount / 50);
            _exit(0);
        }
        waitpid(pid, NULL, 0);
    }
    getrusage(RUSAGE_CHILDREN, &children);
    int64_t micro =
        (children.ru_utime.tv_sec + children.ru_stime.tv_sec) * 1000000LL + children.ru_utime.tv_usec + children.ru_stime.tv_usec;
    return print_time(micro * 1000);
}

/* Children of who ignores SIGCHLD are waited for by nobody: only a cgroup knows what they used. */
static int ignored(void) {
    signal(SIGCHLD, SIG_IGN);
    return forks();
}

static int touch(char *at) {
    if (at == MAP_FAILED || at == NULL)
        return 1;
    for (long i = 0; i < amount * MIB; i += 4096)
        at[i] = 1;
    return 0;
}

static int anonymous(void) {
    return touch(mmap(NULL, (size_t)(amount * MIB), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static int shared(void) {
    return touch(mmap(NULL, (size_t)(amount * MIB), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
}

static int sysv(void) {
    int id = shmget(IPC_PRIVATE, (size_t)(amount * MIB), IPC_CREAT | 0600);
    return id < 0 || touch(shmat(id, NULL, 0));
}

static int map_file(int fd, int flags) {
    return fd < 0 || ftruncate(fd, amount * MIB) < 0 || touch(mmap(NULL, (size_t)(amount * MIB), PROT_READ | PROT_WRITE, flags, fd, 0));
}

static int memory_file(void) {
    return map_file(memfd_create("used", 0), MAP_SHARED);
}

static int mapped_tmpfs(void) {
    return map_file(open("/tmp/used", O_RDWR | O_CREAT, 0600), MAP_SHARED);
}

static int written_tmpfs(void) {
    int fd = open("/tmp/used", O_WRONLY | O_CREAT, 0600);
    for (long i = 0; i < amount; i++)
        if (write(fd, block, sizeof block) != sizeof block)
            return 1;
    return 0;
}

/* Freed before the end: a peak, not what is left. */
static int freed(void) {
    char *at = mmap(NULL, (size_t)(amount * MIB), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int failed = touch(at);
    munmap(at, (size_t)(amount * MIB));
    return failed;
}

/* All four at once: each touches its part and waits for the others. */
static int forked_memory(void) {
    int done[2];
    int hold[2];
    char byte;
    if (pipe(done) < 0 || pipe(hold) < 0)
        return 1;
    amount /= PROCESSES;
    for (int i = 0; i < PROCESSES; i++)
        if (fork() == 0) {
            close(hold[1]);
            anonymous();
            (void)!write(done[1], "", 1);
            (void)!read(hold[0], &byte, 1);
            _exit(0);
        }
    for (int i = 0; i < PROCESSES; i++)
        (void)!read(done[0], &byte, 1);
    close(hold[1]);
    while (wait(NULL) > 0)
        ;
    return 0;
}

static int read_file(void) {
    int fd = open("/mnt/data", O_RDONLY);
    long sum = 0;
    ssize_t got;
    while ((got = read(fd, block, sizeof block)) > 0)
        sum += got;
    printf("%ld\n", sum);
    return fd < 0;
}

static const struct {
    const char *name;
    int (*run)(void);
} verbs[] = {
    {"burn", burn},
    {"forks", forks},
    {"threads", threads},
    {"daemon", daemon_ends},
    {"daemon-stays", daemon_stays},
    {"exec", exec_after_fork},
    {"short", many_short},
    {"ignored", ignored},
    {"anonymous", anonymous},
    {"shared", shared},
    {"sysv", sysv},
    {"memfd", memory_file},
    {"mapped-tmpfs", mapped_tmpfs},
    {"written-tmpfs", written_tmpfs},
    {"freed", freed},
    {"forked-memory", forked_memory},
    {"read-file", read_file},
};

int main(int argc, char **argv) {
    amount = argc > 2 ? atol(argv[2]) : 0;
    for (unsigned i = 0; argc > 2 && i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(argv[1], verbs[i].name) == 0)
            return verbs[i].run();
    return 2;
}
