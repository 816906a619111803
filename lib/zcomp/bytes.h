/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bytes.h - unaligned words of a page, for the encoders that are our own
 *
 * Always little-endian: what an encoder makes must not depend on the machine
 * that the model runs on.
 */
#ifndef ZCOMP_BYTES_H
#define ZCOMP_BYTES_H

#include <linux/compiler.h>
#include <linux/string.h>
#include <linux/types.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define bytes_le16(x) (x)
#define bytes_le32(x) (x)
#define bytes_le64(x) (x)
#else
#define bytes_le16(x) __builtin_bswap16(x)
#define bytes_le32(x) __builtin_bswap32(x)
#define bytes_le64(x) __builtin_bswap64(x)
#endif

static __always_inline u16 bytes_load16(const u8 *p)
{
	u16 v;

	memcpy(&v, p, sizeof(v));
	return bytes_le16(v);
}

static __always_inline u32 bytes_load32(const u8 *p)
{
	u32 v;

	memcpy(&v, p, sizeof(v));
	return bytes_le32(v);
}

static __always_inline u64 bytes_load64(const u8 *p)
{
	u64 v;

	memcpy(&v, p, sizeof(v));
	return bytes_le64(v);
}

static __always_inline void bytes_store16(u8 *p, u16 v)
{
	v = bytes_le16(v);
	memcpy(p, &v, sizeof(v));
}

static __always_inline void bytes_store32(u8 *p, u32 v)
{
	v = bytes_le32(v);
	memcpy(p, &v, sizeof(v));
}

/* How many bytes of two words, whose xor is @x (not 0), are alike. */
static __always_inline unsigned int bytes_alike(u64 x)
{
	return __builtin_ctzll(x) / 8;
}

/*
 * Copies @len bytes in steps of 8: up to 7 more are read and written, and 8 when
 * @len is 0.
 */
static __always_inline void bytes_copy_wide(u8 *dst, const u8 *src,
					    unsigned int len)
{
	const u8 *end = dst + len;

	do {
		memcpy(dst, src, 8);
		dst += 8;
		src += 8;
	} while (dst < end);
}

#endif /* ZCOMP_BYTES_H */
