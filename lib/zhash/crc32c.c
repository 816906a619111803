/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * crc32c.c - CRC-32C (Castagnoli), the kernel's crc32c()
 *
 * With SSE4.2 three stretches run side by side, because the instruction takes
 * three cycles and may start in each (Gopal et al., "Fast CRC Computation for
 * iSCSI Polynomial Using CRC32 Instruction", Intel 2011), and carry-less
 * multiplications join them. Without, eight tables take eight bytes a step
 * (Kounavis and Berry, "slicing-by-8", 2005).
 */
#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "zhash/zhash.h"

/* The polynomial, lowest power in the highest bit. */
#define POLY 0x82f63b78u

static u32 table[8][256];
static u32 (*crc32c)(const void *data, size_t len);

u32 zhash_crc32c_portable(const void *data, size_t len)
{
	const u8 *p = data;
	u32 crc = ~0u;

	for (; len >= 8; len -= 8, p += 8) {
		u64 x = crc ^ zhash_load_le64(p);

		crc = table[7][x & 0xff] ^ table[6][x >> 8 & 0xff] ^
		      table[5][x >> 16 & 0xff] ^ table[4][x >> 24 & 0xff] ^
		      table[3][x >> 32 & 0xff] ^ table[2][x >> 40 & 0xff] ^
		      table[1][x >> 48 & 0xff] ^ table[0][x >> 56];
	}
	while (len--)
		crc = crc >> 8 ^ table[0][(crc ^ *p++) & 0xff];
	return ~crc;
}

#ifdef __x86_64__

/* A stretch: three of them and two words are a page. */
#define STRETCH 1360
/*
 * x^(8 * n - 33) modulo the polynomial: moves a CRC past n bytes. 32 of the 33
 * come back when the product is reduced by the crc32 instruction, 1 because the
 * product of two reflected words has a bit to spare.
 */
#define PAST_ONE 0x3f70cc6f	/* n = STRETCH */
#define PAST_TWO 0x5aa1f3cf	/* n = 2 * STRETCH */

__attribute__((target("sse4.2,pclmul"))) static inline u64
multiply(u64 crc, u32 power)
{
	__m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128(crc),
					       _mm_cvtsi32_si128(power), 0);

	return _mm_cvtsi128_si64(product);
}

__attribute__((target("sse4.2,pclmul"))) u32
zhash_crc32c_hw(const void *data, size_t len)
{
	const u8 *p = data;
	u64 crc = ~0u;

	for (; len >= 3 * STRETCH; len -= 3 * STRETCH, p += 3 * STRETCH) {
		u64 second = 0, third = 0;

		for (unsigned int i = 0; i < STRETCH; i += 8) {
			const u8 *q = p + i;

			crc = _mm_crc32_u64(crc, zhash_load_le64(q));
			second = _mm_crc32_u64(second,
					       zhash_load_le64(q + STRETCH));
			third = _mm_crc32_u64(third,
					      zhash_load_le64(q + 2 * STRETCH));
		}
		crc = third ^ _mm_crc32_u64(0, multiply(crc, PAST_TWO) ^
						   multiply(second, PAST_ONE));
	}
	for (; len >= 8; len -= 8, p += 8)
		crc = _mm_crc32_u64(crc, zhash_load_le64(p));
	while (len--)
		crc = _mm_crc32_u8(crc, *p++);
	return ~(u32)crc;
}

bool zhash_crc32c_has_hw(void)
{
	return __builtin_cpu_supports("sse4.2") &&
	       __builtin_cpu_supports("pclmul");
}

#else

u32 zhash_crc32c_hw(const void *data, size_t len)
{
	return zhash_crc32c_portable(data, len);
}

bool zhash_crc32c_has_hw(void)
{
	return false;
}

#endif

/* Before main, so that no two threads can meet in it. */
static void __attribute__((constructor)) crc32c_init(void)
{
	for (unsigned int i = 0; i < 256; i++) {
		u32 crc = i;

		for (unsigned int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? POLY : 0);
		table[0][i] = crc;
	}
	for (unsigned int t = 1; t < 8; t++) {
		for (unsigned int i = 0; i < 256; i++) {
			u32 crc = table[t - 1][i];

			table[t][i] = crc >> 8 ^ table[0][crc & 0xff];
		}
	}
#ifdef __x86_64__
	__builtin_cpu_init();
#endif
	crc32c = zhash_crc32c_has_hw() ? zhash_crc32c_hw :
					 zhash_crc32c_portable;
}

static void crc32c_digest(const struct zhash_key *key, const void *page,
			  struct zswap_digest *out)
{
	(void)key;
	out->lo = crc32c(page, PAGE_SIZE);
	out->hi = 0;
}

const struct zhash_ops zhash_crc32c = {
	.name = "crc32c",
	.bits = 32,
	.in_kernel = true,
	.digest = crc32c_digest,
};
