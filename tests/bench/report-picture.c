// SPDX-License-Identifier: BSD-3-Clause
/*
 * The picture: for each work a bar of libvbs, whose time is 1, and one of each
 * peer, as long as its time. Colours follow the reader's scheme.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench/report.h"

#define WIDTH   880
#define MARGIN  24
#define LABEL_X 268 /* works end here */
#define BAR_X   280 /* bars begin here */
#define BAR_MAX 390 /* the longest of them */
#define MAX     10  /* its length; what is longer is broken off */
#define ROW     19
#define THICK   13
#define GAP     9  /* between works */
#define HEADING 40 /* of a section */
#define TOP     92
#define BOTTOM  34

static const char style[] =
	"<style>\n"
	"text { font: 13px system-ui, sans-serif; fill: #24292f }\n"
	".title { font-size: 19px; font-weight: 600 }\n"
	".section { font-size: 14px; font-weight: 600; paint-order: stroke; "
	"stroke: #ffffff; stroke-width: 5px }\n"
	".small { font-size: 12px; fill: #57606a }\n"
	".value { font-weight: 600 }\n"
	".ground { fill: #ffffff; stroke: #d0d7de }\n"
	".ours { fill: #1a7f64 }\n"
	".peer { fill: #a9b4c0 }\n"
	".one { stroke: #57606a; stroke-dasharray: 2 3 }\n"
	".limit { stroke: #cf222e; stroke-width: 2 }\n"
	".break { stroke: #ffffff; stroke-width: 3 }\n"
	"@media (prefers-color-scheme: dark) {\n"
	"text { fill: #e6edf3 }\n"
	".section { stroke: #0d1117 }\n"
	".small { fill: #9da7b1 }\n"
	".ground { fill: #0d1117; stroke: #30363d }\n"
	".ours { fill: #3fb68f }\n"
	".peer { fill: #56616d }\n"
	".one { stroke: #9da7b1 }\n"
	".limit { stroke: #ff7b72 }\n"
	".break { stroke: #0d1117 }\n"
	"}\n"
	"</style>\n";

/* What has been drawn so far. */
struct picture {
	const json_t *report;
	double scale; /* pixels for the time of libvbs */
	int y;
};

static bool
is_drawn(const json_t *report, const struct bar *bar)
{
	return bar->drawn && isfinite(bar_length(report, bar));
}

static bool
is_same_work(const struct bar *a, const struct bar *b)
{
	return strcmp(a->section, b->section) == 0 &&
	       strcmp(a->work, b->work) == 0;
}

/* The one that was drawn before this one, or NULL. */
static const struct bar *
drawn_before(const json_t *report, int i)
{
	while (--i >= 0)
		if (is_drawn(report, &bars[i]))
			return &bars[i];
	return NULL;
}

/* What the peer takes if libvbs is just as fast as is asked for; 0: nothing. */
static double
limit_length(const struct bar *bar)
{
	return bar->rate || bar->limit == 0 ? bar->limit : 1 / bar->limit;
}

/* Libvbs has 1, not 1.00: it was not measured, it is the scale. */
static int
digits(double length)
{
	return length == 1 ? 0 : length < 10 ? 2 : 1;
}

/* A bar; what is written behind it begins after free, if that is further. */
static void
draw_one(struct picture *p, const char *name, const char *class, double length,
	 double free)
{
	double width = fmin(length, MAX) * p->scale;

	(void)printf("<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.1f\" "
		     "height=\"%d\" rx=\"2\"/>\n",
		     class, BAR_X, p->y, width, THICK);
	if (length > MAX)
		(void)printf("<line class=\"break\" x1=\"%.1f\" y1=\"%d\" "
			     "x2=\"%.1f\" y2=\"%d\"/>\n",
			     BAR_X + width - 18, p->y + THICK + 2,
			     BAR_X + width - 10, p->y - 2);
	(void)printf("<text x=\"%.1f\" y=\"%d\"><tspan class=\"value\">"
		     "%.*f</tspan> %s</text>\n",
		     BAR_X + fmax(width, fmax(free, 1) * p->scale) + 7,
		     p->y + THICK - 2, digits(length), length, name);
}

