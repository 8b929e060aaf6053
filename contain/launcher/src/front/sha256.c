#include "sha256.h"

#include <string.h>

static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t value, int bits) {
    return (value >> bits) | (value << (32 - bits));
}

/* One round. Nothing is moved: the eight words are taken in turned order, `at` places further with each round. */
static inline __attribute__((always_inline)) void turn(uint32_t *s, unsigned at, uint32_t word) {
    uint32_t a = s[-at & 7], b = s[(1 - at) & 7], c = s[(2 - at) & 7];
    uint32_t e = s[(4 - at) & 7], f = s[(5 - at) & 7], g = s[(6 - at) & 7];
    uint32_t one = s[(7 - at) & 7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + word;
    s[(3 - at) & 7] += one;
    s[(7 - at) & 7] = one + (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
}

static void mix(struct sha256 *hash, const uint8_t *block) {
    uint32_t w[64];
    uint32_t s[8];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        uint32_t a = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ (w[i - 15] >> 3);
        uint32_t b = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ (w[i - 2] >> 10);
        w[i] = w[i - 16] + a + w[i - 7] + b;
    }
    memcpy(s, hash->state, sizeof s);
    for (int i = 0; i < 64; i += 8) {
        turn(s, 0, constants[i] + w[i]);
        turn(s, 1, constants[i + 1] + w[i + 1]);
        turn(s, 2, constants[i + 2] + w[i + 2]);
        turn(s, 3, constants[i + 3] + w[i + 3]);
        turn(s, 4, constants[i + 4] + w[i + 4]);
        turn(s, 5, constants[i + 5] + w[i + 5]);
        turn(s, 6, constants[i + 6] + w[i + 6]);
        turn(s, 7, constants[i + 7] + w[i + 7]);
    }
    for (int i = 0; i < 8; i++)
        hash->state[i] += s[i];
}

void sha256_start(struct sha256 *hash) {
    static const uint32_t first[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(hash->state, first, sizeof first);
    hash->length = 0;
}

void sha256_add(struct sha256 *hash, const void *data, size_t size) {
    const uint8_t *at = data;
    while (size > 0) {
        size_t used = hash->length % 64;
        size_t part = size < 64 - used ? size : 64 - used;
        memcpy(hash->block + used, at, part);
        hash->length += part;
        at += part;
        size -= part;
        if (used + part == 64)
            mix(hash, hash->block);
    }
}

void sha256_hex(struct sha256 *hash, char out[65]) {
    static const char digits[] = "0123456789abcdef";
    uint64_t bits = hash->length * 8;
    uint8_t tail[8];
    for (int i = 0; i < 8; i++)
        tail[i] = (uint8_t)(bits >> (56 - 8 * i));
    sha256_add(hash, "\x80", 1);
    while (hash->length % 64 != 56)
        sha256_add(hash, "", 1);
    sha256_add(hash, tail, sizeof tail);
    for (int i = 0; i < 32; i++) {
        uint8_t byte = (uint8_t)(hash->state[i / 4] >> (24 - 8 * (i % 4)));
        out[2 * i] = digits[byte >> 4];
        out[2 * i + 1] = digits[byte & 15];
    }
    out[64] = 0;
}
