/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record.h - the ways to record a trace, one file each
 */
#ifndef SIM_RECORD_H
#define SIM_RECORD_H

/* zdedup record vm: a guest with a recording swap disk. argv[0] is "vm". */
int record_vm(int argc, char **argv);
/* zdedup record --pid, --cgroup or -- COMMAND: memory of processes */
int record_process(int argc, char **argv);

#endif /* SIM_RECORD_H */
