#!/bin/sh
# SPDX-License-Identifier: MIT
# Fails every STEPth system call of an apply of five targets in each of four ways, and counts how the tree came out.
# Runs in a test VM with ringside and strace. Usage: target_faults.sh STEP changes|all [FROM [TO]]
# `changes` are the calls that change something, `all` every one that the program makes, from its own start on.
set -u

step=$1 calls=$2 from=${3:-1} to=${4:-100000}
cd /tmp || exit 1

cat >before.yaml <<END
backstores:
  disk: {source: "file:/tmp/disk,size=1M", alua_groups: {gold: 5}}
targets:
  naa.5001405c0ffee001: {1: {fabric_prot_type: 1, luns: {0: ramdisk:64K, 7: {source: name:disk, alua_group: gold}}}}
  naa.5001405c0ffee002:
    1:
      fabric_prot_type: 0
      luns: {0: {source: ramdisk:64K, attributes: {block_size: 512}, alua_groups: {silver: 6}, alua_group: silver}}
END
cat >after.yaml <<END
backstores:
  disk: {source: ramdisk:128K, attributes: {block_size: 4096}}
targets:
  naa.5001405c0ffee002: {1: {fabric_prot_type: 3, luns: {0: {source: ramdisk:64K, attributes: {block_size: 4096}}}}}
  naa.5001405c0ffee003: {1: {luns: {0: ramdisk:64K, 1: name:disk}}}
  naa.5001405c0ffee004: {1: {luns: {0: ramdisk:64K}}}
  naa.5001405c0ffee005: {1: {luns: {0: ramdisk:64K}}}
  naa.5001405c0ffee006: {1: {luns: {0: ramdisk:64K}}}
END

tree() {
	(cd /sys/kernel/config/target && find core vhost | sort)
	ringside target export
	ls /run/ringside
}

# One worker, because strace counts the calls of each thread.
apply() {
	"$@" ringside target apply --prune --workers 1 "$file" >/tmp/out 2>/tmp/err
}

# Makes the configuration from before, with settings that no file has.
start() {
	file=before.yaml
	apply env || return 1
	target=/sys/kernel/config/target/vhost/naa.5001405c0ffee001
	disk=$(echo /sys/kernel/config/target/core/fileio_*/disk)
	echo 0 >$target/param/cmd_completion_affinity && echo 1 >$target/tpgt_1/lun/lun_0/alua_tg_pt_offline &&
		echo alias >"$disk/alias" && echo 7 >"$disk/alua/default_tg_pt_gp/nonop_delay_msecs" &&
		echo 1 >"$disk/alua/gold/alua_access_type"
}

start || exit 1
tree >before.tree
file=after.yaml
apply env || exit 1
tree >after.tree
start || exit 1

# Every call as its name and its number among those of that name, as strace counts them.
file=after.yaml
apply strace -f -o trace
grep -oE '^[0-9]+ +[a-z0-9_]+\(' trace | tr -d '(' | awk -v calls="$calls" '
	BEGIN { split("mkdir rmdir symlink unlink write rename fsync", names); for (i in names) changes[names[i]] }
	calls == "all" || $2 in changes { print $2, ++count[$2] }' |
	awk -v step="$step" -v from="$from" -v to="$to" 'NR >= from && NR <= to && (NR - from) % step == 0' >places
start || exit 1

# try CALL NUMBER WAY: prints how the tree came out.
try() {
	file=after.yaml
	apply strace -f -o trace -e trace="$1" -e inject="$1:$3:when=$2"
	asked=missed
	! grep -q 'INJECTED\|killed by SIGKILL' trace || asked=after
	# One that was killed while it wrote its journal leaves that unfinished.
	[ -z "$(find /run/ringside -name 'target.journal*')" ] || ringside target recover >/tmp/out || exit 1
	tree >now.tree
	cmp -s now.tree before.tree && echo before && return
	if cmp -s now.tree after.tree; then
		start && echo $asked && return
	fi
	echo "neither before nor after: $3 at $1 $2" >&2
	cat err >&2
	diff before.tree now.tree >&2
	exit 1
}

for way in signal=KILL error=EIO error=ENOSPC error=EBUSY; do
	while read -r call number; do try "$call" "$number" "$way" || exit 1; done <places >outcomes || exit 1
	undone=$(grep -c before outcomes) finished=$(grep -c after outcomes)
	echo "$way: $((undone + finished)) cases, $undone as before, $finished as asked for"
done
