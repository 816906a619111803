/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/export.h (stub): symbols for modules.
 */
#ifndef _COMPAT_LINUX_EXPORT_H
#define _COMPAT_LINUX_EXPORT_H

/* A declaration takes the semicolon that follows. */
#define EXPORT_SYMBOL(sym) extern int __compat_export_##sym
#define EXPORT_SYMBOL_GPL(sym) EXPORT_SYMBOL(sym)

#endif /* _COMPAT_LINUX_EXPORT_H */
