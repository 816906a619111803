#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The zstd of kernels that Debian 12's libzstd (1.5.4) is not equal to, for
# "zstd:lib=PATH" and for ZDEDUP_LIBZSTD of test-golden-zstd:
#   DIR/libzstd-1.5.7.so   Linux 7.2: Debian 13's libzstd
#   DIR/libzstd-1.4.10.so  Linux 6.1: lib/zstd of Debian's linux-source-6.1 (140 MB to
#                          fetch), compiled as a shared library: needs gcc and xz
# They come by apt from the mirror that this machine is configured with, and
# nothing is installed. One that is there already is left alone. Exit status 0 when
# both are there.
#
# usage: get-libzstd.sh DIR
# shellcheck disable=SC2317 # get calls the get_* by their version
set -euo pipefail

dir=${1:?usage: get-libzstd.sh DIR}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/mirror.sh"

# Unpacks a suite's newest PACKAGE below $tmp/PACKAGE.
unpack() ( # unpack SUITE PACKAGE
	apt=$tmp/apt-$1
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
	echo "deb [signed-by=$keyring] $uri $1 main" >"$apt/sources.list"
	options=(
		-o Dir::Etc::sourcelist="$apt/sources.list"
		-o Dir::Etc::sourceparts=/dev/null
		-o Dir::State::Lists="$apt/lists" -o Dir::Cache="$apt/cache"
		-o APT::Sandbox::User=root -o Acquire::Retries=3
	)
	apt-get "${options[@]}" -qq update || exit 1
	cd "$apt" || exit 1
	apt-get "${options[@]}" -qq download "$2" || exit 1
	dpkg -x "$2"_*.deb "$tmp/$2"
)

get_1_5_7() {
	unpack trixie libzstd1 || return 1
	cp "$tmp"/libzstd1/usr/lib/*/libzstd.so.1.5.7 "$tmp/libzstd-1.5.7.so"
}

# What lib/zstd takes from the rest of the kernel, in libc's terms.
write_shim() { # write_shim INCLUDE_DIR
	local name

	mkdir -p "$1/linux" "$1/asm"
	for name in linux/{compiler,kernel,limits,math64,module,printk,stddef,string,swab,types} \
		asm/unaligned; do
		echo '#include "shim.h"' >"$1/$name.h"
	done
	cat >"$1/shim.h" <<-'EOF'
		#ifndef SHIM_H
		#define SHIM_H
		#include <limits.h>
		#include <stddef.h>
		#include <stdint.h>
		#include <string.h>

		#define EXPORT_SYMBOL(name)
		#define EXPORT_SYMBOL_GPL(name)
		#define MODULE_LICENSE(text)
		#define MODULE_DESCRIPTION(text)
		#define fallthrough __attribute__((__fallthrough__))
		#define min(a, b) ((a) < (b) ? (a) : (b))
		#define swab32 __builtin_bswap32
		#define swab64 __builtin_bswap64
		#define div_u64(dividend, divisor) ((dividend) / (divisor))

		#define get_unaligned(p) ({						\
			__typeof__(*(p)) shim_value;					\
			memcpy((void *)&shim_value, (p), sizeof(shim_value));		\
			shim_value; })
		#define put_unaligned(value, p) do {					\
			__typeof__(*(p)) shim_value = (value);				\
			memcpy((p), &shim_value, sizeof(shim_value));			\
		} while (0)

		#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
		#define __LITTLE_ENDIAN 1234
		#define shim_le(bits, value) (value)
		#define shim_be(bits, value) __builtin_bswap##bits(value)
		#else
		#define shim_le(bits, value) __builtin_bswap##bits(value)
		#define shim_be(bits, value) (value)
		#endif
		#define SHIM_ORDERED(order, bits)					\
		static inline uint##bits##_t get_unaligned_##order##bits(const void *p)	\
		{									\
			return shim_##order(bits, get_unaligned((const uint##bits##_t *)p)); \
		}									\
		static inline void put_unaligned_##order##bits(uint##bits##_t v, void *p) \
		{									\
			uint##bits##_t ordered = shim_##order(bits, v);			\
			memcpy(p, &ordered, sizeof(ordered));				\
		}
		SHIM_ORDERED(le, 16)
		SHIM_ORDERED(le, 32)
		SHIM_ORDERED(le, 64)
		SHIM_ORDERED(be, 16)
		SHIM_ORDERED(be, 32)
		SHIM_ORDERED(be, 64)
		#endif
	EOF
}

get_1_4_10() {
	local source=linux-source-6.1 include=$tmp/include

	unpack bookworm "$source" || return 1
	tar -xJf "$tmp/$source/usr/src/$source.tar.xz" -C "$tmp" \
		"$source"/{lib/zstd,lib/xxhash.c,include/linux} || return 1
	write_shim "$include"
	cp "$tmp/$source"/include/linux/{zstd,zstd_errors,zstd_lib,xxhash}.h \
		"$include/linux" || return 1
	# The kernel's other headers stay out; its zstd calls its own functions.
	gcc -std=gnu11 -O2 -w -shared -fPIC -Wl,-Bsymbolic -Wl,--no-undefined \
		-I "$include" "$tmp/$source"/lib/zstd/{.,common,compress,decompress}/*.c \
		"$tmp/$source/lib/xxhash.c" -o "$tmp/libzstd-1.4.10.so"
}

get() { # get VERSION
	local lib=libzstd-$1.so

	[ ! -e "$dir/$lib" ] || return 0
	if "get_${1//./_}" && mv "$tmp/$lib" "$dir/$lib"; then
		echo "get-libzstd.sh: $dir/$lib"
	else
		echo "get-libzstd.sh: $lib is not to be had" >&2
		return 1
	fi
}

uri=$(mirror)
[ -n "$uri" ] || {
	echo "get-libzstd.sh: apt is not configured with a Debian mirror" >&2
	exit 1
}
status=0
get 1.5.7 || status=1
get 1.4.10 || status=1
exit $status
