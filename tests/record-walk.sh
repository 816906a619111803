#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The walks of docs/RECORD.md, from an empty machine to a first own trace, as they
# are written there: what is run are the document's own lines. TAP.
#
# usage: record-walk.sh ZDEDUP [WALK...]
#	 record-walk.sh --install [WALK...]
#
# A line "<!-- walk NAME STEP -->" stands before the commands of a step. With
# --install they are run as they are, in these sources and as root: it is for a
# machine that has nothing yet. Without, they are run in a folder of the run's own,
# where build/ is that of ZDEDUP and, if ZDEDUP_KERNELS names a folder, kernels/ is
# that; what installs, builds or fetches is left out. WALK: process, plugin, guest
# (the affordable ones), vm.
set -u
export LC_ALL=C.UTF-8

install=false
zdedup=${1:?usage: record-walk.sh ZDEDUP|--install [WALK...]}
shift
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/tap.sh"
shown=said
if [ "$zdedup" = --install ]; then
	install=true
else
	zdedup=$(absolute "$zdedup")
fi

# step lines of WALK, in the order of the steps
lines() # lines WALK
{
	awk -v walk="$1" '
		/^<!-- walk / { step = $3 == walk ? $4 : 0; seen = 0; next }
		step && /^    / { print step "\t" substr($0, 5); seen = 1; next }
		seen || !/^$/ { step = 0 }' "$root/docs/RECORD.md" |
		sort -s -n -k 1,1 | cut -f 2-
}

# What the walk gets from elsewhere and a test has already
prepares() # prepares LINE
{
	case $1 in
	./quickstart* | "sudo apt-get install "*) return 0 ;;
	"tests/kernel/fetch.sh "*) [ -n "${ZDEDUP_KERNELS-}" ] ;;
	*) return 1 ;;
	esac
}

# The tests of a command that prints TAP are tests of the walk; 77: it skips itself
count() # count NAME STATUS
{
	local line nested=false

	while read -r line; do
		case $line in
		"ok "*"# SKIP "*) skip "${line#*# SKIP }" ;;
		"ok "* | "not ok "*)
			nested=true
			[[ $line == "ok "* ]]
			result "${line#*ok [0-9]* - }" $?
			;;
		"# "*) echo "$line" ;;
		esac
	done < <(grep -E '^(ok|not ok|#) ' said)
	$nested && [ "$2" -le 1 ] && return
	if [ "$2" -eq 77 ]; then
		skip "$1: $(sed -n 's/.*# SKIP //p' said)"
	else
		result "$1" "$2"
	fi
}

# As root, sudo is no more than its command; apt-get asks nobody.
run() # run LINE
{
	APT_CONFIG=$quiet DEBIAN_FRONTEND=noninteractive \
		bash -c 'command -v sudo >/dev/null || sudo() { "$@"; }
			eval "$1"' walk "$1" >said 2>&1 </dev/null
}

# A server that nobody asks anything: it must listen, end, and leave a whole trace.
serve() # serve LINE
{
	local socket trace status

	socket=$(sed -n 's/.* -U \([^ ]*\) .*/\1/p' <<<"$1")
	trace=$(grep -o '[^ ]*\.zdt' <<<"$1")
	bash -c "exec $1" >said 2>&1 </dev/null &
	for _ in $(seq 100); do
		[ -S "$socket" ] && break
		sleep 0.1
	done
	[ -S "$socket" ] && kill $!
	status=$?
	kill $! 2>/dev/null
	wait $!
	"$zdedup" info "$trace" >>said 2>&1 && return $status
}

walk() # walk NAME
{
	local line name status

	[ -n "$(lines "$1")" ]
	result "docs/RECORD.md has the walk '$1'" $?
	while IFS= read -r line; do
		name=${line%%  *#*}
		if ! $install && prepares "$line"; then
			echo "# taken to be done: $name"
			continue
		fi
		case $line in
		"nbdkit -f "*) serve "$line" ;;
		*) run "$line" ;;
		esac
		status=$?
		count "$1: $name" $status
		# what follows needs what came before
		[ $status -eq 0 ] || return
	done < <(lines "$1")
}

# What the document has a user type in the guest is what the program says.
walk_guest()
{
	lines guest | sed 's/  *#.*//' >wanted
	"$zdedup" record vm --print -o guest.zdt | sed -n 's/^  //p' |
		diff wanted - >said && [ -s wanted ]
	result "guest: what to type there is what record vm says" $?
}

if $install; then
	cd "$root" || exit 99
	[ -z "$(find . -maxdepth 1 -name '*.zdt')" ] || {
		echo "record-walk.sh: there are traces here, which it would remove" >&2
		exit 99
	}
	zdedup=$root/build/zdedup
	quiet=$(mktemp)
	trap 'rm -f "$quiet" said wanted' EXIT
	echo 'APT::Get::Assume-Yes "true";' >"$quiet"
else
	enter_work
	quiet=/dev/null
	ln -s "$(dirname "$zdedup")" build
	ln -s "$root/tests" "$root/sim" .
	[ -z "${ZDEDUP_KERNELS-}" ] || ln -s "$ZDEDUP_KERNELS" kernels
fi
[ $# -gt 0 ] || set -- process plugin guest
for name in "$@"; do
	case $name in
	guest) walk_guest ;;
	plugin)
		if [ -f build/nbdkit-zdedup-plugin.so ] || $install; then
			walk plugin
			rm -f swap.sock
		else
			skip "plugin: there is no nbdkit-zdedup-plugin.so (nbdkit-plugin-dev was missing when this was built)"
		fi
		;;
	*) walk "$name" ;;
	esac
	rm -f ./*.zdt
done
finish
