// SPDX-License-Identifier: BSD-3-Clause
/* vfio-user: the doorbell page. */
#include "host/vfio-user-page.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <vbs/pci.h>

#define MAX_DOORBELLS 1024

/* The pages that hold the doorbells of one memory BAR, and nothing else. */
static bool
page_find(struct vuser_page *page, const struct pci_vdev *dev,
	  const struct vbs_doorbell *bells, int n)
{
	uint64_t unit = (uint64_t)sysconf(_SC_PAGESIZE), first = 0, end = 0;
	int bar = -1;

	for (int i = 0; i < n; i++) {
		const struct vbs_doorbell *bell = &bells[i];
		uint64_t bell_end = bell->offset + 1; /* in one page */

		if (dev->bar[bell->baridx].type == PCIBAR_IO)
			continue;
		if (bar >= 0 && bell->baridx != bar)
			continue;
		if (bar < 0 || bell->offset < first)
			first = bell->offset;
		if (bell_end > end)
			end = bell_end;
		bar = bell->baridx;
	}
	if (bar < 0)
		return false;
	page->baridx = bar;
	page->offset = first & ~(unit - 1);
	page->size = ((end + unit - 1) & ~(unit - 1)) - page->offset;
	return first == page->offset &&
	       page->offset + page->size <= dev->bar[bar].size;
}

void
vuser_page_make(struct vuser_page *page, struct pci_vdev *dev)
{
	struct vbs_doorbell bells[MAX_DOORBELLS];
	int n = vbs_pci_doorbells(dev, bells, MAX_DOORBELLS);

	if (n > MAX_DOORBELLS)
		n = MAX_DOORBELLS;
	if (!page_find(page, dev, bells, n))
		return;
	page->fd =
		memfd_create("vbs-doorbells", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (page->fd < 0)
		return;
	/* The next client would fall over a page that this one cut off. */
	if (ftruncate(page->fd, (off_t)(page->offset + page->size)) < 0 ||
	    fcntl(page->fd, F_ADD_SEALS,
		  F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		vuser_page_free(page);
}

void
vuser_page_free(struct vuser_page *page)
{
	if (page->fd >= 0)
		(void)close(page->fd);
	*page = VUSER_NO_PAGE;
}
