// SPDX-License-Identifier: BSD-3-Clause
/* vfio-user: SET_IRQS, and the way of an interrupt to the client. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <event2/event.h>

#include "host/vfio-user.h"

#define INTX VFIO_PCI_INTX_IRQ_INDEX
#define DATA_FLAGS                                                             \
	(VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_DATA_BOOL |                     \
	 VFIO_IRQ_SET_DATA_EVENTFD)
#define ACTION_FLAGS                                                           \
	(VFIO_IRQ_SET_ACTION_MASK | VFIO_IRQ_SET_ACTION_UNMASK |               \
	 VFIO_IRQ_SET_ACTION_TRIGGER)

/* INTx goes out if it can: the line is up, and nothing is in the way. */
static void
irq_intx_update(struct vuser_irqs *irqs)
{
	struct vuser_vector *vec = irqs->vec[INTX];

	if (irqs->n[INTX] == 0 || !irqs->level || vec->masked ||
	    vec->out.fd < 0)
		return;
	vec->masked = true;
	notifier_signal(&vec->out);
}

/* A message that was kept goes out if it can. */
static void
irq_msi_update(struct vuser_vector *vec)
{
	if (!vec->pending || vec->masked || vec->out.fd < 0)
		return;
	vec->pending = false;
	notifier_signal(&vec->out);
}

static void
irq_update(struct vuser_irqs *irqs, uint32_t kind, uint32_t i)
{
	if (kind == INTX)
		irq_intx_update(irqs);
	else
		irq_msi_update(&irqs->vec[kind][i]);
}

void
vuser_irq_msi(void *arg, struct pci_vdev *dev, enum vbs_msi_type type,
	      int index, uint64_t addr, uint32_t data)
{
	struct vbs_vfio_user *srv = arg;
	struct vuser_irqs *irqs = &srv->irqs;
	int kind = type == VBS_MSIX ? VFIO_PCI_MSIX_IRQ_INDEX
				    : VFIO_PCI_MSI_IRQ_INDEX;

	(void)pthread_mutex_lock(&irqs->mtx);
	if (dev == irqs->dev && index >= 0 && (uint32_t)index < irqs->n[kind]) {
		irqs->vec[kind][index].pending = true;
		irq_msi_update(&irqs->vec[kind][index]);
	}
	(void)pthread_mutex_unlock(&irqs->mtx);
}

void
vuser_irq_intx(void *arg, struct pci_vdev *dev, bool asserted)
{
	struct vbs_vfio_user *srv = arg;
	struct vuser_irqs *irqs = &srv->irqs;

	(void)pthread_mutex_lock(&irqs->mtx);
	if (!irqs->dev || irqs->dev == dev) {
		irqs->level = asserted;
		irq_intx_update(irqs);
	}
	(void)pthread_mutex_unlock(&irqs->mtx);
}

static void
irq_unmask_intx(struct vuser_irqs *irqs)
{
	(void)pthread_mutex_lock(&irqs->mtx);
	if (irqs->n[INTX] > 0) {
		irqs->vec[INTX]->masked = false;
		irq_intx_update(irqs);
	}
	(void)pthread_mutex_unlock(&irqs->mtx);
}

static void
irq_drop_unmask_fd(struct vuser_irqs *irqs)
{
	if (irqs->unmask_fd < 0)
		return;
	event_free(irqs->unmask_ev);
	irqs->unmask_ev = NULL;
	(void)close(irqs->unmask_fd);
	irqs->unmask_fd = -1;
}

static void
irq_on_unmask(evutil_socket_t fd, short what, void *arg)
{
	struct vuser_irqs *irqs = arg;
	uint64_t count;
	struct iovec iov = { .iov_base = &count, .iov_len = sizeof(count) };
	ssize_t n;

	/* No wait, even if somebody else has emptied it in between. */
	n = preadv2(fd, &iov, 1, -1, RWF_NOWAIT);
	if (n == sizeof(count))
		irq_unmask_intx(irqs);
	else if (n >= 0 || (errno != EAGAIN && errno != EINTR))
		irq_drop_unmask_fd(irqs); /* no eventfd: always readable */
}

/* DATA_EVENTFD | ACTION_UNMASK: the client will unmask INTx by an eventfd. */
static int
irq_set_unmask_fd(struct vuser_irqs *irqs, struct conn_fds *fds)
{
	struct event *ev;

	irq_drop_unmask_fd(irqs);
	if (fds->n == 0)
		return 0;
	ev = event_new(irqs->base, fds->fd[0], EV_READ | EV_PERSIST,
		       irq_on_unmask, irqs);
	if (!ev)
		return -ENOMEM;
	if (event_add(ev, NULL) < 0) {
		event_free(ev);
		return -EINVAL; /* cannot be waited for: not an eventfd */
	}
	irqs->unmask_ev = ev;
	irqs->unmask_fd = fds->fd[0];
	fds->fd[0] = -1;
	return 0;
}

