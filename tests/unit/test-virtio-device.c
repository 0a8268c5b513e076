// SPDX-License-Identifier: BSD-3-Clause
/* The state machine from the inside: what no driver can bring about at will. */
#include <check.h>
#include <errno.h>

#include "suite.h"
#include "unit/host-rig.h"
#include "virtio/virtio.h"

static struct host_rig rig;
static struct virtio_common common;
static struct vqueue_info vqs[2];
static struct virtio_ops ops;
static int n_resets;

static void
on_notify(void *arg, struct vqueue_info *vq)
{
	(void)arg;
	(void)vq;
}

static void
on_reset(void *arg)
{
	n_resets++;
	virtio_reset_dev(arg);
}

static int
device_init(struct vmctx *ctx, struct pci_vdev *dev, char *opts)
{
	static const struct vbs_virtio_id id = { .type = 4, .device = 0x1005 };

	(void)ctx;
	(void)opts;
	virtio_linkup(&common, &ops, &common, dev, vqs, BACKEND_VBSU);
	return vbs_virtio_pci_init(&common, &id);
}

static const struct pci_vdev_ops device = {
	.class_name = "device",
	.vdev_init = device_init,
	.vdev_barread = virtio_pci_read,
	.vdev_barwrite = virtio_pci_write,
};

static void
setup(void)
{
	ops = (struct virtio_ops){
		.name = "device",
		.nvq = 2,
		.cfgsize = 8,
		.qnotify = on_notify,
		.reset = on_reset,
	};
	common = (struct virtio_common){ .device_caps = 1 };
	vqs[0] = vqs[1] = (struct vqueue_info){ .qsize = 8 };
	host_open(&rig, 0);
}

static void
plug(void)
{
	host_plug(&rig, &device);
}

static void
teardown(void)
{
	host_close(&rig);
}

static void
status(uint8_t val)
{
	pthread_mutex_lock(&common.mtx);
	device_set_status(&common, val, FACE_MODERN);
	pthread_mutex_unlock(&common.mtx);
}

static uint8_t
read_isr(void)
{
	uint8_t isr;

	pthread_mutex_lock(&common.mtx);
	isr = device_read_isr(&common);
	pthread_mutex_unlock(&common.mtx);
	return isr;
}

/* Features 0 and VERSION_1, all the way to DRIVER_OK. */
static void
go_live(void)
{
	device_write_features(&common, 1, 1);
	status(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
	       VIRTIO_CONFIG_S_FEATURES_OK);
	status(VIRTIO_CONFIG_S_DRIVER_OK);
}

/* ---- interrupts ---- */

START_TEST(read_isr_clears_and_lowers_the_line)
{
	plug();
	vq_interrupt(&common, &vqs[0]);
	vq_interrupt(&common, &vqs[1]);
	ck_assert(rig.level);
	ck_assert_int_eq(rig.n_edges, 1);
	ck_assert_uint_eq(read_isr(), ISR_QUEUE);
	ck_assert(!rig.level);
	ck_assert_uint_eq(read_isr(), 0);
}
END_TEST

/* Another thread sets the bit, and finds the line up, before it goes down. */
static void
interrupt_when_lowered(void *arg, struct pci_vdev *dev, bool asserted)
{
	(void)dev;
	((struct host_rig *)arg)->level = asserted;
	if (!asserted && ((struct host_rig *)arg)->n_edges++ == 0)
		__atomic_fetch_or(&common.isr, ISR_QUEUE, __ATOMIC_SEQ_CST);
}

START_TEST(read_isr_that_races_an_interrupt_keeps_the_line_up)
{
	plug();
	rig.ops.intx = interrupt_when_lowered;
	vq_interrupt(&common, &vqs[0]);
	ck_assert_uint_eq(read_isr(), ISR_QUEUE);
	ck_assert(rig.level);
	ck_assert_uint_eq(read_isr(), ISR_QUEUE);
	ck_assert(!rig.level);
}
END_TEST

START_TEST(vector_beyond_the_table_is_none)
{
	plug();
	for (uint64_t v = 0; v < 3; v++)
		ck_assert_uint_eq(device_vector(&common, v), v);
	ck_assert_uint_eq(device_vector(&common, 3), VIRTIO_MSI_NO_VECTOR);
	ck_assert_uint_eq(device_vector(&common, 0xffff), VIRTIO_MSI_NO_VECTOR);
	ck_assert_uint_eq(device_vector(&common, UINT64_C(1) << 32),
			  VIRTIO_MSI_NO_VECTOR);
}
END_TEST

