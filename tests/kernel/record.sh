#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A real kernel in QEMU, short of memory because of real programs of this
# machine's (an interpreter, a compiler, a key-value server where there is one),
# swaps to the recording disk; what was recorded is converted, joined with the
# guest's own events, and replayed. Two to three minutes, at most six. TAP.
#
# usage: record.sh ZDEDUP KERNELDIR [OUTDIR]
# KERNELDIR: an unpacked kernel, as fetch.sh makes them (6.12 or later)
# OUTDIR: keep the traces there
# ZD_MEMORY=MIB of the guest (160), ZD_SCALE=PERCENT of the workload (100)
set -u
export LC_ALL=C

skip() {
	echo "1..0 # SKIP $*"
	exit 77
}

[ $# -ge 2 ] || {
	sed -n 's/^# \(usage: .*\)/\1/p' "$0" >&2
	exit 2
}
zdedup=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
[ "$(uname -m)" = x86_64 ] || skip "the guest's programs are this machine's, and Debian's kernel here is for x86-64"
for tool in qemu-system-x86_64 nbdkit cpio xz gcc python3; do
	command -v $tool >/dev/null || skip "there is no $tool"
done
[ -f "$(dirname "$zdedup")/nbdkit-zdedup-plugin.so" ] || nbdkit --dump-plugin zdedup >/dev/null 2>&1 ||
	skip "there is no nbdkit-zdedup-plugin.so (nbdkit-plugin-dev was missing when this was built)"
[ -d "$2" ] || skip "there is no kernel in $2 (tests/kernel/fetch.sh gets one)"
kernel=$(realpath "$2")
vmlinuz=$(find "$kernel" -name 'vmlinuz*' | head -n 1)
[ -n "$vmlinuz" ] || skip "there is no vmlinuz in $kernel"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
out=$work/out
mkdir "$out"