static void
draw_limit(struct picture *p, double length)
{
	double x = BAR_X + length * p->scale;

	if (length > 0)
		(void)printf("<line class=\"limit\" x1=\"%.1f\" y1=\"%d\" "
			     "x2=\"%.1f\" y2=\"%d\"/>\n",
			     x, p->y - 2, x, p->y + THICK + 2);
}

static void
draw_bar(struct picture *p, const struct bar *bar, const struct bar *before)
{
	if (!before || strcmp(bar->section, before->section) != 0) {
		p->y += HEADING;
		(void)printf("<text class=\"section\" x=\"%d\" y=\"%d\">%s"
			     "</text>\n",
			     MARGIN, p->y - 14, bar->section);
	} else if (!is_same_work(bar, before)) {
		p->y += GAP;
	}
	if (!before || !is_same_work(bar, before)) {
		(void)printf("<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s"
			     "</text>\n",
			     LABEL_X, p->y + THICK - 2, bar->work);
		draw_one(p, "libvbs", "ours", 1, 0);
		p->y += ROW;
	}
	draw_one(p, bar->peer, "peer", bar_length(p->report, bar),
		 limit_length(bar));
	draw_limit(p, limit_length(bar));
	p->y += ROW;
}

static void
draw_all(struct picture *p)
{
	for (int i = 0; i < n_bars; i++)
		if (is_drawn(p->report, &bars[i]))
			draw_bar(p, &bars[i], drawn_before(p->report, i));
}

/* As high as what draw_all() draws. */
static int
height_of(const json_t *report)
{
	int y = TOP;

	for (int i = 0; i < n_bars; i++) {
		const struct bar *before = drawn_before(report, i);

		if (!is_drawn(report, &bars[i]))
			continue;
		if (!before || strcmp(bars[i].section, before->section) != 0)
			y += HEADING;
		else if (!is_same_work(&bars[i], before))
			y += GAP;
		if (!before || !is_same_work(&bars[i], before))
			y += ROW;
		y += ROW;
	}
	return y + BOTTOM;
}

/* The longest bar, or limit. */
static double
longest(const json_t *report)
{
	double max = 1;

	for (int i = 0; i < n_bars; i++) {
		if (!is_drawn(report, &bars[i]))
			continue;
		max = fmax(max, bar_length(report, &bars[i]));
		max = fmax(max, limit_length(&bars[i]));
	}
	return fmin(max, MAX);
}

static void
draw_head(const json_t *report, int height)
{
	const char *date = json_string_value(json_object_get(report, "date"));
	const char *machine =
		json_string_value(json_object_get(report, "machine"));

	(void)printf("<svg xmlns=\"http://www.w3.org/2000/svg\" "
		     "viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
		     "role=\"img\" aria-label=\"libvbs beside its peers\">\n%s"
		     "<rect class=\"ground\" x=\"0.5\" y=\"0.5\" width=\"%d\" "
		     "height=\"%d\" rx=\"8\"/>\n",
		     WIDTH, height, WIDTH, height, style, WIDTH - 1,
		     height - 1);
	(void)printf("<text class=\"title\" x=\"%d\" y=\"38\">What the same "
		     "work takes, if libvbs takes 1</text>\n",
		     MARGIN);
	(void)printf("<text class=\"small\" x=\"%d\" y=\"62\">Time: longer is "
		     "slower. Medians of samples that take turns, in one run "
		     "on %s, %.10s.</text>\n"
		     "<text class=\"small\" x=\"%d\" y=\"79\">Red: what the "
		     "peer has to reach for libvbs to be as fast as it is "
		     "meant to be.</text>\n",
		     MARGIN, machine ? machine : "?", date ? date : "?",
		     MARGIN);
}

void
report_picture(const json_t *report)
{
	struct picture p = { .report = report, .y = TOP };
	int height = height_of(report);

	p.scale = BAR_MAX / longest(report);
	draw_head(report, height);
	(void)printf("<line class=\"one\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" "
		     "y2=\"%d\"/>\n",
		     BAR_X + p.scale, TOP + HEADING / 2, BAR_X + p.scale,
		     height - BOTTOM + 4);
	draw_all(&p);
	(void)printf("</svg>\n");
}
