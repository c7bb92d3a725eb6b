# SPDX-License-Identifier: MIT
# Reads lines of shape, back-end, nanoseconds for each request, processor time of the back-end for each, kicks and wake-ups
# for 1000, split by tabs; prints medians, and each ratio beside the one that is asked for.

BEGIN {
	split("null ram file qnull qthreads quring floor", names, " ")
	say["null"] = "ours, null"; say["ram"] = "ours, memory"; say["file"] = "ours, tmpfs file"
	say["qnull"] = "qemu-storage-daemon, null-co"
	say["qthreads"] = "qemu-storage-daemon, tmpfs file, aio=threads"
	say["floor"] = "a thread that spins, and answers after 350 ns"
	say["sleep"] = "a driver that always sleeps"; say["adapt"] = "a driver that spins for 50 µs, then sleeps"
	say["quring"] = "qemu-storage-daemon, tmpfs file, aio=io_uring"
}
{
	if (!($1 in seen)) { seen[$1]; shapes[++rows] = $1 }
	n = ++count[$1, $2]
	for (i = 3; i <= 6; i++) value[$1, $2, i, n] = $i
}

# The median, and with `part` 0 or 1 the least or the most.
function rank(shape, name, field, part, n, i, j, swap, sorted) {
	n = count[shape, name]
	for (i = 1; i <= n; i++) sorted[i] = value[shape, name, field, i] + 0
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && sorted[j] < sorted[j - 1]; j--) { swap = sorted[j]; sorted[j] = sorted[j - 1]; sorted[j - 1] = swap }
	return part == "" ? sorted[int((n + 1) / 2)] : sorted[part ? n : 1]
}

# How many times as long the other takes.
function times(shape, other, name) {
	return rank(shape, other, 3) / rank(shape, name, 3)
}

function bar(what, is, sign, limit, unit) {
	printf "| %s | %.2f%s | %s %.2f%s | %s |\n", what, is, unit, sign, limit, unit, \
		((sign == "≤" ? is <= limit : is >= limit) ? "yes" : "**no**")
}

# A figure that nothing is asked of.
function note(what, is) {
	printf "| %s | %.2f | | |\n", what, is
}

END {
	print "| front-end, depth | back-end | ns for each request (least–most) | thousands a second | back-end's CPU, ns | kicks, wake-ups of 1000 |"
	print "| --- | --- | --- | --- | --- | --- |"
	for (r = 1; r <= rows; r++)
		for (i = 1; i <= 7; i++) {
			shape = shapes[r]; name = names[i]
			if (!((shape, name) in count) || shape ~ /idle/) continue
			ns = rank(shape, name, 3)
			printf "| %s | %s | %.0f (%.0f–%.0f) | %.0f | %.0f | %.0f, %.0f |\n", shape, say[name], ns, \
				rank(shape, name, 3, 0), rank(shape, name, 3, 1), 1e6 / ns, rank(shape, name, 4), \
				rank(shape, name, 5), rank(shape, name, 6)
		}
	print "\n| | is | bar | met |\n| --- | --- | --- | --- |"
	bar("null, depth 32, both polling", rank("poll 32", "null", 3) / 1000, "≤", 0.2, " µs")
	bar("memory, depth 32, both polling", 1000 / rank("poll 32", "ram", 3), "≥", 1.17, " M/s")
	bar("the same: qemu-storage-daemon as it comes ÷ ours", times("poll 32", "qthreads", "ram"), "≥", 12)
	for (i = 1; i <= split("adapt sleep", modes, " "); i++) {
		shape = modes[i] " 1"
		bar("memory, depth 1, " say[modes[i]] ": qemu-storage-daemon as it comes ÷ ours", times(shape, "qthreads", "ram"), "≥", 10)
		note("the same: with aio=io_uring ÷ ours", times(shape, "quring", "ram"))
		note("the same: ours ÷ the floor", times(shape, "ram", "floor"))
	}
	bar("tmpfs file, depth 32, both polling: qemu-storage-daemon as it comes ÷ ours", times("poll 32", "qthreads", "file"), "≥", 4)
	bar("the same: with aio=io_uring ÷ ours", times("poll 32", "quring", "file"), "≥", 4)
	bar("memory, depth 32: back-end's CPU for each request", rank("poll 32", "ram", 4) / 1000, "≤", 0.82, " µs")
	bar("idle: back-end's CPU of a third of a second", rank("idle 1", "ram", 4) / 1e6, "≤", 0.1, " ms")
}