nr=0
failed=0
result() { # result STATUS NAME [FILE to show when it is not 0]
	nr=$((nr + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $nr - $2"
	else
		echo "not ok $nr - $2"
		[ $# -lt 3 ] || tail -n 30 "$3" | sed 's/^/# /'
		failed=1
	fi
}

initrd() {
	local root=$work/root module file

	mkdir -p "$root/mods" "$root/dev"
	mknod "$root/dev/console" c 5 1 2>/dev/null
	gcc -O2 -static -Wall -o "$root/init" "$here/record-init.c" || return 1
	# from libcrc32c on, what CRIU asks a kernel for before it does anything
	for module in virtio virtio_ring virtio_pci_legacy_dev virtio_pci_modern_dev \
		virtio_pci virtio_blk fscache netfs 9pnet 9pnet_virtio 9p overlay \
		libcrc32c crc32c_generic nfnetlink nf_tables tun veth unix_diag \
		inet_diag tcp_diag udp_diag raw_diag netlink_diag af_packet_diag; do
		file=$(find "$kernel" -name "$module.ko" -o -name "$module.ko.xz" | head -n 1)
		case $file in
		*.xz) xz -dc "$file" >"$root/mods/$module.ko" ;;
		*.ko) cp "$file" "$root/mods/" ;;
		esac
	done
	(cd "$root" && find . | cpio --quiet -o -H newc | gzip -1) >"$work/initrd.gz"
}

# Two processors in turns: on threads of their own QEMU lets one run what the other is
# about to have patched, and one boot in fifty ends in "Oops: int3".
guest() {
	# shellcheck disable=SC2086
	timeout -s INT 900 "$zdedup" record vm --size 512M -o "$work/device.zdt" -- \
		-M q35 -accel tcg,thread=single -cpu max -smp 2 -m "${ZD_MEMORY:-160}" -nographic \
		-nodefaults -no-reboot -serial stdio -kernel "$vmlinuz" \
		-initrd "$work/initrd.gz" -append "console=ttyS0 quiet panic=-1" \
		-virtfs local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap \
		-virtfs local,path="$out",mount_tag=out,security_model=none \
		</dev/null >"$work/raw" 2>&1
	tr -d '\r' <"$work/raw" >"$work/console"
}

number() { # number NAME: of the guest's last counters
	sed -n "s/^RECORD $1 //p" "$work/console" | tail -n 1
}

of() { # of TRACE WORD: as info says it
	"$zdedup" info "$1" | sed -n "1s/.* \([0-9]*\) $2.*/\1/p"
}

initrd || skip "no initramfs could be made (static libc?)"
cp "$here/../../sim/record-guest.sh" "$out"
gcc -O1 -static -o "$out/record-helper" "$here/../record-helper.c"
{
	echo "#!/bin/sh"
	echo "ZD_SCALE=${ZD_SCALE:-100}"
	cat "$here/record-workload.sh"
} >"$out/workload"
guest
grep -q '^RECORD done' "$work/console"
result $? "the guest came to its end" "$work/console"
sed -n 's/^RECORD /# guest: /p' "$work/console"

"$zdedup" info "$work/device.zdt" >"$work/info" 2>&1
result $? "info of what the disk recorded" "$work/info"
sed 's/^/# /' "$work/info" | head -n 4
# What the kernel counted is what the disk saw; zero pages never come to it.
stores=$(of "$work/device.zdt" stores)
pages=$(number pswpout)
zero=$(number swpout_zero)
[ "${stores:-0}" -gt 1000 ] && [ "$stores" -ge $((pages - 64)) ] && [ "$stores" -le "$pages" ]
result $? "the disk saw the pages out: $stores recorded, pswpout $pages, swpout_zero ${zero:-none}"

"$zdedup" import --vantage slots "$work/device.zdt" -o "$work/slots.zdt" >"$work/said" 2>&1
result $? "converted: $(tail -n 1 "$work/said" | sed 's/^[^:]*: //')" "$work/said"
"$zdedup" import --events "$out/guest.trace" "$work/device.zdt" -o "$work/joined.zdt" >"$work/said" 2>&1
status=$?
# Every write has its store, but for the last ones: the guest goes on swapping
# while the probes are taken off.
read -r missing extra lost < <(sed -n 's/.*; \([0-9]*\) stores had no write, \([0-9]*\) writes no store; the guest lost \([0-9]*\) lines/\1 \2 \3/p' "$work/said")
[ "${missing:-1}" -eq 0 ] && [ "${extra:-99999}" -le $((stores / 50)) ] && [ "${lost:-1}" -eq 0 ] || status=1
result $status "joined with the guest's events: $(tail -n 1 "$work/said" | sed 's/^[^:]*: //')" "$work/said"
for trace in device slots joined; do
	"$zdedup" replay "$work/$trace.zdt" --dedup always >"$work/$trace" 2>&1
	result $? "replayed: $trace" "$work/$trace"
	sed 's/^/# /' "$work/$trace"
done
# CRIU's own images; every page begins with its name. Of two processes, but what
# they share is there once.
if [ -f "$out/dump/inventory.img" ]; then
	"$zdedup" export --to ops "$out/dump" -o "$work/dump" >"$work/said" 2>&1 &&
		grep -aoE 'TAG-[a-z]+-[0-9]+-1;' "$work/dump/pages.raw" | cut -d - -f 2 |
		sort | uniq -c | awk '{ printf "%s %s ", $2, $1 }' >>"$work/said"
	grep -q "copied 4 noise 20 none 18 shared 5 " "$work/said"
	result $? "a dump by CRIU: $(tail -n 1 "$work/said")" "$work/said"
elif grep -q '^RECORD criu' "$work/console"; then
	result 1 "criu dumps" "$out/dump/log"
else
	nr=$((nr + 1))
	echo "ok $nr # SKIP there is no criu"
fi
# Only what the disk says of itself differs: the first lines, and frees of nothing.
diff <(sed '1,/^$/d; /^Loads/d' "$work/device") <(sed '1,/^$/d; /^Loads/d' "$work/slots") >"$work/said"
result $? "the replay puts in what the conversion does" "$work/said"
[ $# -lt 3 ] || {
	mkdir -p "$3"
	cp "$work"/*.zdt "$out/guest.trace" "$work/console" "$3"
}
echo "1..$nr"
exit $failed
