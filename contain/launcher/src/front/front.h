/* `contain`: answers the quick verbs itself and executes Python for all else, so that only those who need Python pay for it. */
#ifndef FRONT_H
#define FRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdnoreturn.h>

enum { PATH_SIZE = 4096 };

/* What the words before the verb said, as far as the quick verbs know them. */
struct request {
    char root[4096];
    const char *log;
    const char *log_format;
    const char *verb;
    int count; /* of the words behind the verb */
    char **words;
};

/* false: something is said that only Python understands. */
bool parse_request(int argc, char **argv, struct request *request);
/* Tries to answer. -1: Python shall do it (nothing was changed); else the exit code. */
int answer_request(const struct request *request);
/* Executes the launcher with a plan that was made before; returns when there is none that still holds. */
void run_cached(int argc, char **argv);
int answer_start(const struct request *request);
int answer_delete(const struct request *request);
/* Writes an error to the log (text or JSON, as runc does) and to stderr. Returns runc's exit code. */
int report_error(const struct request *request, const char *words);
/* The front, whose words are argv. Returns the exit code. */
int front_main(int argc, char **argv);
/* Python with our words. */
struct python {
    char program[PATH_SIZE], package[PATH_SIZE], pack_path[40];
    int pack; /* -1: it has none */
    char **words;
};

/* Finds it; `verb`, where it is known, may have a pack. false: no memory. */
bool python_command(struct python *python, int argc, char **argv, const char *verb);
/* Executes it. Returns only when there is none. */
int become_python(const struct python *python);
int execute_python(int argc, char **argv, const char *verb);
/* `create`: Python plans in a child while we make ready; then we become the launcher. Returns when Python refused, or there is none. */
int create_beside_python(int argc, char **argv, const char *verb);
/* AppArmor gives user namespaces by path: then Python executes the launcher's own file, which has a profile (contain doctor). */
bool is_restricted(void);
/* A sealed copy of this program: what a container can see as /proc/PID/exe is nobody's file (CVE-2019-5736). -1: none can be made. */
int sealed_program(void);
/* The folder of the cached plans and packs of the state root `root`, or -1 when anybody else can write there. */
int open_cache(const char *root);
/* The verb's pack (contain/packed/read.py), without close-on-exec, when there is one that this interpreter can run; else -1. */
int find_pack(const char *verb, const char *package, const char *python);
/* The state root when no --root is given (contain/state/layout.py, own_root). */
void default_root(char *root, size_t size);
/* A signal by number or name, with or without SIG. 0: none such. */
int signal_number(const char *text);

#endif