START_TEST(needs_reset_is_said_once)
{
	plug();
	go_live();
	vbs_virtio_needs_reset(&common, "a test");
	vbs_virtio_needs_reset(&common, "a test");
	ck_assert_uint_eq(common.status & VIRTIO_CONFIG_S_NEEDS_RESET,
			  VIRTIO_CONFIG_S_NEEDS_RESET);
	ck_assert_int_eq(rig.n_edges, 1);
	ck_assert_uint_eq(read_isr(), ISR_CONFIG);
	status(0);
	go_live();
	vbs_virtio_needs_reset(&common, "a test");
	ck_assert(rig.level);
}
END_TEST

/* ---- status and features ---- */

START_TEST(face_that_comes_first_wins_until_reset)
{
	plug();
	ck_assert(device_claim(&common, FACE_LEGACY));
	ck_assert(!device_claim(&common, FACE_MODERN));
	status(VIRTIO_CONFIG_S_ACKNOWLEDGE);
	ck_assert_uint_eq(common.status, 0);
	status(0);
	status(VIRTIO_CONFIG_S_ACKNOWLEDGE);
	ck_assert_uint_eq(common.status, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	ck_assert(!device_claim(&common, FACE_LEGACY));
}
END_TEST

START_TEST(reset_calls_the_device_once)
{
	plug();
	go_live();
	n_resets = 0;
	status(0);
	ck_assert_int_eq(n_resets, 1);
	ck_assert_uint_eq(common.status, 0);
	ck_assert_uint_eq(common.negotiated_caps, 0);
}
END_TEST

START_TEST(reset_without_a_callback_is_the_librarys)
{
	ops.reset = NULL;
	plug();
	go_live();
	status(0);
	ck_assert_uint_eq(common.status, 0);
	ck_assert_uint_eq(common.negotiated_caps, 0);
}
END_TEST

START_TEST(config_without_callbacks_reads_all_ones)
{
	plug();
	ck_assert_uint_eq(device_cfgread(&common, 0, 4), UINT32_MAX);
	device_cfgwrite(&common, 0, 4, 0);
	ck_assert_uint_eq(device_cfgread(&common, 7, 1), 0xff);
	ck_assert_uint_eq(device_cfgread(&common, UINT64_MAX, 1), 0xff);
	ck_assert_uint_eq(device_cfgread(&common, 0, 8), UINT64_MAX);
}
END_TEST

/* ---- the offer ---- */

#define BIT(n) (UINT64_C(1) << (n))

static const uint64_t unasked = BIT(28) | BIT(29) | BIT(34) | BIT(40);
static const uint64_t switches = BIT(28) | BIT(29) | BIT(34) | BIT(35) |
				 BIT(38) | BIT(39) | BIT(40);

START_TEST(offer_switches_just_these_bits)
{
	plug();
	ck_assert_uint_eq(device_offer(&common), unasked | BIT(32) | 1);
	for (unsigned int bit = 0; bit < 66; bit++) {
		bool known = bit < 64 && (switches >> bit & 1);

		ck_assert_int_eq(vbs_virtio_offer(rig.dev, bit, true),
				 known ? 0 : -EINVAL);
	}
	ck_assert_int_eq(vbs_virtio_offer(rig.dev, UINT32_MAX, true), -EINVAL);
	ck_assert_uint_eq(device_offer(&common), switches | BIT(32) | 1);
	for (unsigned int bit = 0; bit < 64; bit++)
		(void)vbs_virtio_offer(rig.dev, bit, false);
	ck_assert_uint_eq(device_offer(&common), BIT(32) | 1);
}
END_TEST

START_TEST(offer_that_is_off_cannot_be_negotiated)
{
	plug();
	ck_assert_int_eq(vbs_virtio_offer(rig.dev, 34, false), 0);
	device_write_features(&common, 1, 1 | 1u << (34 - 32));
	status(VIRTIO_CONFIG_S_FEATURES_OK);
	ck_assert(!device_features_ok(&common));
	device_write_features(&common, 1, 1);
	status(VIRTIO_CONFIG_S_FEATURES_OK);
	ck_assert(device_features_ok(&common));
}
END_TEST

START_TEST(offer_of_legacy_registers_has_the_low_bits)
{
	plug();
	ck_assert_uint_eq(device_legacy_features(&common),
			  BIT(24) | BIT(27) | BIT(28) | BIT(29) | 1);
	ck_assert_int_eq(vbs_virtio_offer(rig.dev, 29, false), 0);
	ck_assert_uint_eq(device_legacy_features(&common),
			  BIT(24) | BIT(27) | BIT(28) | 1);
}
END_TEST

START_TEST(offer_of_a_device_in_use_is_ebusy)
{
	plug();
	status(VIRTIO_CONFIG_S_ACKNOWLEDGE);
	ck_assert_int_eq(vbs_virtio_offer(rig.dev, 34, false), -EBUSY);
	ck_assert_uint_eq(device_offer(&common), unasked | BIT(32) | 1);
	status(0);
	ck_assert_int_eq(vbs_virtio_offer(rig.dev, 34, false), 0);
	go_live();
	status(0);
	ck_assert_uint_eq(device_offer(&common) & BIT(34), 0);
}
END_TEST

static int
plain_init(struct vmctx *ctx, struct pci_vdev *dev, char *opts)
{
	(void)ctx;
	(void)dev;
	(void)opts;
	return 0;
}

START_TEST(offer_of_another_function_is_enodev)
{
	static const struct pci_vdev_ops plain = {
		.class_name = "plain",
		.vdev_init = plain_init,
	};

	host_plug(&rig, &plain);
	ck_assert_int_eq(vbs_virtio_offer(rig.dev, 34, true), -ENODEV);
}
END_TEST

/* ---- link-up ---- */

static int
careless_init(struct vmctx *ctx, struct pci_vdev *dev, char *opts)
{
	(void)device_init(ctx, dev, opts);
	return 0;
}

static int
try_plug(void)
{
	struct pci_vdev *dev = NULL;

	return vbs_pci_new(rig.vm, &device, 4, 0, NULL, &dev);
}

START_TEST(linkup_bad_queue_size_is_einval)
{
	static const uint16_t bad[] = { 0, 3, 0x8001, 0xffff };

	vqs[1].qsize = bad[_i];
	ck_assert_int_eq(try_plug(), -EINVAL);
}
END_TEST

START_TEST(linkup_error_that_the_device_ignores_is_returned)
{
	struct pci_vdev_ops careless = device;
	struct pci_vdev *dev = NULL;

	careless.vdev_init = careless_init;
	vqs[_i].qsize = 3;
	ck_assert_int_eq(vbs_pci_new(rig.vm, &careless, 4, 0, NULL, &dev),
			 -EINVAL);
}
END_TEST

START_TEST(linkup_largest_queue_is_accepted)
{
	vqs[0].qsize = 32768;
	vqs[1].qsize = 1;
	plug();
	ck_assert_uint_eq(vqs[0].num, 0);
	ck_assert_uint_eq(vqs[1].num, 1);
	ck_assert_ptr_eq(vqs[1].common, &common);
}
END_TEST

START_TEST(linkup_bad_number_of_queues_is_einval)
{
	ops.nvq = _i ? 65536 : 0;
	ck_assert_int_eq(try_plug(), -EINVAL);
}
END_TEST

START_TEST(linkup_too_much_configuration_is_einval)
{
	ops.cfgsize = 4097;
	ck_assert_int_eq(try_plug(), -EINVAL);
}
END_TEST

START_TEST(doorbells_are_where_drivers_write)
{
	struct vbs_doorbell bells[8];
	int n;

	plug();
	n = vbs_pci_doorbells(rig.dev, bells, 8);
	ck_assert_int_eq(n, 4);
	ck_assert_int_eq(vbs_pci_doorbells(rig.dev, bells, 1), 4);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(bells[i].baridx, 0);
		ck_assert_uint_eq(bells[i].offset, 16);
		ck_assert_int_eq(bells[i].match, i);
		ck_assert_int_eq(bells[i].size, 2);
		ck_assert_int_eq(bells[i + 2].baridx, 4);
		ck_assert_uint_eq(bells[i + 2].offset,
				  0x3000 + 4 * (uint64_t)i);
		ck_assert_int_eq(bells[i + 2].match, -1);
		ck_assert_int_eq(bells[i + 2].size, 0);
		ck_assert_int_eq(bells[i].fd, bells[i + 2].fd);
	}
}
END_TEST

