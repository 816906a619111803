/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * import-device.h - zdedup import of what a swap disk recorded
 */
#ifndef SIM_IMPORT_DEVICE_H
#define SIM_IMPORT_DEVICE_H

/*
 * @path as it would have come to zswap, as far as a disk can know it; with @events,
 * what record-guest.sh wrote in the guest, exactly. A cmd_status.
 */
int import_device(const char *path, const char *from, const char *events,
		  const char *output);

#endif /* SIM_IMPORT_DEVICE_H */
