/* What every operation's code sees: the context it works in, and how it fails. */
#ifndef OPERATION_H
#define OPERATION_H

#include <stdbool.h>
#include <stdint.h>
#include <stdnoreturn.h>
#include <sys/types.h>
#include <termios.h>

#include "operations.gen.h"
#include "plan.h"

#define DETAIL_SIZE 512
#define DECODE_FAILED (-2)
#define EXIT_OURS 125
#define GIVEN_WORDS 16 /* of 64 descriptors: --preserve-fds ends at 1023 */
#define EXIT_TIMEOUT 124 /* as timeout(1) */
#define ASKED_PATIENCE 800  /* ms for our own PID 1 to kill and reap all */
#define ENDING_PATIENCE 200 /* ms; a frozen init dies only when the cgroup's own undo has thawed it */
#define ARMED_COUNT 64
#define TOKEN_SIZE 33 /* 32 hexadecimal digits */
#define ID_SIZE 256

/* Why an operation failed; travels from init to host, and to the explainer. */
struct report {
    uint32_t operation; /* index in the plan, from 1; 0: none */
    int32_t error;      /* errno, 0: none */
    int32_t code;       /* the exit code that the command line shall give */
    char detail[DETAIL_SIZE]; /* replaces the kernel's words when not empty */
};

/* What a run used; -1: not known. Filled by teardown operations before they remove what knows it (operations/cgroup.c). */
struct usage {
    int64_t wall;        /* nanoseconds, from the program's start to its end */
    int64_t cpu;         /* nanoseconds, all processes together */
    int64_t user;        /* microseconds, rusage of init and what it waited for */
    int64_t system;
    int64_t max_rss;     /* KiB, the largest single process */
    int64_t memory_peak; /* bytes, what the cgroup charged at most */
    int64_t oom_kills;   /* how often the kernel killed in this cgroup for lack of memory */
};

#define NEVER_BEGUN (-2) /* in `before`: the peak of a cgroup that others had is not set back yet */

/* Seen by monitor, guardian and init alike (MAP_SHARED): what a guardian must know when the monitor is gone. */
struct shared {
    _Atomic int32_t armed[ARMED_COUNT]; /* undo N is needed: set before its do */
    _Atomic int32_t executes;           /* init is at execve */
    _Atomic int32_t finished;           /* the monitor has torn everything down */
    int init_pidfd;                     /* written by clone3 itself, so there is no moment at which init has none */
    pid_t init_pid;                     /* as the host numbers it; init reads it here, for its hooks */
    int channel;                        /* the host's end: whoever closes the last copy ends an init that was not let go yet */
    uint32_t hooks_done; /* index of the last hook of teardown that was started */
    pid_t hook_pid;
    int hook_pidfd;
    int turn;                           /* the lock on our state folder, from teardown on: one for monitor and guardian */
    int members;                        /* the user namespace by which the container's processes are found, -1: by something better */
    int terminal;                       /* whose mode was changed, -1: none */
    pid_t monitor_pid;
    pid_t guardian_pid;
    int32_t started;                    /* the program was executed */
    int32_t exit_code;
    int32_t exit_signal;
    int32_t exit_reason;                /* enum reason */
    int64_t created;                    /* seconds since the epoch, and nanoseconds */
    int64_t created_nanoseconds;
    char token[TOKEN_SIZE];
    char id[ID_SIZE];
    struct termios mode;                /* the terminal's, as it was */
    struct usage usage;
    struct usage before;                /* our set-up's when the program was let go; memory_peak: what it held */
    struct report failure;              /* init's last words, should the program's filter not let it send them */
    int slots[SLOT_COUNT];              /* the host's; monitor and guardian share one table of descriptors */
    uint64_t nanoseconds[];             /* per operation, with --trace */
};

enum reason { REASON_EXITED, REASON_SIGNALED, REASON_TIMEOUT, REASON_OOM, REASON_CPU_TIME, REASON_KILLED, REASON_ERROR, REASON_SECCOMP };