static int
pio_init(struct vmctx *ctx, struct pci_vdev *dev, char *opts)
{
	(void)ctx;
	(void)opts;
	virtio_linkup(&common, &ops, &common, dev, vqs, BACKEND_VBSU);
	return virtio_set_modern_bar(&common, true);
}

static const struct pci_vdev_ops pio = {
	.class_name = "pio",
	.vdev_init = pio_init,
	.vdev_barread = virtio_pci_read,
	.vdev_barwrite = virtio_pci_write,
};

START_TEST(doorbells_in_io_space_go_by_the_index)
{
	struct vbs_doorbell bells[8];

	host_plug(&rig, &pio);
	ck_assert_int_eq(vbs_pci_doorbells(rig.dev, bells, 8), 4);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(bells[i].baridx, 2);
		ck_assert_uint_eq(bells[i].offset, 0);
		ck_assert_int_eq(bells[i].match, i);
		ck_assert_int_eq(bells[i].size, 2);
	}
}
END_TEST

/* Which queue does a write to the shared doorbell notify? -1 for none. */
static int
pio_notifies(int size, uint64_t val)
{
	int found = -1;

	vqs[0].priv->deserted = vqs[1].priv->deserted = true;
	vbs_pci_barwrite(rig.dev, 2, 0, size, val);
	for (int i = 0; i < 2; i++)
		if (!vqs[i].priv->deserted)
			found = i;
	return found;
}

