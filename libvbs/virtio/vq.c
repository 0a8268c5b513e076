// SPDX-License-Identifier: BSD-3-Clause
/* The VQ API: chains out, chains in, interrupts. The data path. */
#include <errno.h>

#include "base/unlikely.h"
#include "ring/packed-fast.h"
#include "ring/split-fast.h"
#include "virtio/virtio.h"

VBS_API bool
vq_has_descs(struct vqueue_info *vq)
{
	return vq->priv && queue_is_live(vq->priv) &&
	       ring_has_avail(&vq->priv->ring);
}

/* The ring cannot be trusted: leave it alone until the driver resets it. */
void COLD
vq_break(struct vqueue_info *vq)
{
	vq->priv->broken = true;
	vq->priv->live = false;
	queue_slow_down(vq->priv);
	if (backend_ops_of(vq->common))
		backend_error(vq);
	device_needs_reset(vq->common, "bad virtqueue");
}

/* Give a chain back that the device will not see. */
static void COLD
vq_refuse(struct vqueue_info *vq, uint16_t head,
	  const struct ring_bad_chain *bad)
{
	struct virtio_common *vb = vq->common;
	uint32_t len = 0;

	if (vb->vops->bad_chain)
		len = vb->vops->bad_chain(vb->priv->device, vq,
					  bad->has_last ? &bad->last : NULL);
	(void)ring_push(&vq->priv->ring, head, len);
}

/* The arguments of vq_getchain(), where they are in nobody's way. */
struct vq_want {
	struct vqueue_info *vq;
	uint16_t *pidx;
	struct iovec *iov;
	uint16_t *flags;
	int n_iov;
	struct ring_bad_chain bad;
};

/* ring_pop() has said n, which is bad: refuse that chain, and take on. */
static int COLD
vq_get_bad(struct vq_want *want, int n)
{
	struct vqueue_info *vq = want->vq;

	/* A queue full of bad chains ends the loop. */
	for (int left = vq->qsize - 1; n == RING_BAD_CHAIN; left--) {
		vq_refuse(vq, *want->pidx, &want->bad);
		if (left == 0)
			return 0;
		n = ring_pop(&vq->priv->ring, want->pidx, want->iov,
			     want->flags, want->n_iov, &want->bad);
	}
	if (n != RING_BAD)
		return n;
	vq_break(vq);
	return -EINVAL;
}

/* A ring that is watched; or none at all. */
static int APART
vq_get_any(struct vqueue_info *vq, uint16_t *pidx, struct iovec *iov, int n_iov,
	   uint16_t *flags)
{
	struct vq_priv *q = vq->priv;
	struct vq_want want = { .vq = vq,
				.pidx = pidx,
				.iov = iov,
				.flags = flags,
				.n_iov = n_iov };
	int n;

	if (n_iov < 1 || !q || !queue_is_live(q))
		return 0;
	n = ring_pop(&q->ring, pidx, iov, flags, n_iov, &want.bad);
	return n < 0 ? vq_get_bad(&want, n) : n;
}

/* A further chain of a batch: segments, or nothing has been taken. */
static int
vq_get_next(struct vq_priv *q, struct vq_chain *chain, int room)
{
	struct ring_bad_chain bad;
	int n;

	if (room < 1)
		return 0;
	n = ring_pop(&q->ring, &chain->idx, chain->iov, NULL, room, &bad);
	/* Perhaps it only needs more room. */
	if (n == RING_BAD_CHAIN)
		ring_untake(&q->ring, chain->idx);
	return n;
}

/* Several chains of a ring that is watched, or has an unusual one. */
static int APART
vq_get_some(struct vqueue_info *vq, struct vq_chain *chains, int n_chains,
	    struct iovec *iov, int n_iov)
{
	/* What a chain can count: buffers across regions may be more. */
	int room = n_iov < UINT16_MAX ? n_iov : UINT16_MAX;
	struct iovec *end = iov + room;
	bool again = vq->priv && ring_has_again(&vq->priv->ring);
	int i, n = 0;

	for (i = 0; i < n_chains; i++) {
		struct vq_chain *chain = &chains[i];

		/* The last of an earlier life can only be put back at once. */
		if (i > 0 && again != ring_has_again(&vq->priv->ring))
			break;
		chain->iov = iov;
		n = i == 0 ? vq_get_any(vq, &chain->idx, iov, room, NULL)
			   : vq_get_next(vq->priv, chain, (int)(end - iov));
		if (n <= 0)
			break;
		chain->n_writable = ring_last_writable(&vq->priv->ring);
		chain->n_readable = (uint16_t)(n - chain->n_writable);
		iov += n;
	}
	return i > 0 ? i : n;
}

