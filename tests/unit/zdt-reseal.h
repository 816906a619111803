/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * zdt-reseal.h - makes the checksums of a changed .zdt right again, so that a test
 * or a fuzzer reaches what is behind them
 */
#ifndef ZDT_RESEAL_H
#define ZDT_RESEAL_H

#include <stddef.h>

#include "traces/zdt.h"

/* As far as the blocks can be followed; the index takes their new checksums over. */
static inline void zdt_reseal(uint8_t *file, size_t size)
{
	uint8_t *t = file + size - ZDT_TRAILER_SIZE, *b, *e;
	size_t at = ZDT_HEADER_SIZE, nr = 0, i, start[64];

	if (size < ZDT_HEADER_SIZE + ZDT_TRAILER_SIZE)
		return;
	zdt_put64(file + 56, XXH3_64bits(file, 56));
	while (nr < 64 && size - ZDT_TRAILER_SIZE - at >= ZDT_BLOCK_SIZE) {
		uint32_t stored = zdt_get32(file + at + 8);

		b = file + at;
		if (stored > size - ZDT_TRAILER_SIZE - at - ZDT_BLOCK_SIZE)
			break;
		if (zdt_get16(b + 4) == ZDT_INDEX) {
			for (i = 0; i < nr && (i + 1) * ZDT_ENTRY_SIZE <= stored;
			     i++) {
				e = b + ZDT_BLOCK_SIZE + i * ZDT_ENTRY_SIZE;
				zdt_put64(e, start[i]);
				memcpy(e + 8, file + start[i] + 40, 8);
				memcpy(e + 16, file + start[i] + 16, 12);
				memcpy(e + 28, file + start[i] + 4, 4);
			}
			zdt_put64(t + 8, at);
			zdt_put64(t + 64, nr + 1);
		}
		zdt_put64(b + 40, zdt_checksum(b, b + ZDT_BLOCK_SIZE, stored));
		start[nr++] = at;
		at += ZDT_BLOCK_SIZE + stored;
	}
	zdt_put64(t + 56, size);
	zdt_put64(t + 72, XXH3_64bits(t, 72));
}

#endif /* ZDT_RESEAL_H */