START_TEST(pio_doorbell_knows_what_was_negotiated)
{
	static const struct {
		uint32_t features;
		int size;
		uint64_t val;
		int queue;
	} cases[] = {
		{ 0, 2, 1, 1 },
		{ 0, 2, 0xfffe, -1 },
		{ 0, 2, 2, -1 },
		{ 0, 4, 1, -1 },
		{ 1u << 6, 4, 0xabcd0001, 1 },
		{ 1u << 6, 4, 0xabcd0002, -1 },
		{ 1u << 6, 2, 1, -1 },
		{ 1u << 7, 2, 0xfffe, 1 },
		{ 1u << 7, 2, 0xffff, 0 },
		{ 1u << 7, 2, 1, -1 },
		{ 1u << 7, 4, 0xfffe, -1 },
		{ 3u << 6, 4, 0xabcdfffe, 1 },
		{ 3u << 6, 4, 0xabcd0001, -1 },
		{ 3u << 6, 2, 0xfffe, -1 },
	};
	size_t i = (size_t)_i;

	host_plug(&rig, &pio);
	ck_assert_int_eq(vbs_virtio_offer(rig.dev, 38, true), 0);
	ck_assert_int_eq(vbs_virtio_offer(rig.dev, 39, true), 0);
	ck_assert_int_eq(pio_notifies(2, 1), -1); /* nobody is there */
	device_write_features(&common, 1, 1 | cases[i].features);
	status(VIRTIO_CONFIG_S_FEATURES_OK);
	ck_assert(device_features_ok(&common));
	ck_assert_int_eq(pio_notifies(cases[i].size, cases[i].val),
			 cases[i].queue);
}
END_TEST

static Suite *
device_suite(void)
{
	Suite *s = suite_create("virtio/device");
	TCase *tc = tcase_create("device");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, read_isr_clears_and_lowers_the_line);
	tcase_add_test(tc, read_isr_that_races_an_interrupt_keeps_the_line_up);
	tcase_add_test(tc, vector_beyond_the_table_is_none);
	tcase_add_test(tc, needs_reset_is_said_once);
	tcase_add_test(tc, face_that_comes_first_wins_until_reset);
	tcase_add_test(tc, reset_calls_the_device_once);
	tcase_add_test(tc, reset_without_a_callback_is_the_librarys);
	tcase_add_test(tc, config_without_callbacks_reads_all_ones);
	tcase_add_test(tc, offer_switches_just_these_bits);
	tcase_add_test(tc, offer_that_is_off_cannot_be_negotiated);
	tcase_add_test(tc, offer_of_legacy_registers_has_the_low_bits);
	tcase_add_test(tc, offer_of_a_device_in_use_is_ebusy);
	tcase_add_test(tc, offer_of_another_function_is_enodev);
	tcase_add_loop_test(tc, linkup_bad_queue_size_is_einval, 0, 4);
	tcase_add_loop_test(
		tc, linkup_error_that_the_device_ignores_is_returned, 0, 2);
	tcase_add_test(tc, linkup_largest_queue_is_accepted);
	tcase_add_loop_test(tc, linkup_bad_number_of_queues_is_einval, 0, 2);
	tcase_add_test(tc, linkup_too_much_configuration_is_einval);
	tcase_add_test(tc, doorbells_are_where_drivers_write);
	tcase_add_test(tc, doorbells_in_io_space_go_by_the_index);
	tcase_add_loop_test(tc, pio_doorbell_knows_what_was_negotiated, 0, 14);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return suite_run(device_suite());
}
