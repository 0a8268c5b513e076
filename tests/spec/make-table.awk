# SPDX-License-Identifier: BSD-3-Clause
# Joins three lists: "items" (CSV: id, ..., text), "reasons" (CSV: id, text) and
# standard input (tab-separated: how an id is written, the id or its slug, the
# test). Prints a row for each item, and fails when one has neither a test nor
# a reason, or when something speaks of an item that does not exist.

BEGIN {
	read_items()
	read_reasons()
	FS = "\t"
}

$1 == "slug" {
	if (!($2 in by_slug))
		complain($3 ": no item is called " $2)
	else
		add_test(by_slug[$2], $3)
}

$1 == "id" && (family($2) == family(ids[1])) {
	if (!($2 in text))
		complain($3 ": no item is called " $2)
	else
		add_test($2, $3)
}

END {
	print_table()
	exit bad
}

function complain(what) {
	print what >"/dev/stderr"
	bad = 1
}

# Clauses are lower case, classes of hostile input begin with a capital.
function family(id) {
	return id ~ /^[A-Z]/
}

function slug(id) {
	id = tolower(id)
	gsub(/[^a-z0-9]/, "_", id)
	return id
}

# The text after the last comma that is not quoted.
function last_field(line) {
	if (line !~ /"$/) {
		sub(/.*,/, "", line)
		return line
	}
	sub(/"$/, "", line)
	sub(/^[^"]*"/, "", line)
	return line
}

function read_items(line, f, n) {
	getline line <items
	while ((getline line <items) > 0) {
		split(line, f, ",")
		n = ++n_items
		ids[n] = f[1]
		area[f[1]] = f[2]
		text[f[1]] = last_field(line)
		if (!family(f[1]))
			weight[f[1]] = f[4] + f[5] " / " f[6] + f[7]
		if (slug(f[1]) in by_slug)
			complain(items ": two ids are written " slug(f[1]))
		by_slug[slug(f[1])] = f[1]
	}
	close(items)
}

function read_reasons(line, id) {
	getline line <reasons
	while ((getline line <reasons) > 0) {
		id = line
		sub(/,.*/, "", id)
		if (!(id in text))
			complain(reasons ": no item is called " id)
		reason[id] = last_field(line)
	}
	close(reasons)
}

function add_test(id, test) {
	if ((id, test) in seen)
		return
	seen[id, test] = 1
	tests[id] = tests[id] (tests[id] == "" ? "" : ", ") "`" test "`"
	n_tests[id]++
}

function print_table(i, id, cell, tested, not_yet) {
	for (i = 1; i <= n_items; i++) {
		id = ids[i]
		if (area[id] != area[ids[i - 1]])
			print_head(area[id], id in weight)
		cell = tests[id]
		if (id in reason)
			cell = cell (cell == "" ? "" : "; ") "**" reason[id] "**"
		if (cell == "")
			complain(id ": neither a test nor a reason")
		if (id in n_tests && reason[id] == "no case yet")
			complain(id ": has tests, but " reasons " says it has not")
		tested += id in n_tests
		not_yet += !(id in n_tests)
		print "| " id (id in weight ? " | " weight[id] : "") \
			" | " text[id] " | " cell " |"
	}
	print "\n" n_items " in all: " tested " with tests, " not_yet \
		" without."
}

function print_head(name, weighed) {
	print "\n## " name "\n"
	if (weighed) {
		print "| clause | must / should | what it asks for | tests;" \
			" **what is not tested** |"
		print "|---|---|---|---|"
	} else {
		print "| class | what comes in | tests; **what is not tested** |"
		print "|---|---|---|"
	}
}