/* How to watch; set by the operations of the family supervise and by the command line. */
struct watch {
    bool init;         /* our own PID 1 */
    bool guardian;
    bool parent_death;
    bool leave;         /* nobody stays to watch */
    bool leave_at_gate; /* the caller goes when init waits for start */
    bool shares_pids;  /* no new pid namespace: the end of init is not the end of all */
    int failure_code;  /* exit code of any failure of ours, 0: 125, 126, 127 */
    int64_t timeout;   /* milliseconds, 0: none */
    int64_t processor_time; /* nanoseconds */
    int64_t processor_slot;
    bool processor_v2;
    int caller;        /* pidfd of the library's process, -1: none */
    int life;          /* a pipe or socket whose end the caller holds, -1: none */
};

#define DENIED_COUNT 16

/* A system call that the filter refused; as it travels in the record. */
struct denied {
    uint32_t arch;  /* AUDIT_ARCH_* */
    int32_t number;
    int32_t pid;    /* who asked first, as the host numbers it */
    uint32_t count;
};

/* What the monitor's loop holds (monitor.c). */
struct monitor {
    int state;
    int signals;       /* signalfd */
    int timer;         /* timerfd of the time limit, -1: none */
    int tick;          /* timerfd of the limit of processor time, -1: none */
    int parent;        /* pidfd of our parent, with --die-with-parent */
    int listener;      /* where refused calls wait for us, -1: none */
    bool denied_kills; /* the first one ends the run */
    uint32_t denied_count;
    struct denied denied[DENIED_COUNT];
    uint64_t early;    /* signals that came before there was a program */
    bool hook;         /* a hook runs: whoever started it waits for it */
    bool aborted;      /* it was ended by what ends the run */
    bool dead;         /* init was waited for: `status` holds */
    bool started;
    bool exited;       /* our PID 1 gave the program's `status` */
    bool failed;       /* `context->report` says why */
    int status;
    int reason;        /* why we killed it; REASON_EXITED: we did not */
    int code;          /* exit code that goes with it */
    int64_t start;     /* monotonic nanoseconds */
    int64_t end_by;    /* when an init that was killed is waited for no longer */
};

/* One direction of the relay. */
struct flow {
    int from; /* -1: it has ended */
    int to;
    size_t at;
    size_t size;
    char data[4096]; /* no more than a pipe takes without blocking, once poll says that it takes any */
};

struct relay {
    int master;        /* -1: no terminal */
    bool input;        /* our standard input goes in */
    bool ended;        /* our input has ended, and the container was told */
    bool ended_raw;    /* in which mode its terminal was then */
    unsigned char repeated; /* times that it was told so in one and the same mode */
    struct flow flows[2]; /* in, out */
};

/* What counts in our cgroups, open since before init was made, which reads it when its set-up is done (operations/cgroup.c). -1: none. */
struct counters {
    int cpu;
    int memory;
    int peak; /* set back through it where the kernel can; v2 sets it back for whoever reads through it, which is the monitor */
    bool v2;
    bool late; /* the cgroup is made when init is there already (systemd): the host reads before it lets init go */
};

#define CAPTURE_COUNT 2

/* An output stream that goes into a file (capture.c). */
struct capture {
    int from;        /* our end of the pipe, -1: it has ended */
    int to;          /* 0: none */
    int64_t head;    /* bytes that are kept from the beginning, and from the end */
    int64_t tail;
    int64_t size;    /* of all that was said */
    int64_t punched; /* to here is nothing but the head */
    bool kills;
    bool over;
    bool lost;
};

