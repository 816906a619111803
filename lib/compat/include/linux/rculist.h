/* SPDX-License-Identifier: GPL-2.0-or-later */
/* linux/rculist.h (dup): a list that is read without its lock */
#ifndef _COMPAT_LINUX_RCULIST_H
#define _COMPAT_LINUX_RCULIST_H

#include <linux/list.h>
#include <linux/rcupdate.h>

/* What a reader follows, next, is published last. */
static inline void list_add_rcu(struct list_head *new, struct list_head *head)
{
	struct list_head *next = head->next;

	new->next = next;
	new->prev = head;
	__atomic_store_n(&head->next, new, __ATOMIC_RELEASE);
	next->prev = new;
}

/* A reader who stands on @entry still finds its way on. */
static inline void list_del_rcu(struct list_head *entry)
{
	entry->next->prev = entry->prev;
	WRITE_ONCE(entry->prev->next, entry->next);
	entry->prev = NULL;
}

#define list_first_or_null_rcu(head, type, member)			     \
({									     \
	struct list_head *__head = (head);				     \
	struct list_head *__next = __atomic_load_n(&__head->next,	     \
						   __ATOMIC_ACQUIRE);	     \
									     \
	__next == __head ? NULL : list_entry(__next, type, member);	     \
})

#endif /* _COMPAT_LINUX_RCULIST_H */
