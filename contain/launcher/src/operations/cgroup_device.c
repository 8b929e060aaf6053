/* Device rules of cgroup v2: an eBPF program that the plan brings as bytes (compile/device_program.py). */
#include <linux/bpf.h>
#include <string.h>
#include <unistd.h>

#include "../kernel_calls.h"
#include "../operation.h"

#ifndef SYS_bpf
#define SYS_bpf 321
#endif

#define ATTACHED 64

static int bpf(int command, union bpf_attr *attributes) {
    return (int)syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

static int load(const struct blob *program) {
    static const char licence[] = "Apache-2.0";
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    attributes.insns = (uint64_t)(uintptr_t)program->data;
    attributes.insn_cnt = (uint32_t)(program->size / sizeof(struct bpf_insn));
    attributes.license = (uint64_t)(uintptr_t)licence;
    strcpy(attributes.prog_name, "contain_devices");
    return bpf(BPF_PROG_LOAD, &attributes);
}

/* The programs attached to the cgroup itself; how many. */
static uint32_t attached(int group, uint32_t *ids) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.query.target_fd = (uint32_t)group;
    attributes.query.attach_type = BPF_CGROUP_DEVICE;
    attributes.query.prog_ids = (uint64_t)(uintptr_t)ids;
    attributes.query.prog_cnt = ATTACHED;
    return bpf(BPF_PROG_QUERY, &attributes) < 0 ? 0 : attributes.query.prog_cnt;
}

static int by_id(uint32_t id) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.prog_id = id;
    return bpf(BPF_PROG_GET_FD_BY_ID, &attributes);
}

/* Every attached program must agree, so an old one has to go for new rules to allow more: all but the last are detached first,
 * the last is replaced in one step. */
static int replaced(int group) {
    uint32_t ids[ATTACHED];
    uint32_t count = attached(group, ids);
    int last = -1;
    for (uint32_t i = 0; i < count; i++) {
        int program = by_id(ids[i]);
        if (program < 0 || i + 1 == count) {
            last = program;
            continue;
        }
        union bpf_attr attributes;
        memset(&attributes, 0, sizeof attributes);
        attributes.target_fd = (uint32_t)group;
        attributes.attach_bpf_fd = (uint32_t)program;
        attributes.attach_type = BPF_CGROUP_DEVICE;
        bpf(BPF_PROG_DETACH, &attributes);
        close(program);
    }
    return last;
}

int do_attach_device_program(struct context *context, const struct attach_device_program *operation) {
    /* the cgroup's slot may be O_PATH, which BPF refuses */
    int group = openat(slot(context, operation->slot), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (group < 0)
        return fail(context, errno, NULL);
    int program = load(&operation->program);
    int error = program < 0 ? errno : 0;
    if (!error) {
        int old = operation->replace ? replaced(group) : -1;
        union bpf_attr attributes;
        memset(&attributes, 0, sizeof attributes);
        attributes.target_fd = (uint32_t)group;
        attributes.attach_bpf_fd = (uint32_t)program;
        attributes.attach_type = BPF_CGROUP_DEVICE;
        attributes.attach_flags = BPF_F_ALLOW_MULTI | (old >= 0 ? BPF_F_REPLACE : 0U);
        attributes.replace_bpf_fd = old >= 0 ? (uint32_t)old : 0;
        error = bpf(BPF_PROG_ATTACH, &attributes) < 0 ? errno : 0;
        if (old >= 0)
            close(old);
        close(program);
    }
    close(group);
    return error ? fail(context, error, NULL) : 0;
}
