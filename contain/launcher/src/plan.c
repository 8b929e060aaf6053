#include "plan.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "kernel_calls.h"
#include "operation.h"

#define HEADER_SIZE (8 + 16 + 8)
#define PLAN_LIMIT (64U << 20)

static const uint8_t *take(struct cursor *in, size_t size) {
    if (in->broken || size > in->left) {
        in->broken = true;
        in->left = 0;
        return NULL;
    }
    const uint8_t *at = in->at;
    in->at += size;
    in->left -= size;
    return at;
}

uint32_t take_u32(struct cursor *in) {
    uint32_t value = 0;
    const uint8_t *at = take(in, sizeof value);
    if (at)
        memcpy(&value, at, sizeof value);
    return value;
}

uint16_t take_u16(struct cursor *in) {
    uint16_t value = 0;
    const uint8_t *at = take(in, sizeof value);
    if (at)
        memcpy(&value, at, sizeof value);
    return value;
}

int64_t take_i64(struct cursor *in) {
    int64_t value = 0;
    const uint8_t *at = take(in, sizeof value);
    if (at)
        memcpy(&value, at, sizeof value);
    return value;
}

const char *take_text(struct cursor *in) {
    uint32_t size = take_u32(in);
    const uint8_t *at = take(in, (size_t)size + 1);
    if (!at)
        return "";
    if (at[size] != 0 || memchr(at, 0, size)) {
        in->broken = true;
        return "";
    }
    return (const char *)at;
}

struct blob take_blob(struct cursor *in) {
    uint32_t size = take_u32(in);
    const uint8_t *at = take(in, size);
    return at ? (struct blob){at, size} : (struct blob){NULL, 0};
}

struct texts take_texts(struct cursor *in) {
    struct texts none = {0, ""};
    uint32_t count = take_u32(in);
    uint32_t size = take_u32(in);
    const uint8_t *at = take(in, size);
    if (!at)
        return none;
    uint32_t found = 0;
    for (uint32_t i = 0; i < size; i++)
        found += at[i] == 0;
    if (found != count || (size > 0 && at[size - 1] != 0)) {
        in->broken = true;
        return none;
    }
    return (struct texts){count, (const char *)at};
}

bool take_end(const struct cursor *in) {
    return !in->broken && in->left == 0;
}

const char *texts_next(const char *text) {
    return text + strlen(text) + 1;
}

struct cursor plan_operations(const struct plan *plan) {
    return (struct cursor){plan->data + HEADER_SIZE, plan->size - HEADER_SIZE, false};
}

bool plan_next(struct cursor *operations, struct operation_head *head) {
    if (operations->broken || operations->left == 0)
        return false;
    uint32_t size = take_u32(operations);
    const uint8_t *at = size >= 4 ? take(operations, size - 4) : NULL;
    if (!at) {
        operations->broken = true;
        return false;
    }
    struct cursor in = {at, size - 4, false};
    head->kind = take_u16(&in);
    head->stage = take_u16(&in);
    head->place = take_text(&in);
    head->words = take_text(&in);
    head->fields = in;
    head->index++;
    return !in.broken;
}

/* Every operation once: known, of a known stage, in the order of stages, and decodable. */
static bool operations_hold(struct plan *plan) {
    struct cursor operations = plan_operations(plan);
    struct operation_head head = {0};
    uint32_t seen = 0;
    uint16_t stage = 0;
    while (plan_next(&operations, &head)) {
        if (head.kind == 0 || head.kind >= operation_row_count || head.stage < stage || head.stage == 0 || head.stage >= STAGE_COUNT)
            return false;
        stage = head.stage;
        struct cursor fields = head.fields;
        if (operation_rows[head.kind].step(NULL, &fields, -1) == DECODE_FAILED)
            return false;
        plan->stage_counts[head.stage]++;
        seen++;
    }
    return !operations.broken && operations.left == 0 && seen == plan->count;
}

int plan_check(const uint8_t *data, size_t size, struct plan *plan, const char **why) {
    struct cursor in = {data, size, false};
    *plan = (struct plan){.data = data, .size = size};
    const uint8_t *magic = take(&in, 8);
    const uint8_t *digest = take(&in, 16);
    uint32_t stated = take_u32(&in);
    plan->count = take_u32(&in);
    *why = "this is no plan";
    if (in.broken || memcmp(magic, "CONTPLN1", 8) != 0)
        return -1;
    *why = "the plan was made for another build of the launcher: run `make build`";
    if (memcmp(digest, operations_digest, 16) != 0)
        return -1;
    *why = "the plan is malformed";
    return stated == size && operations_hold(plan) ? 0 : -1;
}

int plan_open(int fd, struct plan *plan, const char **why) {
    struct stat st;
    *why = "the plan cannot be read";
    if (fstat(fd, &st) < 0 || st.st_size < HEADER_SIZE || st.st_size > PLAN_LIMIT)
        return -1;
    *why = "the plan is not sealed";
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & (F_SEAL_WRITE | F_SEAL_SHRINK)) != (F_SEAL_WRITE | F_SEAL_SHRINK))
        return -1;
    *why = "the plan cannot be mapped";
    void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        return -1;
    return plan_check(data, (size_t)st.st_size, plan, why);
}
