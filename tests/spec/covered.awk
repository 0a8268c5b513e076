# SPDX-License-Identifier: BSD-3-Clause
# What tests say they cover: "slug" for what the name of a case says, "id" for
# a comment with "covers:", then the item and the test, tab-separated. A comment
# speaks for the START_TEST that follows, or for its file if none does. Only
# names that begin with the word in "want" are looked at.

FNR == 1 {
	flush_to(program)
	program = FILENAME
	sub(/.*\//, "", program)
	sub(/\.[a-z]*$/, "", program)
}

/covers: / {
	line = $0
	sub(/.*covers: */, "", line)
	sub(/ *\*\/.*/, "", line)
	n = split(line, part, /, */)
	for (i = 1; i <= n; i++)
		pending[++n_ids] = part[i]
}

/^START_TEST\(/ {
	name = $0
	sub(/^START_TEST\( */, "", name)
	sub(/ *\).*/, "", name)
	flush_to(name)
	if (index(name, want "_") == 1 && name ~ /__/) {
		item = substr(name, length(want) + 2)
		sub(/__.*/, "", item)
		print "slug\t" item "\t" name
	}
}

END {
	flush_to(program)
}

function flush_to(test, i) {
	for (i = 1; i <= n_ids; i++)
		print "id\t" pending[i] "\t" test
	n_ids = 0
}