/* DATA_EVENTFD | ACTION_TRIGGER: give eventfds, or take them away. */
static void
irq_set_fds(struct vuser_irqs *irqs, const struct vuser_irq_set *req,
	    struct conn_fds *fds)
{
	for (uint32_t i = 0; i < req->count; i++) {
		struct vuser_vector *vec = &irqs->vec[req->index][req->start];

		vec += i;
		notifier_set(&vec->out, fds->n > 0 ? fds->fd[i] : -1);
		if (fds->n == 0)
			continue;
		fds->fd[i] = -1;
		if (req->index == INTX)
			vec->masked = false;
		irq_update(irqs, req->index, req->start + i);
	}
}

/* Count 0 with DATA_NONE | ACTION_TRIGGER: all eventfds of one kind go. */
static void
irq_disable(struct vuser_irqs *irqs, uint32_t kind)
{
	for (uint32_t i = 0; i < irqs->n[kind]; i++) {
		notifier_set(&irqs->vec[kind][i].out, -1);
		irqs->vec[kind][i].masked = false;
	}
}

/* DATA_NONE and DATA_BOOL: do it to one vector. */
static void
irq_act(struct vuser_irqs *irqs, uint32_t kind, uint32_t i, uint32_t action)
{
	struct vuser_vector *vec = &irqs->vec[kind][i];

	switch (action) {
	case VFIO_IRQ_SET_ACTION_MASK:
		vec->masked = true;
		break;
	case VFIO_IRQ_SET_ACTION_UNMASK:
		vec->masked = false;
		irq_update(irqs, kind, i);
		break;
	default:
		notifier_signal(&vec->out);
		break;
	}
}

static bool
irq_one_bit(uint32_t bits)
{
	return bits != 0 && (bits & (bits - 1)) == 0;
}

static bool
irq_fds_ok(const struct vuser_irq_set *req, const struct conn_fds *fds)
{
	if (!(req->flags & VFIO_IRQ_SET_DATA_EVENTFD))
		return fds->n == 0;
	if (fds->n != 0 && (uint32_t)fds->n != req->count)
		return false;
	for (int i = 0; i < fds->n; i++) {
		if (!notifier_is_eventfd(fds->fd[i]))
			return false;
	}
	return true;
}

/* What can be said without looking at the vectors. */
static int
irq_check(const struct vuser_irq_set *req, const struct vuser_msg *msg)
{
	uint32_t data = req->flags & DATA_FLAGS;
	uint32_t action = req->flags & ACTION_FLAGS;
	uint32_t extra = 0;

	if (!vuser_argsz_ok(req->argsz, sizeof(*req)))
		return -EINVAL;
	if (req->flags & ~(DATA_FLAGS | ACTION_FLAGS))
		return -EINVAL;
	if (!irq_one_bit(data) || !irq_one_bit(action))
		return -EINVAL;
	if (req->index >= VUSER_IRQ_KINDS)
		return -EINVAL;
	if (data == VFIO_IRQ_SET_DATA_BOOL)
		extra = req->count;
	if (extra > msg->len - sizeof(*req))
		return -EINVAL;
	return irq_fds_ok(req, msg->fds) ? 0 : -EINVAL;
}

/* Is it an action that we have, on vectors that exist? */
static int
irq_check_range(const struct vuser_irqs *irqs, const struct vuser_irq_set *req)
{
	uint32_t n = irqs->n[req->index];

	if (req->count == 0) {
		bool all = req->flags == (VFIO_IRQ_SET_DATA_NONE |
					  VFIO_IRQ_SET_ACTION_TRIGGER);

		return all && req->start == 0 ? 0 : -EINVAL;
	}
	if (req->start >= n || req->count > n - req->start)
		return -EINVAL;
	if (req->flags & VFIO_IRQ_SET_DATA_EVENTFD &&
	    !(req->flags & VFIO_IRQ_SET_ACTION_TRIGGER) &&
	    !(req->flags & VFIO_IRQ_SET_ACTION_UNMASK && req->index == INTX))
		return -EINVAL;
	return 0;
}

static void
irq_apply(struct vuser_irqs *irqs, const struct vuser_irq_set *req,
	  const struct vuser_msg *msg)
{
	const uint8_t *bools = msg->data + sizeof(*req);

	if (req->flags & VFIO_IRQ_SET_DATA_EVENTFD) {
		irq_set_fds(irqs, req, msg->fds);
		return;
	}
	if (req->count == 0)
		irq_disable(irqs, req->index);
	for (uint32_t i = 0; i < req->count; i++) {
		if (req->flags & VFIO_IRQ_SET_DATA_BOOL && !bools[i])
			continue;
		irq_act(irqs, req->index, req->start + i,
			req->flags & ACTION_FLAGS);
	}
}

