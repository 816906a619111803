/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rbtree.c - red-black trees (Guibas and Sedgewick, 1978)
 *
 * The root is black, a red node has no red child, and each way down passes as many
 * black nodes. Sides are numbers, so that a case and its mirror image are one.
 */
#include <linux/rbtree.h>

enum { LEFT, RIGHT };

#define BLACK 1UL

static struct rb_node *above(const struct rb_node *node)
{
	return (struct rb_node *)(node->parent_color & ~BLACK);
}

/* An empty place is black. */
static bool is_black(const struct rb_node *node)
{
	return !node || node->parent_color & BLACK;
}

static void set_above(struct rb_node *node, struct rb_node *parent)
{
	node->parent_color = (unsigned long)parent |
			     (node->parent_color & BLACK);
}

static void set_black(struct rb_node *node, bool black)
{
	node->parent_color = (node->parent_color & ~BLACK) |
			     (black ? BLACK : 0);
}

/* What hung from @parent as @node is now @other, which may be none. */
static void replace_child(struct rb_root *root, struct rb_node *parent,
			  const struct rb_node *node, struct rb_node *other)
{
	if (!parent)
		root->rb_node = other;
	else
		parent->child[parent->rb_right == node ? RIGHT : LEFT] = other;
	if (other)
		set_above(other, parent);
}

/* @top goes down to @side, and its child of the other side up to where it was. */
static void rotate(struct rb_root *root, struct rb_node *top, int side)
{
	struct rb_node *low = top->child[!side];
	struct rb_node *inner = low->child[side];

	replace_child(root, above(top), top, low);
	top->child[!side] = inner;
	if (inner)
		set_above(inner, top);
	low->child[side] = top;
	set_above(top, low);
}

void rb_insert_color(struct rb_node *node, struct rb_root *root)
{
	struct rb_node *parent, *grand, *uncle;
	int side;

	while ((parent = above(node)) && !is_black(parent)) {
		/* a red one is not the root */
		grand = above(parent);
		side = grand->rb_right == parent;
		uncle = grand->child[!side];
		set_black(grand, false);
		if (!is_black(uncle)) {
			set_black(parent, true);
			set_black(uncle, true);
			node = grand;
			continue;
		}
		if (parent->child[!side] == node) {
			rotate(root, parent, side);
			parent = node;
		}
		set_black(parent, true);
		rotate(root, grand, !side);
		break;
	}
	set_black(root->rb_node, true);
}

/* The ways through @node, which may be none, below @parent pass one black too few. */
static void rebalance(struct rb_root *root, struct rb_node *node,
		      struct rb_node *parent)
{
	struct rb_node *brother, *near, *far;
	int side;

	while (parent && is_black(node)) {
		/* there is a brother, or its ways would be too short as well */
		side = parent->rb_right == node;
		brother = parent->child[!side];
		if (!is_black(brother)) {
			set_black(brother, true);
			set_black(parent, false);
			rotate(root, parent, side);
			brother = parent->child[!side];
		}
		near = brother->child[side];
		far = brother->child[!side];
		if (is_black(near) && is_black(far)) {
			set_black(brother, false);
			node = parent;
			parent = above(node);
			continue;
		}
		if (is_black(far)) {
			set_black(brother, false);
			rotate(root, brother, !side);
			far = brother;
			brother = near;
		}
		set_black(brother, is_black(parent));
		set_black(parent, true);
		set_black(far, true);
		rotate(root, parent, side);
		return;
	}
	if (node)
		set_black(node, true);
}

void rb_erase(struct rb_node *node, struct rb_root *root)
{
	struct rb_node *out = node, *child, *parent;
	bool black;

	/* Of two children: the next in order, which has one at most, takes its place. */
	if (node->rb_left && node->rb_right)
		for (out = node->rb_right; out->rb_left;)
			out = out->rb_left;
	child = out->rb_left ? out->rb_left : out->rb_right;
	parent = above(out);
	black = is_black(out);
	replace_child(root, parent, out, child);
	if (out != node) {
		if (parent == node)
			parent = out;
		*out = *node;
		replace_child(root, above(node), node, out);
		set_above(out->rb_left, out);
		if (out->rb_right)
			set_above(out->rb_right, out);
	}
	if (black)
		rebalance(root, child, parent);
}

struct rb_node *rb_first(const struct rb_root *root)
{
	struct rb_node *node = root->rb_node;

	while (node && node->rb_left)
		node = node->rb_left;
	return node;
}

struct rb_node *rb_next(const struct rb_node *node)
{
	struct rb_node *next = node->rb_right;

	if (next) {
		while (next->rb_left)
			next = next->rb_left;
		return next;
	}
	while ((next = above(node)) && next->rb_right == node)
		node = next;
	return next;
}

static struct rb_node *deepest(struct rb_node *node)
{
	while (node->rb_left || node->rb_right)
		node = node->rb_left ? node->rb_left : node->rb_right;
	return node;
}

struct rb_node *rb_first_postorder(const struct rb_root *root)
{
	return root->rb_node ? deepest(root->rb_node) : NULL;
}

struct rb_node *rb_next_postorder(const struct rb_node *node)
{
	struct rb_node *parent = above(node);

	if (parent && parent->rb_left == node && parent->rb_right)
		return deepest(parent->rb_right);
	return parent;
}
