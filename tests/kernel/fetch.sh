#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Unpacks (does not install) Debian's newest kernels 6.1, 6.12 and 7.2 into
# DIR/6.1, DIR/6.12 and DIR/7. They come by apt from the mirror that this
# machine is configured with; a kernel that is there already is left alone.
#
# usage: fetch.sh DIR
set -euo pipefail

dir=${1:?usage: fetch.sh DIR}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/mirror.sh"

fetch() ( # fetch NAME SUITE PATTERN
	name=$1
	apt=$dir/apt-$2
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
	echo "deb [signed-by=$keyring] $uri $2 main" >"$apt/sources.list"
	options=(
		-o Dir::Etc::sourcelist="$apt/sources.list"
		-o Dir::Etc::sourceparts=/dev/null
		-o Dir::State::Lists="$apt/lists" -o Dir::Cache="$apt/cache"
		-o APT::Architecture=amd64 -o APT::Sandbox::User=root
		-o Acquire::Retries=3
	)
	apt-get "${options[@]}" -qq update
	package=$(apt-cache "${options[@]}" search --names-only "$3" |
		cut -d ' ' -f 1 | sort -V | tail -n 1)
	[ -n "$package" ] || {
		echo "no package $3 in $2" >&2
		exit 1
	}
	packages=("$package")
	# since 7 the image and its modules are two packages
	case $package in
	linux-binary-*) packages+=("${package/#linux-binary-/linux-modules-}") ;;
	esac
	rm -rf "$dir/$name.part" "$apt"/*.deb
	mkdir "$dir/$name.part"
	cd "$apt"
	apt-get "${options[@]}" -qq download "${packages[@]}"
	for deb in ./*.deb; do
		dpkg -x "$deb" "$dir/$name.part"
	done
	rm -rf ./*.deb "$apt/cache"
	mv "$dir/$name.part" "$dir/$name"
	echo "fetch.sh: $name is $package"
)

status=0
uri=$(mirror)
[ -n "$uri" ] || {
	echo "fetch.sh: apt has no archive configured on this machine" >&2
	exit 1
}
while read -r name suite pattern; do
	[ -d "$dir/$name" ] && continue
	# in the background, for set -e holds in no function that is tested
	fetch "$name" "$suite" "$pattern" </dev/null &
	wait $! || {
		echo "fetch.sh: no kernel $name could be had" >&2
		status=1
	}
done <<-'EOT'
	6.1 bookworm ^linux-image-6\.1\.0-[0-9]+-amd64$
	6.12 bookworm-backports ^linux-image-6\.12\.[0-9]+[^ ]*deb12-amd64$
	7 sid ^linux-binary-7\.[0-9.]+\+deb[0-9]+-amd64$
EOT
exit $status
