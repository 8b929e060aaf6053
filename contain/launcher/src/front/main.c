#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "front.h"

int front_main(int argc, char **argv) {
    struct request request;
    unsetenv("CONTAIN_HANDOVER"); /* ours to set (handover.c) */
    run_cached(argc, argv);
    if (!parse_request(argc, argv, &request))
        return execute_python(argc, argv, NULL);
    int code = answer_request(&request);
    if (code >= 0)
        return code;
    return strcmp(request.verb, "create") == 0 ? create_beside_python(argc, argv, request.verb) : execute_python(argc, argv, request.verb);
}
