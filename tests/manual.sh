#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The man page and the completion have the options of each command's --help, no
# more and no fewer, and the words that `zdedup list` and the program's own errors
# name. TAP on stdout.
#
# usage: manual.sh ZDEDUP
set -u
export LC_ALL=C

zdedup=${1:?usage: manual.sh ZDEDUP}
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
zdedup=$(absolute "$zdedup")
manual=$root/sim/zdedup.1
enter_work

# What the shell offers for the last of the words on a command line.
cat >complete.bash <<'END'
. "$1" && shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_zdedup
[ ${#COMPREPLY[@]} -eq 0 ] || printf '%s\n' "${COMPREPLY[@]}"
END
completes()
{
	bash complete.bash "$root/sim/zdedup.bash-completion" "$zdedup" "$@"
}

# equal NAME: "want" has lines, and "got" has the same ones
equal()
{
	[ -s want ] && sort want >want.sorted && sort got | diff want.sorted - >err
	result "$1" $?
}

# offers NAME WORD...: completion of the last WORD gives what is in "want"
offers()
{
	name=$1
	shift
	completes "$@" >got 2>err
	equal "$name"
}

# said_by COMMAND: the options in its --help
said_by()
{
	# shellcheck disable=SC2086 # "record vm" is two words
	"$zdedup" $1 --help | awk '/^  -/ { print $1 }'
}

# manual_of COMMAND: those in its part of the man page
manual_of()
{
	awk -v part="$1" '
		/^\.S[SH] / { on = 0 }
		/^\.SS / { sub(/^\.SS /, ""); gsub(/"/, ""); on = $0 == part; next }
		on && /^\.TP/ { getline; gsub(/\\-/, "-"); print $2 }' "$manual"
}

# listed KIND: the names under that heading of `zdedup list`
listed()
{
	"$zdedup" list | awk -v kind="$1" '
		/^[a-z]/ { on = $0 == kind; next }
		on && NF { print $1 }'
}

"$zdedup" --help | awk '/^  [a-z]/ && $1 != "zdedup" { print $1 }' >commands
commands=$(cat commands)

sed -n 's/^\.SS //p' "$manual" | grep -v '^"record vm"$' >got
cp commands want
equal "the man page has the commands"
for command in $commands "record vm"; do
	said_by "$command" >want
	manual_of "$command" >got
	equal "$command: the man page has the options of --help"
	# shellcheck disable=SC2086
	offers "$command: so has the completion" $command -
done

{ cat commands; printf '%s\n' --help --version; } >want
offers "commands are completed" ''
for pair in kernel:kernels compressor:compressors zpool:zpools hash:hashes \
		dedup:policies input-format:formats; do
	listed "${pair#*:}" >want
	offers "values of --${pair%:*}" replay "--${pair%:*}" ''
done
printf 'text\njson\ncsv\n' >want
offers "values of --format" replay --format ''
printf 'none\nalways\n' >want
offers "values that --help names" curve --dedup ''
echo csv >want
offers "a part of a value" replay --format c
offers "after =" replay --format = c
echo lz4,zstd >want
offers "the last of a list" sweep --compressor lz4,zs
listed formats >want
offers "values of import --from" import --from ''
"$zdedup" export --to '?' x -o y 2>&1 | sed 's/.*(//; s/).*//' | tr -s ', ' '\n' >want
offers "values of export --to" export --to ''
completes gen --from '' >got 2>err
[ ! -s got ] && [ ! -s err ]
result "a trace's name is left to the shell" $?
completes record -- - >got 2>err
[ ! -s got ] && [ ! -s err ]
result "so is what another program takes" $?

if command -v groff >/dev/null; then
	groff -man -Tutf8 -ww -z "$manual" >err 2>&1
	[ ! -s err ]
	result "the man page is formatted without a warning" $?
else
	skip "no groff, so the man page is not formatted"
fi

finish
