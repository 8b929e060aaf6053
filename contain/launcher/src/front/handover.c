/* `create` is Python's for 20 ms, and the launcher's for the rest. As Python's parent we copy and seal our program meanwhile, and become the
 * launcher as soon as the plan is there, while another processor takes Python's memory apart. Python writes the plan into a file in memory
 * that we made, then the launcher's words, each with its NUL and one NUL more, into a pipe. */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kernel_calls.h"
#include "../operation.h"
#include "../paths.h"
#include "front.h"

#define HANDOVER "CONTAIN_HANDOVER"
enum { WORDS = 32, SAID = 16384 };

extern char **environ;

struct handover {
    int plan; /* memory, without close-on-exec: Python writes it, the launcher reads it */
    int ends[2]; /* of the pipe */
    pid_t python;
    size_t size;
    char said[SAID];
};

/* Where who executes matters, Python executes: a socket's manager names the process, AppArmor the program, a test its own launcher. */
static bool is_plain(void) {
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            return false;
    return !is_restricted() && !getenv("LISTEN_PID") && !getenv("CONTAIN_LAUNCHER");
}

static bool open_handover(struct handover *handover) {
    char plan[16], pipe_end[16], place[40];
    handover->plan = (int)syscall(SYS_memfd_create, "plan", 2U /* sealable */);
    if (handover->plan < 0)
        return false;
    if (pipe2(handover->ends, O_CLOEXEC) < 0) {
        close(handover->plan);
        return false;
    }
    format_number(plan, sizeof plan, handover->plan);
    format_number(pipe_end, sizeof pipe_end, handover->ends[1]);
    join_words(place, sizeof place, (const char *const[]){plan, ",", pipe_end, NULL});
    return setenv(HANDOVER, place, 1) == 0;
}

static void close_handover(struct handover *handover) {
    close(handover->plan);
    close(handover->ends[0]);
    if (handover->ends[1] >= 0)
        close(handover->ends[1]);
    unsetenv(HANDOVER);
}

static bool start_python(struct handover *handover, const struct python *python) {
    pid_t child = vfork(); /* NOLINT(*vfork,bugprone-unsafe-functions,cert-msc24-c,cert-msc33-c) */
    if (child == 0) {
        /* NOLINTBEGIN(clang-analyzer-unix.Vfork): they change nothing of our memory */
        if (fcntl(handover->ends[1], F_SETFD, 0) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0)
            become_python(python);
        /* NOLINTEND(clang-analyzer-unix.Vfork) */
        _exit(EXIT_OURS);
    }
    handover->python = child;
    close(handover->ends[1]);
    handover->ends[1] = -1;
    unsetenv(HANDOVER);
    return child > 0;
}

/* Whether all was said: an end without it is Python's refusal. A process of Python's that lives on may hold the pipe. */
static bool listen_to_python(struct handover *handover) {
    int ended = sys_pidfd_open(handover->python);
    bool complete = false;
    while (!complete && handover->size < SAID) {
        struct pollfd polled[2] = {{handover->ends[0], POLLIN, 0}, {ended, POLLIN, 0}};
        if (poll(polled, 2, -1) < 0 && errno == EINTR)
            continue;
        if (!(polled[0].revents & POLLIN))
            break;
        ssize_t got = read(handover->ends[0], handover->said + handover->size, SAID - handover->size);
        if (got <= 0)
            break;
        handover->size += (size_t)got;
        complete = handover->size > 1 && !handover->said[handover->size - 1] && !handover->said[handover->size - 2];
    }
    if (ended >= 0)
        close(ended);
    return complete;
}

static int code_of_python(const struct handover *handover) {
    int status;
    while (waitpid(handover->python, &status, 0) < 0)
        if (errno != EINTR)
            return EXIT_OURS;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int become_launcher(struct handover *handover, int program) {
    static const char words[] = "contain: cannot execute the launcher\n";
    char *list[WORDS + 1] = {NULL};
    char number[16], planner[32];
    int count = 0;
    format_number(number, sizeof number, handover->python);
    join_words(planner, sizeof planner, (const char *const[]){"--planner=", number, NULL});
    for (char *word = handover->said; *word && count < WORDS; word += strlen(word) + 1) {
        list[count++] = word;
        if (count == 1)
            list[count++] = planner;
    }
    if (fcntl(handover->plan, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0) {
        if (program >= 0)
            syscall(SYS_execveat, program, "", list, environ, AT_EMPTY_PATH);
        if (program < 0 || errno == EACCES) /* vm.memfd_noexec=2 */
            execv("/proc/self/exe", list);
    }
    (void)!write(STDERR_FILENO, words, sizeof words - 1);
    return EXIT_OURS;
}

int create_beside_python(int argc, char **argv, const char *verb) {
    static struct python python;
    static struct handover handover;
    if (!python_command(&python, argc, argv, verb))
        return EXIT_OURS;
    if (!is_plain() || !open_handover(&handover))
        return become_python(&python);
    (void)signal(SIGCHLD, SIG_DFL); /* ignored, it would take Python's code from us */
    if (!start_python(&handover, &python)) {
        close_handover(&handover);
        return become_python(&python);
    }
    if (python.pack >= 0)
        close(python.pack);
    int program = sealed_program();
    if (!listen_to_python(&handover)) {
        close_handover(&handover);
        return code_of_python(&handover);
    }
    return become_launcher(&handover, program);
}
