#include <unistd.h>

#include "front.h"

int front_main(int argc, char **argv) {
    struct request request;
    run_cached(argc, argv);
    if (!parse_request(argc, argv, &request))
        return execute_python(argc, argv, NULL);
    int code = answer_request(&request);
    return code >= 0 ? code : execute_python(argc, argv, request.verb);
}
