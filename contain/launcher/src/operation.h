/* What every operation's code sees: the context it works in, and how it fails. */
#ifndef OPERATION_H
#define OPERATION_H

#include <stdbool.h>
#include <stdint.h>
#include <stdnoreturn.h>
#include <sys/types.h>

#include "operations.gen.h"
#include "plan.h"

#define DETAIL_SIZE 512
#define DECODE_FAILED (-2)
#define EXIT_OURS 125
#define ARMED_COUNT 64

/* Why an operation failed; travels from init to host, and to the explainer. */
struct report {
    uint32_t operation; /* index in the plan, from 1; 0: none */
    int32_t error;      /* errno, 0: none */
    int32_t code;       /* the exit code that the command line shall give */
    char detail[DETAIL_SIZE]; /* replaces the kernel's words when not empty */
};

/* Seen by monitor, guardian and init alike (MAP_SHARED). */
struct shared {
    _Atomic int32_t armed[ARMED_COUNT]; /* undo N is needed: set before its do */
    _Atomic int32_t started;            /* execve has happened */
    uint64_t nanoseconds[];             /* per operation, with --trace */
};

/* How to watch; set by the operations of the family supervise. */
struct watch {
    bool init;
    bool guardian;
    bool parent_death;
    bool leave;         /* nobody stays to watch */
    bool leave_at_gate; /* the caller goes when init waits for start */
    int64_t timeout;
};

struct context {
    struct plan plan;
    struct operation_head current;
    struct report report;
    struct shared *shared;
    struct watch watch;
    int slots[SLOT_COUNT];
    int channel;     /* to the other side: host or init */
    int started;     /* closed by execve: our PID 1 waits for its end of file; -1: none */
    bool in_host;    /* this process acts for the host */
    bool trace;
    pid_t map_pid;   /* whose maps are written: the joiner or init */
    pid_t init_pid;  /* as the host numbers it */
    int init_pidfd;
    int gate;        /* the start fifo, once start has opened it, -1: none */
    int guardian;    /* socket to the guardian, -1: none */
    pid_t guardian_pid;
    int report_fd;   /* where a library reads the report, -1: none */
    char **explainer; /* words of the program that explains a failure, NULL: none */
    const struct create_process *create;
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

/* Notes that undo `number` (a teardown operation's `arm`) is needed from now on. Call it before the change. */
void arm(struct context *context, int64_t number);
bool is_armed(const struct context *context, int64_t number);
void disarm(struct context *context, int64_t number);

/* From init, inside an operation with `asks`: the host runs answer_NAME() with `value` (>= 0) and `fd` (-1: none) in slot LISTENER. 0 or -1. */
int ask_host(struct context *context, int64_t value, int fd);

/* Runs all operations of a stage; the first failure ends it (in teardown: all are run). */
int run_stage(struct context *context, unsigned stage);
static inline bool has_stage(const struct context *context, unsigned stage) {
    return context->plan.stage_counts[stage] > 0;
}

#endif
