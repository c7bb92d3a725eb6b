# SPDX-License-Identifier: MIT
# Reads lines of column, shape, side, median, least, most and perhaps the round trip of a cache line, split by tabs; prints
# the best column of each side, and each ratio beside the one that is asked for.

{
	if (!($2 in seen)) { seen[$2]; order[++rows] = $2 }
	if (!(($2, $3) in best) || $4 < best[$2, $3]) { best[$2, $3] = $4; how[$2, $3] = $5 "–" $6 " " $1; line[$2, $3] = $7 }
}

function cell(shape, side) {
	return (shape, side) in best ? sprintf("%.1f (%s)", best[shape, side], how[shape, side]) : "–"
}

# bar SHAPE A OTHER B LEAST: the time of A must be so many times that of B; negative: at most so many times.
function bar(shape, a, other, b, limit, where) {
	if (!((shape, a) in best) || !((other, b) in best)) return
	where = shape == other ? "" : other ": "
	verdict(shape ": " a " ÷ " where b, best[shape, a] / best[other, b], limit)
}

function verdict(what, ratio, limit, met, sign) {
	sign = limit > 0 ? "≥" : "≤"
	met = limit > 0 ? ratio >= limit : ratio <= -limit
	if (limit < 0) limit = -limit
	printf "| %s | %.2f | %s %.2f | %s |\n", what, ratio, sign, limit, (met ? "yes" : "**no**")
}

# lines SHAPE SIDE LIMIT: a latency in round trips of the line that was measured with it.
function lines(shape, side, limit) {
	if ((shape, side) in best)
		verdict(shape ": " side " ÷ round trip of a line (" line[shape, side] " ns)", best[shape, side] / line[shape, side], -limit)
}

function ours(shape) {
	if (!((shape, "packed") in best)) return "split"
	return best[shape, "packed"] < best[shape, "split"] ? "packed" : "split"
}

END {
	split("split packed vhost vringh ring", sides, " ")
	print "| ns for each chain (least–most of the rounds, build) | ours, split | ours, packed | vhost | vringh | ringtest |"
	print "| --- | --- | --- | --- | --- | --- |"
	for (i = 1; i <= rows; i++) {
		printf "| %s ", order[i]
		for (s = 1; s <= 5; s++) printf "| %s ", cell(order[i], sides[s])
		print "|"
	}
	print "\n| ratio | is | bar | met |\n| --- | --- | --- | --- |"
	bar("S3, batch 32", "vhost", "S3, batch 32", "split", 3)
	bar("S3, batch 32", "vringh", "S3, batch 32", "split", 3)
	bar("S3, batch 1", "vhost", "S3, batch 1", "split", 2.5)
	bar("S3, batch 1", "vringh", "S3, batch 1", "split", 2.5)
	bar("S3 indirect, batch 32", "vhost", "S3 indirect, batch 32", "split", 2.5)
	bar("S3 indirect, batch 32", "vringh", "S3 indirect, batch 32", "split", 2.5)
	bar("pair, batch 32", "vhost", "pair, batch 32", "split", 2.5)
	bar("S3, batch 32", "split", "S3, batch 32, 1 region", "split", -1.15)
	bar("S3, batch 32, ring of 4096", "split", "S3, batch 32, ring of 256", "split", -1.25)
	for (i = 1; i <= rows; i++) {
		shape = order[i]
		if (shape ~ /batch 32 of 128/ && shape !~ /one buffer/) bar(shape, "vhost", shape, ours(shape), 1.5)
		if (shape ~ /^two threads, batch 32/) bar(shape, "split", shape, "packed", 1)
		if (shape ~ /one outstanding/) { lines(shape, "packed", 1.9); lines(shape, "split", 2.4) }
		bar(shape, "ring", shape, ours(shape), 1)
	}
}
