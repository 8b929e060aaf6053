/* Starts the interpreter beside it, isolated (-I) and without site packages (-S), on our own package.
 *
 * pip writes console scripts that import the whole site first, and it drops the options of a `#!python -I -S` line; hence a program. What is
 * not found beside it is left to the ordinary `python -m contain`. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../operation.h"
#include "front.h"

#ifndef CONTAIN_PYTHON
#define CONTAIN_PYTHON "3"
#endif

enum { PATH_SIZE = 4096, FIXED_ARGUMENTS = 6 };

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

/* Finds the interpreter beside us, else leaves the name for PATH. */
static void find_python(char *path, const char *folder) {
    if (!there(path, folder, "python" CONTAIN_PYTHON) && !there(path, folder, "python3"))
        strcpy(path, "python" CONTAIN_PYTHON);
}

int execute_python(int argc, char **argv, const char *verb) {
    char folder[PATH_SIZE], python[PATH_SIZE], package[PATH_SIZE], pack[PATH_SIZE];
    const char **arguments = calloc((size_t)argc + FIXED_ARGUMENTS + 1, sizeof *arguments);
    ssize_t length = readlink("/proc/self/exe", folder, sizeof folder - 1);
    int fixed = 0;

    if (arguments == NULL)
        return 125;
    folder[length > 0 ? length : 0] = '\0';
    if (strrchr(folder, '/') != NULL)
        *strrchr(folder, '/') = '\0';

    find_python(python, folder);
    arguments[fixed++] = python;
    if (find_package(package, folder)) {
        arguments[fixed++] = "-I";
        arguments[fixed++] = "-S";
        if (verb && find_pack(pack, sizeof pack, verb, package, python))
            arguments[fixed++] = pack;
        arguments[fixed++] = package;
        arguments[fixed++] = argc > 0 ? argv[0] : "contain";
    } else {
        arguments[fixed++] = "-m";
        arguments[fixed++] = "contain";
    }
    for (int i = 1; i < argc; i++)
        arguments[fixed + i - 1] = argv[i];
    execvp(python, (char *const *)(uintptr_t)arguments);
    join_words(package, sizeof package, (const char *const[]){"contain: cannot start ", python, ": ", strerror(errno), "\n", NULL});
    (void)!write(STDERR_FILENO, package, strlen(package));
    return 125;
}
