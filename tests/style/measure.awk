# SPDX-License-Identifier: BSD-3-Clause
# Measures C files. Writes one line, tab-separated, for each
#   F  file  line  name  length  nesting  parameters      function
#   M  file  line  declaration                            mutable variable
#   W  file  line  columns                                line over 80 columns
#   L  file  lines  code  comment                         file
# A function's length runs from the line of its name to its closing brace; its
# nesting is the number of blocks around its innermost statement, not counting
# its body. Initializers are no blocks. Lines of white space are in "lines"
# only. Plain awk: no part of it needs more than POSIX.

BEGIN {
	OFS = "\t"
	init_before = "(=|,|\\(|return)[ \t]*(&?\\([^()]*\\))?[ \t]*$"
}

FNR == 1 {
	if (file != "")
		end_file()
	file = FILENAME
	lines = code = comments = 0
	in_comment = in_macro = depth = function_depth = 0
	head = before = ""
	head_line = 0
}

{
	lines++
	text = strip($0)
	if ($0 ~ /^[ \t\f]*$/)
		next
	if (text ~ /^[ \t]*$/) {
		comments++
		check_width($0)
		next
	}
	code++
	check_width($0)
	if (in_macro || text ~ /^[ \t]*#/) {
		in_macro = text ~ /\\[ \t]*$/
		next
	}
	if (text ~ /^}/)
		close_all()
	scan(text)
}

END {
	if (file != "")
		end_file()
}

function end_file() {
	print "L", file, lines, code, comments
}

# The line without comments, and with empty strings and characters.
function strip(s, out, at, what) {
	out = ""
	for (;;) {
		if (in_comment) {
			at = index(s, "*/")
			if (!at)
				return out
			s = substr(s, at + 2)
			in_comment = 0
		}
		if (!match(s, /["']|\/\/|\/\*/))
			return out s
		what = substr(s, RSTART, RLENGTH)
		out = out substr(s, 1, RSTART - 1)
		s = substr(s, RSTART)
		if (what == "//")
			return out
		if (what == "/*") {
			in_comment = 1
			s = substr(s, 3)
		} else if (match(s, /^"([^"\\]|\\.)*"/) ||
			   match(s, /^'([^'\\]|\\.)*'/)) {
			out = out what what
			s = substr(s, RLENGTH + 1)
		} else {
			return out what
		}
	}
}

function check_width(s, col, i, parts, n) {
	n = split(s, parts, "\t")
	for (i = 1; i <= n; i++) {
		col += length(parts[i])
		if (i < n)
			col += 8 - col % 8
	}
	if (col > 80)
		print "W", file, FNR, col
}

# A closing brace in the first column ends whatever is open: conditional
# compilation can leave one too many.
function close_all() {
	while (depth > 1)
		depth--
}

function scan(s, c) {
	while (match(s, /[{};]/)) {
		c = substr(s, RSTART, 1)
		take(substr(s, 1, RSTART - 1))
		s = substr(s, RSTART + 1)
		if (c == "{")
			open_brace()
		else if (c == "}")
			close_brace()
		else
			semicolon()
	}
	take(s " ")
}

function take(s) {
	before = before s
	if (depth > 0)
		return
	if (head !~ /[(=]/ && s ~ /\(/)
		head_line = FNR
	if (head ~ /^[ \t]*$/)
		head_line = FNR
	head = head s
}

function open_brace(kind) {
	if (depth == 0) {
		gsub(/__attribute__ *\(\(.*\)\)/, "", head)
		if (head ~ /extern *""/) {
			head = before = ""
			return
		}
		kind = head ~ /=/ ? "init" : head ~ /\(/ ? "body" : "type"
		if (kind == "body")
			open_function()
	} else if (before ~ init_before ||
		   (stack[depth] == "init" && before !~ /\)[ \t]*$/)) {
		kind = "init"
	} else {
		kind = "block"
	}
	stack[++depth] = kind
	before = ""
	if (kind == "block")
		deepen()
}

function deepen(i, n) {
	for (i = 1; i <= depth; i++)
		n += stack[i] == "block"
	if (n > fn_nest)
		fn_nest = n
}

function open_function(name) {
	name = head
	sub(/[ \t]*\(.*/, "", name)
	sub(/.*[ \t*]/, "", name)
	fn_params = count_params(head)
	if (name ~ /^(START_TEST|TEST|TEST_F)$/) {
		name = head
		sub(/[^(]*\([ \t]*/, "", name)
		sub(/[ \t]*\).*/, "", name)
		fn_params = 0
	}
	fn_name = name
	fn_line = head_line
	fn_nest = 0
}

function count_params(s, i, c, level, n) {
	s = substr(s, index(s, "("))
	n = 1
	for (i = 1; i <= length(s); i++) {
		c = substr(s, i, 1)
		if (c == "(")
			level++
		else if (c == ")" && --level == 0)
			break
		else if (c == "," && level == 1)
			n++
	}
	return substr(s, 1, i) ~ /^\([ \t]*(void)?[ \t]*\)$/ ? 0 : n
}

function close_brace() {
	if (depth == 0)
		return
	if (depth == 1 && stack[1] == "body") {
		print "F", file, fn_line, fn_name, FNR - fn_line + 1, \
			fn_nest, fn_params
		head = ""
	}
	depth--
	before = ""
}

function semicolon() {
	before = ""
	if (depth > 0)
		return
	if (is_mutable(head))
		print "M", file, head_line, squeeze(head)
	head = ""
}

function squeeze(s) {
	gsub(/[ \t]+/, " ", s)
	sub(/^ /, "", s)
	return s
}

function is_mutable(s, pointer) {
	gsub(/__attribute__ *\(\(.*\)\)/, "", s)
	sub(/=.*/, "", s)
	s = squeeze(s)
	gsub(/\[[^]]*\]/, "", s)
	if (s ~ /^(typedef|extern|VBS_API extern) /)
		return 0
	if (s ~ /^(struct|union|enum)( [A-Za-z_0-9]+)? *$/ || s !~ /[^ ] ?[ *][A-Za-z_]/)
		return 0
	if (s ~ /\(/ && s !~ /\( *\* *[A-Za-z_0-9]+ *\)/)
		return 0
	if (s ~ /\(/ && s !~ /^static/)
		return 0
	pointer = s ~ /\*/
	if (pointer)
		sub(/.*\*/, "", s)
	return s !~ /(^|[ (])const /
}