static inline uint8_t
vq_way(const struct vq_priv *q)
{
	return q ? __atomic_load_n(&q->way, __ATOMIC_RELAXED) : VQ_ANY;
}

/* The next chain of a ring of that kind; of a split one there is one. */
INLINED int
vq_get_fast(struct vqueue_info *vq, uint16_t *pidx, struct iovec *iov,
	    int n_iov, uint16_t *flags, const bool packed)
{
	struct ring *r = &vq->priv->ring;
	struct segs segs = segs_new(iov, flags, n_iov,
				    packed ? r->pk.size : r->split.size);
	int n = packed ? packed_pop_fast(&r->pk, pidx, &segs)
		       : split_pop_fast(&r->split, pidx, &segs);

	if (unlikely(n < 0))
		return vq_get_any(vq, pidx, iov, n_iov, flags);
	if (unlikely(r->order.on) && n > 0)
		order_take(&r->order, *pidx);
	return n;
}

/* Apart, since neither is to pay for the other's registers. */
static int APART
vq_get_split(struct vqueue_info *vq, uint16_t *pidx, struct iovec *iov,
	     int n_iov, uint16_t *flags)
{
	return vq_get_fast(vq, pidx, iov, n_iov, flags, false);
}

static int APART
vq_get_packed(struct vqueue_info *vq, uint16_t *pidx, struct iovec *iov,
	      int n_iov, uint16_t *flags)
{
	return vq_get_fast(vq, pidx, iov, n_iov, flags, true);
}

VBS_API int
vq_getchain(struct vqueue_info *vq, uint16_t *pidx, struct iovec *iov,
	    int n_iov, uint16_t *flags)
{
	int n;

	switch (vq_way(vq->priv)) {
	case VQ_SPLIT:
		n = split_look_fast(&vq->priv->ring.split);
		if (n == 0)
			return 0;
		if (unlikely(n < 0))
			break;
		if (n_iov > 0 && !vq->priv->ring.order.on &&
		    split_pop_one(&vq->priv->ring.split, pidx, iov, flags))
			return 1;
		return vq_get_split(vq, pidx, iov, n_iov, flags);
	case VQ_PACKED:
		return vq_get_packed(vq, pidx, iov, n_iov, flags);
	default:
		break;
	}
	return vq_get_any(vq, pidx, iov, n_iov, flags);
}

/* Several, as vq_get_fast(); of a split ring there are n_chains. */
INLINED int
vq_get_many(struct vqueue_info *vq, struct vq_chain *chains, int n_chains,
	    struct iovec *iov, int n_iov, const bool packed)
{
	struct ring *r = &vq->priv->ring;
	struct segs segs =
		segs_new(iov, NULL, n_iov, packed ? r->pk.size : r->split.size);
	int n = packed ? packed_pop_many(&r->pk, chains, n_chains, &segs)
		       : split_pop_many(&r->split, chains, n_chains, &segs);

	if (unlikely(n < 0))
		return vq_get_some(vq, chains, n_chains, iov, n_iov);
	for (int i = 0; r->order.on && i < n; i++)
		order_take(&r->order, chains[i].idx);
	return n;
}

static int APART
vq_get_splits(struct vqueue_info *vq, struct vq_chain *chains, int n_chains,
	      struct iovec *iov, int n_iov)
{
	return vq_get_many(vq, chains, n_chains, iov, n_iov, false);
}

static int APART
vq_get_packeds(struct vqueue_info *vq, struct vq_chain *chains, int n_chains,
	       struct iovec *iov, int n_iov)
{
	return vq_get_many(vq, chains, n_chains, iov, n_iov, true);
}

VBS_API int
vq_getchains(struct vqueue_info *vq, struct vq_chain *chains, int n_chains,
	     struct iovec *iov, int n_iov)
{
	int n;

	switch (vq_way(vq->priv)) {
	case VQ_SPLIT:
		n = split_look_fast(&vq->priv->ring.split);
		if (n == 0)
			return 0;
		if (unlikely(n < 0))
			break;
		return vq_get_splits(vq, chains, n < n_chains ? n : n_chains,
				     iov, n_iov);
	case VQ_PACKED:
		return vq_get_packeds(vq, chains, n_chains, iov, n_iov);
	default:
		break;
	}
	return vq_get_some(vq, chains, n_chains, iov, n_iov);
}

/* The last chain of an earlier life has come back. */
static void COLD
vq_abandoned_back(struct vq_priv *q)
{
	if (--q->n_abandoned > 0)
		return;
	map_unref(q->abandoned_map);
	q->abandoned_map = NULL;
	/* The loop that serves the queue finds out whether it can go on. */
	queue_wake(q);
}

