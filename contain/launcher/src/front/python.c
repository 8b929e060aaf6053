/* Starts the interpreter beside it, isolated (-I) and without site packages (-S), on our own package.
 *
 * pip writes console scripts that import the whole site first, and it drops the options of a `#!python -I -S` line; hence a program. What is
 * not found beside it is left to the ordinary `python -m contain`. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "../operation.h"
#include "../paths.h"
#include "front.h"

#ifndef CONTAIN_PYTHON
#define CONTAIN_PYTHON "3"
#endif

enum { FIXED_ARGUMENTS = 6 };

/* Joins folder and name; false when it does not fit or is not there. */
static int there(char *path, const char *folder, const char *name) {
    if (strlen(folder) + strlen(name) + 2 > PATH_SIZE)
        return 0;
    join_words(path, PATH_SIZE, (const char *const[]){folder, "/", name, NULL});
    return access(path, R_OK) == 0;
}

/* Finds contain/__main__.py where pip puts packages for the folder of programs we lie in. */
static int find_package(char *path, const char *folder) {
    return there(path, folder, "../lib/python" CONTAIN_PYTHON "/site-packages/contain/__main__.py") ||
           there(path, folder, "../lib/python" CONTAIN_PYTHON "/dist-packages/contain/__main__.py") ||
           there(path, folder, "../local/lib/python" CONTAIN_PYTHON "/dist-packages/contain/__main__.py");
}

/* Finds a program as a shell does, to know which file it is. */
static int find_on_path(char *path, const char *name) {
    char folder[PATH_SIZE];
    const char *list = getenv("PATH");
    for (list = list ? list : "/usr/local/bin:/usr/bin:/bin"; *list;) {
        size_t length = strcspn(list, ":");
        if (list[0] == '/' && length < sizeof folder) {
            memcpy(folder, list, length);
            folder[length] = '\0';
            if (there(path, folder, name) && access(path, X_OK) == 0)
                return 1;
        }
        list += length + (list[length] == ':');
    }
    return 0;
}

/* Finds the interpreter beside us, else on PATH, else leaves the name for the error. */
static void find_python(char *path, const char *folder) {
    if (!there(path, folder, "python" CONTAIN_PYTHON) && !there(path, folder, "python3") && !find_on_path(path, "python" CONTAIN_PYTHON))
        strcpy(path, "python" CONTAIN_PYTHON);
}

/* Where the program lies; false without procfs (which `contain` is to say itself), and then it is as the kernel was asked for it. */
static bool find_own_folder(char *folder) {
    ssize_t length = readlink("/proc/self/exe", folder, PATH_SIZE - 1);
    const char *asked = (const char *)(uintptr_t)getauxval(AT_EXECFN);
    char *path = length > 0 || asked == NULL ? NULL : realpath(asked, NULL);
    folder[length > 0 ? length : 0] = '\0';
    if (path != NULL && strlen(path) < PATH_SIZE)
        strcpy(folder, path);
    free(path);
    if (strrchr(folder, '/') != NULL)
        *strrchr(folder, '/') = '\0';
    return length > 0;
}

bool python_command(struct python *python, int argc, char **argv, const char *verb) {
    char folder[PATH_SIZE], number[16];
    const char **words = calloc((size_t)argc + FIXED_ARGUMENTS + 1, sizeof *words);
    int fixed = 0;

    python->pack = -1;
    if (words == NULL)
        return false;
    bool has_proc = find_own_folder(folder);

    find_python(python->program, folder);
    words[fixed++] = python->program;
    if (find_package(python->package, folder)) {
        words[fixed++] = "-I";
        words[fixed++] = "-S";
        python->pack = verb && has_proc ? find_pack(verb, python->package, python->program) : -1;
        if (python->pack >= 0) {
            format_number(number, sizeof number, python->pack);
            join_words(python->pack_path, sizeof python->pack_path, (const char *const[]){"/proc/self/fd/", number, NULL});
            words[fixed++] = python->pack_path;
        }
        words[fixed++] = python->package;
        words[fixed++] = argc > 0 ? argv[0] : "contain";
    } else {
        words[fixed++] = "-m";
        words[fixed++] = "contain";
    }
    for (int i = 1; i < argc; i++)
        words[fixed + i - 1] = argv[i];
    python->words = (char **)(uintptr_t)words;
    return true;
}

int become_python(const struct python *python) {
    char line[PATH_SIZE + 256];
    execvp(python->program, python->words);
    join_words(line, sizeof line, (const char *const[]){"contain: cannot start ", python->program, ": ", strerror(errno), "\n", NULL});
    (void)!write(STDERR_FILENO, line, strlen(line));
    return 125;
}

int execute_python(int argc, char **argv, const char *verb) {
    static struct python python;
    return python_command(&python, argc, argv, verb) ? become_python(&python) : 125;
}
