/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linux/rbtree.h (custom): red-black trees whose order is the caller's affair.
 * Own code, see rbtree.c; a node has the kernel's size. No augmented, cached or
 * latched trees.
 */
#ifndef _COMPAT_LINUX_RBTREE_H
#define _COMPAT_LINUX_RBTREE_H

#include <linux/compiler.h>
#include <linux/container_of.h>
#include <linux/types.h>

/* @parent_color: the node above, and in bit 0 whether this one is black */
struct rb_node {
	unsigned long parent_color;
	union {
		struct {
			struct rb_node *rb_left;
			struct rb_node *rb_right;
		};
		struct rb_node *child[2];
	};
};

struct rb_root {
	struct rb_node *rb_node;
};

#define RB_ROOT ((struct rb_root){ NULL })
#define RB_EMPTY_ROOT(root) (!READ_ONCE((root)->rb_node))
#define rb_entry(ptr, type, member) container_of(ptr, type, member)
#define rb_entry_safe(ptr, type, member)				\
	({								\
		typeof(ptr) rb_ptr = (ptr);				\
		rb_ptr ? rb_entry(rb_ptr, type, member) : NULL;		\
	})

/* Hangs @node in the empty place *@link below @parent, for rb_insert_color(). */
static inline void rb_link_node(struct rb_node *node, struct rb_node *parent,
				struct rb_node **link)
{
	node->parent_color = (unsigned long)parent;
	node->rb_left = NULL;
	node->rb_right = NULL;
	*link = node;
}

void rb_insert_color(struct rb_node *node, struct rb_root *root);
void rb_erase(struct rb_node *node, struct rb_root *root);
/* The first in order, and the one after @node; NULL: none. */
struct rb_node *rb_first(const struct rb_root *root);
struct rb_node *rb_next(const struct rb_node *node);
/* Each after those below it, so that it can be freed when its turn has come. */
struct rb_node *rb_first_postorder(const struct rb_root *root);
struct rb_node *rb_next_postorder(const struct rb_node *node);

#define rbtree_postorder_for_each_entry_safe(pos, n, root, member)	\
	for (pos = rb_entry_safe(rb_first_postorder(root),		\
				 typeof(*pos), member);			\
	     pos && ({							\
		n = rb_entry_safe(rb_next_postorder(&pos->member),	\
				  typeof(*pos), member);		\
		1;							\
	     });							\
	     pos = n)

#endif /* _COMPAT_LINUX_RBTREE_H */