/* Somebody waits for the last chain in flight. */
static void COLD
vq_idle(struct vq_priv *q)
{
	(void)pthread_cond_broadcast(&q->idle);
	if (q->stale_map)
		queue_wake(q);
}

static void
vq_check_idle(struct vq_priv *q)
{
	if ((q->stopping || q->stale_map) && ring_n_inflight(&q->ring) == 0)
		vq_idle(q);
}

VBS_API void
vq_retchain(struct vqueue_info *vq)
{
	struct vq_priv *q = vq->priv;

	if (!q || q->n_abandoned > 0)
		return;
	if (q->broken)
		ring_forget(&q->ring, ring_last(&q->ring));
	else
		ring_unpop(&q->ring);
	vq_check_idle(q);
}

/* Return a chain to a queue that is not, or no more, as it should be. */
static void COLD
vq_rel_late(struct vq_priv *q, uint16_t idx, uint32_t iolen)
{
	if (q->n_abandoned > 0) {
		vq_abandoned_back(q);
		return;
	}
	/* A broken ring is written no more; only the count is kept. */
	if (q->broken)
		ring_forget(&q->ring, idx);
	else
		(void)ring_push(&q->ring, idx, iolen);
	vq_check_idle(q);
}

/* A ring that is watched, or of which order is kept; or none at all. */
static void APART
vq_rel_any(struct vq_priv *q, uint16_t idx, uint32_t iolen)
{
	if (!q)
		return;
	/* Live: neither stopping, nor broken, nor of an earlier life. */
	if (!q->live)
		vq_rel_late(q, idx, iolen);
	else
		(void)ring_push(&q->ring, idx, iolen);
}

static inline uint8_t
vq_way_back(const struct vq_priv *q)
{
	return q ? __atomic_load_n(&q->way_back, __ATOMIC_RELAXED) : VQ_ANY;
}

VBS_API void
vq_relchain(struct vqueue_info *vq, uint16_t idx, uint32_t iolen)
{
	struct vq_priv *q = vq->priv;

	switch (vq_way_back(q)) {
	case VQ_SPLIT:
		(void)split_push_inline(&q->ring.split, idx, iolen);
		break;
	case VQ_PACKED:
		(void)packed_push_inline(&q->ring.pk, idx, iolen);
		break;
	default:
		vq_rel_any(q, idx, iolen);
	}
}

VBS_API void
vq_relchains(struct vqueue_info *vq, const struct vq_chain *chains, int n)
{
	struct vq_priv *q = vq->priv;

	switch (vq_way_back(q)) {
	case VQ_SPLIT:
		split_push_many(&q->ring.split, chains, n);
		break;
	case VQ_PACKED:
		packed_push_many(&q->ring.pk, chains, n);
		break;
	default:
		for (int i = 0; i < n; i++)
			vq_rel_any(q, chains[i].idx, chains[i].iolen);
	}
}

/* Let the driver see it; does it want to be interrupted? */
static inline bool
vq_publish(struct vq_priv *q, bool *wanted)
{
	if (likely(vq_way(q) == VQ_SPLIT)) {
		if (!split_publish(&q->ring.split))
			return false;
		*wanted = split_wants_interrupt(&q->ring.split);
		return true;
	}
	if (!q || q->broken || !ring_is_mapped(&q->ring) ||
	    !ring_publish(&q->ring))
		return false;
	*wanted = ring_wants_interrupt(&q->ring);
	return true;
}

VBS_API void
vq_endchains(struct vqueue_info *vq, int used_all_avail)
{
	struct vq_priv *q = vq->priv;
	bool wanted;

	if (!vq_publish(q, &wanted))
		return;
	/* Legacy: an empty queue is worth an interrupt in any case. */
	if (used_all_avail && !wanted &&
	    vbs_has_feature(vq->common, VIRTIO_F_NOTIFY_ON_EMPTY))
		wanted = ring_n_inflight(&q->ring) == 0 &&
			 !ring_has_avail(&q->ring);
	if (wanted)
		vq_interrupt(vq->common, vq);
}

VBS_API void
vq_interrupt(struct virtio_common *vb, struct vqueue_info *vq)
{
	uint16_t vector;

	if (backend_ops_of(vb)) {
		backend_call(vq);
		return;
	}
	if (pci_msix_enabled(vb->dev)) {
		vector = __atomic_load_n(&vq->msix_idx, __ATOMIC_RELAXED);
		if (vector != VIRTIO_MSI_NO_VECTOR)
			pci_generate_msix(vb->dev, vector);
		return;
	}
	device_interrupt(vb, ISR_QUEUE);
}
