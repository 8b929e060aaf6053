/* The plan as it arrives: a sealed file in memory, decoded with bounds checks (contain/plan/encode.py writes it). */
#ifndef PLAN_H
#define PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct blob {
    const uint8_t *data;
    size_t size;
};

/* `count` strings, one behind the other, each with its NUL. */
struct texts {
    uint32_t count;
    const char *first;
};

/* The first error sticks: a broken cursor gives zeros and empty strings, and take_end() says no. */
struct cursor {
    const uint8_t *at;
    size_t left;
    bool broken;
};

struct plan {
    const uint8_t *data;
    size_t size;
    uint32_t count;
    uint32_t stage_counts[32];
};

/* One operation's head; `fields` stands behind it. */
struct operation_head {
    uint32_t index;
    uint16_t kind;
    uint16_t stage;
    const char *place;
    const char *words;
    struct cursor fields;
};

uint32_t take_u32(struct cursor *in);
uint16_t take_u16(struct cursor *in);
int64_t take_i64(struct cursor *in);
const char *take_text(struct cursor *in);
struct blob take_blob(struct cursor *in);
struct texts take_texts(struct cursor *in);
bool take_end(const struct cursor *in);
const char *texts_next(const char *text);

/* Maps and checks the whole plan: seals, magic, digest, and that every operation decodes. 0, or -1 with a word in *why. */
int plan_open(int fd, struct plan *plan, const char **why);
/* The same for bytes that are already in memory (the fuzzer). */
int plan_check(const uint8_t *data, size_t size, struct plan *plan, const char **why);
struct cursor plan_operations(const struct plan *plan);
/* The next operation, or false at the end. */
bool plan_next(struct cursor *operations, struct operation_head *head);

#endif
