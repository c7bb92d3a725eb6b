#!/bin/sh
# SPDX-License-Identifier: MIT
# Fails every STEPth system call of an apply of five targets in each of four ways, and counts how the tree came out.
# Runs in a test VM with ringside and strace. Usage: target_faults.sh STEP [WAY...]
set -u

step=$1
shift
[ $# -gt 0 ] || set -- signal=KILL error=EIO error=ENOSPC error=EBUSY
cd /tmp || exit 1

cat >before.yaml <<END
backstores:
  disk: file:/tmp/disk,size=1M
targets:
  naa.5001405c0ffee001: {1: {luns: {0: ramdisk:64K, 7: name:disk}}}
  naa.5001405c0ffee002: {1: {luns: {0: ramdisk:64K}}}
END
cat >after.yaml <<END
backstores:
  disk: {source: ramdisk:128K, attributes: {block_size: 4096}}
targets:
  naa.5001405c0ffee002: {1: {luns: {0: ramdisk:64K}}}
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

file=before.yaml
apply env || exit 1
tree >before.tree
file=after.yaml
apply env || exit 1
tree >after.tree
file=before.yaml
apply env || exit 1

for way; do
	calls=mkdir,rmdir,symlink,unlink,write,rename,fsync
	call=1 undone=0 finished=0 injected=1
	while [ "$injected" -gt 0 ]; do
		file=after.yaml
		apply strace -f -o trace -e trace="$calls" -e inject="$calls:$way:when=$call"
		injected=$(grep -c 'INJECTED\|killed by SIGKILL' trace)
		[ ! -e /run/ringside/target.journal ] || ringside target recover >/tmp/out || exit 1
		tree >now.tree
		if cmp -s now.tree before.tree; then
			undone=$((undone + 1))
		elif cmp -s now.tree after.tree; then
			finished=$((finished + 1))
			file=before.yaml
			apply env || exit 1
		else
			echo "neither before nor after: $way at call $call"
			cat err
			diff before.tree now.tree
			exit 1
		fi
		call=$((call + step))
	done
	echo "$way: $((undone + finished)) cases, $undone as before, $finished as asked for"
done
