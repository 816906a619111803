#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Makes OUT, an initramfs of init.c and of the modules it takes to have a disk,
# every compressor and every allocator under the kernel in KERNELDIR.
#
# usage: initrd.sh KERNELDIR OUT
set -euo pipefail

kernel=$(cd "${1:?usage: initrd.sh KERNELDIR OUT}" && pwd)
out=${2:?usage: initrd.sh KERNELDIR OUT}
here=$(cd "$(dirname "$0")" && pwd)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

# What a kernel has built in it has no file for.
modules=(
	virtio virtio_ring virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci
	virtio_blk
	lz4_compress lz4hc_compress lz4 lz4hc zstd_compress zstd zlib_deflate
	deflate lzo_compress lzo lzo-rle
	zsmalloc zbud z3fold
)

mkdir "$root/mods" "$root/dev"
# without it there is no console before init has mounted devtmpfs; takes root
mknod "$root/dev/console" c 5 1 2>/dev/null || true
gcc -O2 -static -Wall -o "$root/init" "$here/init.c"
for module in "${modules[@]}"; do
	file=$(find "$kernel" -name "$module.ko" -o -name "$module.ko.xz" | head -n 1)
	case $file in
	*.xz) xz -dc "$file" >"$root/mods/$module.ko" ;;
	*.ko) cp "$file" "$root/mods/" ;;
	esac
done
(cd "$root" && find . | cpio --quiet -o -H newc | gzip -1) >"$out.part"
mv "$out.part" "$out"
