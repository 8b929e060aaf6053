/* SHA-256 (FIPS 180-4), for the names and stamps of cached plans. */
#ifndef SHA256_H
#define SHA256_H

#include <stddef.h>
#include <stdint.h>

struct sha256 {
    uint32_t state[8];
    uint64_t length;
    uint8_t block[64];
};

void sha256_start(struct sha256 *hash);
void sha256_add(struct sha256 *hash, const void *data, size_t size);
/* 64 hexadecimal digits and NUL. */
void sha256_hex(struct sha256 *hash, char out[65]);

#endif
