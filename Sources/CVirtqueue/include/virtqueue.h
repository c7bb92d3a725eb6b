/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The virtqueue core: split and packed rings, device side and driver
 * side.
 *
 * Nothing here allocates, logs or keeps a global. All storage belongs to the
 * caller. Functions that can fail return 0 or -errno and give their results
 * through the last parameters; a structure of guest or device state is
 * touched by one thread at a time. Ring fields are little-endian, as virtio
 * 1.0 has them.
 */
#ifndef VIRTQUEUE_H
#define VIRTQUEUE_H

#include "vq_chain.h"
#include "vq_device.h"
#include "vq_driver.h"
#include "vq_log.h"
#include "vq_memory.h"
#include "vq_rings.h"

#endif
