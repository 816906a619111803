# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# For the scripts beside this one: the archive that apt is configured with here.

# The first that is called debian, else the first that has no security updates.
mirror() {
	local all

	all=$({
		sed -n 's/^URIs:[[:space:]]*//p' /etc/apt/sources.list.d/*.sources
		sed -nE 's/^deb[[:space:]]+(\[[^]]*\][[:space:]]+)?([^[:space:]]+).*/\2/p' \
			/etc/apt/sources.list
	} 2>/dev/null | grep -v security)
	grep -E -m 1 '/debian/?$' <<<"$all" || head -n 1 <<<"$all"
}
