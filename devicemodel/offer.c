// SPDX-License-Identifier: BSD-3-Clause
/* The options that each device has: features of the queues. See offer.h. */
#include <errno.h>
#include <string.h>

#include <vbs/virtio.h>

#include "base/options.h"
#include "offer.h"

#define NAME_MAX_BYTES 32
#define NEAR_ENOUGH    2

static const char *const words[] = { "off", "on", NULL };

#define FEATURE(i, name_, def_, help_)                                         \
	{                                                                      \
		.name = name_, .kind = DM_OPT_CHOICE,                          \
		.offset = offsetof(struct dm_offer, on[i]),                    \
		.given = offsetof(struct dm_offer, given[i]), .words = words,  \
		.value = "on|off", .def = def_, .help = help_,                 \
	}

static const struct dm_option table[DM_OFFER_MAX + 1] = {
	FEATURE(0, "packed", "on", "rings of the packed kind"),
	FEATURE(1, "in_order", "off", "requests end in the order they came in"),
	FEATURE(2, "event_idx", "on", "fewer notifications, by index"),
	FEATURE(3, "indirect_desc", "on", "descriptors in tables of their own"),
	FEATURE(4, "queue_reset", "on", "reset of one queue; vfio-user only"),
	FEATURE(5, "notification_data", "off",
		"notify in 32 bits; vfio-user only"),
	FEATURE(6, "notif_config_data", "off",
		"and by another value; the same"),
	{ 0 },
};

/* Virtio 1.3, 6. */
static const struct feature {
	unsigned int bit;
	bool pci_only;
} features[DM_OFFER_MAX] = {
	{ 34, false }, { 35, false }, { 29, false }, { 28, false },
	{ 40, true },  { 38, true },  { 39, true },
};

/* The option that a word names, with a value or without; or NULL. */
static const struct dm_option *
option_of(const char *word)
{
	size_t n = strcspn(word, "=");

	for (const struct dm_option *opt = table; opt->name; opt++)
		if (strlen(opt->name) == n && !memcmp(opt->name, word, n))
			return opt;
	return NULL;
}

static bool
is_on_or_off(const char *text, size_t n)
{
	return (n == 3 && !memcmp(text, "=on", n)) ||
	       (n == 4 && !memcmp(text, "=off", n));
}

/* The option that a word nearly names; NULL if it is not on or off. */
static const struct dm_option *
option_near(const char *word, size_t n)
{
	size_t name = strcspn(word, "=");
	char text[NAME_MAX_BYTES] = "";

	if (name >= sizeof(text) || name > n ||
	    !is_on_or_off(word + name, n - name))
		return NULL;
	memcpy(text, word, name);
	for (const struct dm_option *opt = table; opt->name; opt++)
		if (dm_distance(opt->name, text) <= NEAR_ENOUGH)
			return opt;
	return NULL;
}

int
dm_offer_check_rest(const char *opts, struct dm_error *err)
{
	while (opts && *opts) {
		size_t n = strcspn(opts, ",");
		const struct dm_option *near = option_near(opts, n);

		if (near)
			return dm_fail(err, -EINVAL,
				       "no option '%.*s'; did you mean '%s'?",
				       (int)strcspn(opts, "="), opts,
				       near->name);
		opts += n + (opts[n] == ',');
	}
	return 0;
}

int
dm_offer_take(struct dm_offer *f, char **opts, struct dm_error *err)
{
	char *in = *opts, *out = in, *word;

	while ((word = strsep(&in, ","))) {
		const struct dm_option *opt = option_of(word);
		size_t n = strlen(word);
		int rc;

		if (opt) {
			(void)strsep(&word, "=");
			rc = dm_option_store(opt, word, f, err);
			if (rc < 0)
				return rc;
			continue;
		}
		if (out != *opts)
			*out++ = ',';
		memmove(out, word, n);
		out += n;
	}
	if (out == *opts)
		*opts = NULL;
	else
		*out = '\0';
	return 0;
}

const char *
dm_offer_pci_only(const struct dm_offer *f)
{
	for (int i = 0; i < DM_OFFER_MAX; i++)
		if (f->given[i] && f->on[i] && features[i].pci_only)
			return table[i].name;
	return NULL;
}

int
dm_offer_apply(const struct dm_offer *f, struct pci_vdev *dev,
	       struct dm_error *err)
{
	for (int i = 0; i < DM_OFFER_MAX; i++) {
		if (!f->given[i] ||
		    vbs_virtio_offer(dev, features[i].bit, f->on[i]) == 0)
			continue;
		return dm_fail(err, -EINVAL,
			       "option %s is for virtio devices, and %s is "
			       "none; leave it out",
			       table[i].name, dev->name);
	}
	return 0;
}

void
dm_offer_print(const struct dm_offer *f, FILE *out)
{
	for (int i = 0; i < DM_OFFER_MAX; i++)
		if (f->given[i])
			(void)fprintf(out, ",%s=%s", table[i].name,
				      words[f->on[i]]);
}

void
dm_offer_help(FILE *out)
{
	dm_options_help(table, out);
}