struct context {
    struct plan plan;
    struct operation_head current;
    struct report report;
    struct shared *shared;
    struct watch watch;
    struct capture captures[CAPTURE_COUNT];
    struct monitor monitor;
    struct counters counters;
    int *slots;      /* in the host: those in `shared`; in init: its own copy */
    int channel;     /* to the other side: host or init */
    int owed;        /* in init: how often the host has yet to say that it has done a stage of its own */
    bool is_guardian;
    bool superseded; /* somebody has deleted our container: its names may be another's by now */
    bool in_host;    /* this process acts for the host */
    bool trace;
    uint32_t answered; /* the last operation that init asked us for */
    pid_t map_pid;   /* whose maps are written: the joiner or init */
    pid_t init_pid;  /* as the host numbers it */
    int guardian;    /* its pidfd, -1: none */
    int adopted; /* pidfd of an init that an earlier call made, -1: none; never killed at our end */
    int place;       /* which cgroup of a pool is ours, -1: none */
    int gate;        /* the start fifo, once start has opened it, -1: none */
    pid_t guardian_pid;
    int report_fd;   /* a socket where a library reads what happens, -1: none */
    bool brief;      /* it need not know of the start */
    const char *log; /* where a failure is logged too, as engines read it, NULL: nowhere */
    const char *log_format;
    char **words;     /* our own argv */
    uint64_t
        given[GIVEN_WORDS]; /* descriptors that the caller passes on to the program: what was open before anything of ours, a bit each */
    char **explainer; /* words of the program that explains a failure, NULL: none */
    const struct create_process *create;
    struct relay relay; /* last: its buffers would push the others onto pages of their own, in each of our processes */
};

/* What init writes into the start fifo when its program cannot be executed. */
struct gate_report {
    int32_t code;
    char detail[1020];
};

struct operation_row {
    const char *name;
    /* context NULL: only decode. ask < 0: do it; else answer what init asked for it. */
    int (*step)(struct context *context, struct cursor *fields, int64_t ask);
    bool asks;
};
extern const struct operation_row operation_rows[];
extern const unsigned operation_row_count;
extern const uint8_t operations_digest[16];

/* Both fill context->report and return -1. `detail` (may be NULL) replaces the kernel's words. */
int fail(struct context *context, int error, const char *detail);
int fail_code(struct context *context, int error, int code, const char *detail);
/* "A B C" into a buffer of `size`, cut when too long; NULL parts end the list. */
void join_words(char *buffer, size_t size, const char *const *parts);

int slot(const struct context *context, int64_t number);
/* Takes the descriptor over; what was there is closed. */
void slot_set(struct context *context, int64_t number, int fd);

/* Notes that undo `number` (a teardown operation's `arm`) is needed from now on. Call it before the change. 0 stands for an undo
 * that is always needed. Numbers come from Slots.undo(). */
void arm(struct context *context, int64_t number);
bool is_armed(const struct context *context, int64_t number);
void disarm(struct context *context, int64_t number);

/* `text` with its holes filled (contain/state/layout.py: \x01NAME\x01), cut at `size`; the result is `buffer`. `status` may be NULL. */
char *fill_holes(const struct context *context, const char *text, const char *status, char *buffer, size_t size);
/* Notes in the state folder, if there is one, that `path` is to be undone (layout.py, "undo"): before the change. 0 or an errno. */
int note_undo(struct context *context, const char *kind, const char *path);

/* Decides between `signaled` and `oom` when usage is known; for teardown operations that write down how it ended. */
void settle_reason(struct context *context);

/* operations/cgroup.c: opens what counts; notes what it has counted, which is our set-up's; closes what only init needs. */
void cgroup_counters_open(struct context *context);
void cgroup_usage_begin(struct context *context);
void cgroup_counters_close(struct context *context);

/* In init: waits until the host has done the stages of its own that init went on beside. 0, or -1: it is gone or gave up. */
int await_host(struct context *context);
/* From init, inside an operation with `asks`: the host runs answer_NAME() with `value` (>= 0) and `fd` (-1: none) in slot LISTENER. 0 or -1. */
int ask_host(struct context *context, int64_t value, int fd);

/* The first operation of a kind in the plan; its fields are to be taken by take_NAME(). */
bool plan_find(const struct context *context, enum operation_kind kind, struct operation_head *head);

/* Runs all operations of a stage; the first failure ends it (in teardown: all are run). */
int run_stage(struct context *context, unsigned stage);
static inline bool has_stage(const struct context *context, unsigned stage) {
    return context->plan.stage_counts[stage] > 0;
}

#endif
