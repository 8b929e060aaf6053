#include <string.h>
#include <unistd.h>

#include "../kernel_calls.h"
#include "../operation.h"

/* The strings of `from` as a vector that ends with NULL; `space` must hold count + 1. */
static void vector(char **space, struct texts from) {
    const char *at = from.first;
    for (uint32_t i = 0; i < from.count; i++, at = texts_next(at))
        space[i] = (char *)at;
    space[from.count] = NULL;
}

int do_execute(struct context *context, const struct execute *operation) {
    static char *args[4096];
    static char *env[4096];
    if (operation->args.count >= 4096 || operation->env.count >= 4096)
        return fail_code(context, E2BIG, 126, NULL);
    vector(args, operation->args);
    vector(env, operation->env);
    if (chdir(operation->cwd) < 0)
        return fail(context, errno, NULL);
    environ = env;
    execvp(args[0], args);
    return fail_code(context, errno, errno == ENOENT ? 127 : 126, NULL);
}
