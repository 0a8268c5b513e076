// SPDX-License-Identifier: BSD-3-Clause
/* vfio-user: VERSION, the first message. */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "host/vfio-user.h"

/*
 * What both sides offer, to be sent back: only what the client named, as the
 * protocol has it.
 */
struct version_caps {
	json_t *in;  /* the client's "capabilities" */
	json_t *out; /* ours */
};

/* A whole number, at least 1, if it is there: answer it, but at most max. */
static int
version_number(const struct version_caps *caps, const char *name,
	       json_int_t max, json_int_t *val)
{
	json_t *num = json_object_get(caps->in, name);

	if (!num)
		return 0;
	if (!json_is_integer(num) || json_integer_value(num) < 1)
		return -EINVAL;
	*val = json_integer_value(num);
	return json_object_set_new(caps->out, name, json_integer(max)) < 0
		       ? -ENOMEM
		       : 0;
}

/* A truth value, if it is there. We offer neither of those that have one. */
static bool
version_bool_ok(const json_t *obj, const char *name)
{
	const json_t *val = json_object_get(obj, name);

	return !val || json_is_boolean(val);
}

static int
version_negotiate(const struct version_caps *caps, uint32_t *client_fds)
{
	json_int_t fds = 1, xfer, maps, pages = VUSER_PAGE;
	const json_t *twin = json_object_get(caps->in, "twin_socket");
	int rc;

	rc = version_number(caps, "max_msg_fds", VUSER_MAX_FDS, &fds);
	if (rc == 0)
		rc = version_number(caps, "max_data_xfer_size", VUSER_MAX_XFER,
				    &xfer);
	if (rc == 0)
		rc = version_number(caps, "max_dma_maps", VUSER_MAX_MAPS,
				    &maps);
	if (rc == 0)
		rc = version_number(caps, "pgsizes", VUSER_PAGE, &pages);
	if (rc < 0)
		return rc;
	if (!(pages & VUSER_PAGE))
		return -EINVAL;
	if (twin &&
	    (!json_is_object(twin) || !version_bool_ok(twin, "supported")))
		return -EINVAL;
	if (!version_bool_ok(caps->in, "write_multiple"))
		return -EINVAL;
	*client_fds = fds < VUSER_MAX_FDS ? (uint32_t)fds : VUSER_MAX_FDS;
	return 0;
}

/* Read the client's JSON, if there is any, and make ours. */
static int
version_json(const char *text, size_t len, json_t *out, uint32_t *client_fds)
{
	struct version_caps caps = { .out = json_object() };
	json_t *root = NULL;
	int rc = 0;

	if (json_object_set_new(out, "capabilities", caps.out) < 0)
		return -ENOMEM;
	if (len == 0)
		return 0;
	if (text[len - 1] != '\0')
		return -EINVAL;
	root = json_loadb(text, strlen(text), JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(root))
		rc = -EINVAL;
	caps.in = json_object_get(root, "capabilities");
	if (rc == 0 && caps.in && !json_is_object(caps.in))
		rc = -EINVAL;
	if (rc == 0 && caps.in)
		rc = version_negotiate(&caps, client_fds);
	json_decref(root);
	return rc;
}

static int
version_reply(struct vbs_vfio_user *srv, struct vuser_msg *msg,
	      const json_t *caps)
{
	const struct vuser_version ver = { .major = 0, .minor = 0 };
	size_t len = json_dumpb(caps, NULL, 0, JSON_COMPACT);
	char *text;
	int rc;

	if (len == 0)
		return -ENOMEM;
	rc = vuser_msg_grow(srv, msg, (uint32_t)(sizeof(ver) + len + 1));
	if (rc < 0)
		return rc;
	memcpy(msg->reply, &ver, sizeof(ver));
	text = (char *)msg->reply + sizeof(ver);
	if (json_dumpb(caps, text, len, JSON_COMPACT) != len)
		return -ENOMEM;
	text[len] = '\0';
	return 0;
}

int
vuser_version(struct vbs_vfio_user *srv, struct vuser_msg *msg)
{
	struct vuser_version ver;
	uint32_t client_fds = 1;
	json_t *out;
	int rc;

	memcpy(&ver, msg->data, sizeof(ver));
	if (ver.major != 0)
		return -ENOTSUP;
	out = json_object();
	if (!out)
		return -ENOMEM;
	rc = version_json((const char *)msg->data + sizeof(ver),
			  msg->len - sizeof(ver), out, &client_fds);
	if (rc == 0)
		rc = version_reply(srv, msg, out);
	json_decref(out);
	if (rc == 0) {
		srv->client_fds = client_fds;
		srv->ready = true;
	}
	return rc;
}