int
vuser_set_irqs(struct vbs_vfio_user *srv, struct vuser_msg *msg)
{
	struct vuser_irqs *irqs = &srv->irqs;
	struct vuser_irq_set req;
	int rc;

	memcpy(&req, msg->data, sizeof(req));
	rc = irq_check(&req, msg);
	if (rc == 0)
		rc = irq_check_range(irqs, &req);
	if (rc < 0)
		return rc;
	if (req.flags ==
	    (VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_UNMASK))
		return irq_set_unmask_fd(irqs, msg->fds);
	if (req.count == 0 && req.index == INTX)
		irq_drop_unmask_fd(irqs);

	(void)pthread_mutex_lock(&irqs->mtx);
	irq_apply(irqs, &req, msg);
	(void)pthread_mutex_unlock(&irqs->mtx);
	return 0;
}

int
vuser_get_irq_info(struct vbs_vfio_user *srv, struct vuser_msg *msg)
{
	static const uint32_t flags[VUSER_IRQ_KINDS] = {
		[VFIO_PCI_INTX_IRQ_INDEX] = VFIO_IRQ_INFO_EVENTFD |
					    VFIO_IRQ_INFO_MASKABLE |
					    VFIO_IRQ_INFO_AUTOMASKED,
		[VFIO_PCI_MSI_IRQ_INDEX] = VFIO_IRQ_INFO_EVENTFD |
					   VFIO_IRQ_INFO_MASKABLE,
		[VFIO_PCI_MSIX_IRQ_INDEX] = VFIO_IRQ_INFO_EVENTFD |
					    VFIO_IRQ_INFO_MASKABLE,
	};
	struct vuser_irq_info info;

	memcpy(&info, msg->data, sizeof(info));
	if (!vuser_argsz_ok(info.argsz, sizeof(info)) ||
	    info.index >= VUSER_IRQ_KINDS)
		return -EINVAL;
	info.argsz = sizeof(info);
	info.flags = flags[info.index];
	info.count = srv->irqs.n[info.index];
	memcpy(msg->reply, &info, sizeof(info));
	return 0;
}

void
vuser_irq_forget(struct vuser_irqs *irqs)
{
	(void)pthread_mutex_lock(&irqs->mtx);
	for (uint32_t k = 0; k < VUSER_IRQ_KINDS; k++) {
		for (uint32_t i = 0; i < irqs->n[k]; i++)
			irqs->vec[k][i].pending = false;
	}
	(void)pthread_mutex_unlock(&irqs->mtx);
}

void
vuser_irq_clear(struct vuser_irqs *irqs)
{
	irq_drop_unmask_fd(irqs);
	vuser_irq_forget(irqs);
	(void)pthread_mutex_lock(&irqs->mtx);
	for (uint32_t k = 0; k < VUSER_IRQ_KINDS; k++)
		irq_disable(irqs, k);
	(void)pthread_mutex_unlock(&irqs->mtx);
}

/* n vectors without an eventfd. */
static int
irq_alloc(struct vuser_irqs *irqs, uint32_t kind, int n)
{
	struct vuser_vector *vec;

	if (n <= 0)
		return 0;
	vec = calloc((size_t)n, sizeof(*vec));
	if (!vec)
		return -ENOMEM;
	for (int i = 0; i < n; i++)
		vec[i].out = NOTIFIER_NONE;
	irqs->vec[kind] = vec;
	irqs->n[kind] = (uint32_t)n;
	return 0;
}

int
vuser_irq_attach(struct vuser_irqs *irqs, struct pci_vdev *dev)
{
	bool has_pin = pci_get_cfgdata8(dev, 0x3d) != 0; /* interrupt pin */
	int rc;

	(void)pthread_mutex_lock(&irqs->mtx);
	rc = irq_alloc(irqs, INTX, has_pin ? 1 : 0);
	if (rc == 0)
		rc = irq_alloc(irqs, VFIO_PCI_MSI_IRQ_INDEX,
			       pci_msi_count(dev));
	if (rc == 0)
		rc = irq_alloc(irqs, VFIO_PCI_MSIX_IRQ_INDEX,
			       pci_msix_table_count(dev));
	irqs->dev = dev;
	(void)pthread_mutex_unlock(&irqs->mtx);
	if (rc < 0)
		vuser_irq_detach(irqs);
	return rc;
}

void
vuser_irq_detach(struct vuser_irqs *irqs)
{
	vuser_irq_clear(irqs);
	(void)pthread_mutex_lock(&irqs->mtx);
	for (uint32_t k = 0; k < VUSER_IRQ_KINDS; k++) {
		free(irqs->vec[k]);
		irqs->vec[k] = NULL;
		irqs->n[k] = 0;
	}
	irqs->dev = NULL;
	(void)pthread_mutex_unlock(&irqs->mtx);
}

void
vuser_irq_init(struct vuser_irqs *irqs, struct event_base *base)
{
	(void)pthread_mutex_init(&irqs->mtx, NULL);
	irqs->base = base;
	irqs->unmask_fd = -1;
}

void
vuser_irq_deinit(struct vuser_irqs *irqs)
{
	vuser_irq_detach(irqs);
	(void)pthread_mutex_destroy(&irqs->mtx);
}
