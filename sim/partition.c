/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * partition.c - do two hashes tell the contents of a trace apart alike?
 *
 * Each content has a representative in each view: the first that was met of its digest,
 * which may be itself. Two views part the contents alike as long as every content has
 * the same representative in both: by induction over the contents, it then joins the
 * same class, or begins one, in both.
 *
 * A content that has two is confused with other contents by one view or the other.
 * They and it are a group: no content outside of it has a digest of one inside, in
 * either view. That matters to a model when one of the group is looked up while another
 * is in its index; else both views have it find the same. So these stores are doubts,
 * which whoever has the model looks into.
 *
 * Memory: 8 to 16 bytes a content and view.
 */
#include "partition.h"

#include <errno.h>
#include <stdlib.h>

#include <glib.h>

#define MULTIPLIER 0x9e3779b97f4a7c15ull
/* Of short digests everything is confused: not worth following up. */
#define CONFUSED_MAX 256u

/**
 * struct partition - what a view makes of the contents
 * @mask:  the bits of a digest's low word that count
 * @table: representatives plus one; open addressing by digest, which the facts have
 * @now:   the representative of the content that is being met
 * @pairs: that may be alike and have this view; 0: nobody asks any more
 */
struct partition {
	struct partition_view view;
	uint64_t mask;
	uint32_t *table;
	uint32_t now;
	unsigned int pairs;
};

/* A content that is confused with the others of its @group by one of two views. */
struct confused {
	uint32_t content, group;
};

/**
 * struct pair - two of the partitions
 * @alike:    false: given up
 * @crowded:  representatives, in both views, of others beside themselves
 * @confused: of struct confused
 */
struct pair {
	unsigned int a, b;
	bool alike;
	GHashTable *crowded;
	GArray *confused;
};

/**
 * struct partitions - all that are compared
 * @size_bits: log2 of the places of a table, at most half of which are taken
 * @marked:    a bit for each content that any pair has among its confused ones
 * @doubtful:  some bit of it is set
 */
struct partitions {
	const struct facts *facts;
	unsigned int size_bits;
	GArray *all;	/* of struct partition */
	GArray *pairs;	/* of struct pair */
	uint8_t *marked;
	bool doubtful;
};

static struct partition *partition_at(const struct partitions *p,
				      unsigned int i)
{
	return &g_array_index(p->all, struct partition, i);
}

static struct pair *pair_at(const struct partitions *p, unsigned int i)
{
	return &g_array_index(p->pairs, struct pair, i);
}

struct partitions *partitions_new(const struct facts *facts,
				  uint64_t nr_contents)
{
	struct partitions *p = g_new0(struct partitions, 1);

	p->facts = facts;
	p->size_bits = 3;
	while (1ull << p->size_bits < 2 * nr_contents)
		p->size_bits++;
	p->all = g_array_new(FALSE, TRUE, sizeof(struct partition));
	p->pairs = g_array_new(FALSE, TRUE, sizeof(struct pair));
	p->marked = calloc(nr_contents / 8 + 1, 1);
	if (p->marked)
		return p;
	partitions_free(p);
	return NULL;
}

void partitions_free(struct partitions *p)
{
	if (!p)
		return;
	for (guint i = 0; i < p->all->len; i++)
		free(partition_at(p, i)->table);
	for (guint i = 0; i < p->pairs->len; i++) {
		g_hash_table_unref(pair_at(p, i)->crowded);
		g_array_unref(pair_at(p, i)->confused);
	}
	g_array_unref(p->all);
	g_array_unref(p->pairs);
	free(p->marked);
	g_free(p);
}

static bool same_view(const struct partition_view *a,
		      const struct partition_view *b)
{
	return a->column == b->column && a->bits == b->bits;
}

/* The number of the partition by @view, a new one if it is; -1: out of memory. */
static int find_partition(struct partitions *p,
			  const struct partition_view *view)
{
	struct partition new = {
		.view = *view,
		.mask = view->bits < 64 ? (1ull << view->bits) - 1 : UINT64_MAX,
	};

	for (guint i = 0; i < p->all->len; i++)
		if (same_view(&partition_at(p, i)->view, view))
			return (int)i;
	new.table = calloc(1ull << p->size_bits, sizeof(*new.table));
	if (!new.table)
		return -1;
	g_array_append_val(p->all, new);
	return (int)p->all->len - 1;
}

int partitions_compare(struct partitions *p,
		       const struct partition_view view[2])
{
	struct pair pair = { .alike = p->pairs->len < PARTITION_PAIRS_MAX };
	int a = find_partition(p, &view[0]), b = find_partition(p, &view[1]);

	if (a < 0 || b < 0)
		return -ENOMEM;
	pair.a = (unsigned int)a;
	pair.b = (unsigned int)b;
	for (guint i = 0; i < p->pairs->len; i++)
		if (pair_at(p, i)->a == pair.a && pair_at(p, i)->b == pair.b)
			return (int)i;
	partition_at(p, pair.a)->pairs += pair.alike;
	partition_at(p, pair.b)->pairs += pair.alike;
	pair.crowded = g_hash_table_new(NULL, NULL);
	pair.confused = g_array_new(FALSE, FALSE, sizeof(struct confused));
	g_array_append_val(p->pairs, pair);
	return (int)p->pairs->len - 1;
}

static void give_up(struct partitions *p, struct pair *pair)
{
	if (!pair->alike)
		return;
	pair->alike = false;
	partition_at(p, pair->a)->pairs--;
	partition_at(p, pair->b)->pairs--;
}

static uint64_t digest_of(const struct partitions *p,
			  const struct partition *partition, uint32_t content)
{
	uint64_t digest[2];

	facts_digest(p->facts, partition->view.column, content, digest);
	return digest[0] & partition->mask;
}

/* The first content of the digest of @content, which becomes it if there is none. */
static uint32_t representative(const struct partitions *p,
			       struct partition *partition, uint32_t content)
{
	uint64_t digest = digest_of(p, partition, content);
	uint64_t last = (1ull << p->size_bits) - 1;
	uint64_t i = digest * MULTIPLIER >> (64 - p->size_bits);

	/* half of the places are free: the walk ends */
	for (; partition->table[i]; i = (i + 1) & last)
		if (digest_of(p, partition, partition->table[i] - 1) == digest)
			return partition->table[i] - 1;
	partition->table[i] = content + 1;
	return content;
}

static struct confused *confused_at(const struct pair *pair, unsigned int i)
{
	return &g_array_index(pair->confused, struct confused, i);
}

/* NULL: it is not among them. */
static struct confused *find_confused(const struct pair *pair, uint32_t content)
{
	for (guint i = 0; i < pair->confused->len; i++)
		if (confused_at(pair, i)->content == content)
			return confused_at(pair, i);
	return NULL;
}

/* @content comes into @group, and with it those that it is confused with already. */
static void confuse(struct partitions *p, struct pair *pair, uint32_t content,
		    uint32_t group)
{
	const struct confused *found = find_confused(pair, content);
	struct confused new = { content, group };
	uint32_t old = found ? found->group : group;

	for (guint i = 0; i < pair->confused->len; i++)
		if (confused_at(pair, i)->group == old)
			confused_at(pair, i)->group = group;
	if (!found)
		g_array_append_val(pair->confused, new);
	p->marked[content / 8] |= (uint8_t)(1u << content % 8);
	p->doubtful = true;
}

static bool is_crowded(const struct pair *pair, uint32_t content)
{
	return g_hash_table_contains(pair->crowded, GUINT_TO_POINTER(content));
}

/* @content has the representatives @a and @b, one of which it is not. */
static void add_to_class(struct partitions *p, struct pair *pair,
			 uint32_t content, uint32_t a, uint32_t b)
{
	if (pair->confused->len + 3 > CONFUSED_MAX ||
	    g_hash_table_size(pair->crowded) == CONFUSED_MAX) {
		give_up(p, pair);
	} else if (a == b && !find_confused(pair, a)) {
		g_hash_table_add(pair->crowded, GUINT_TO_POINTER(a));
	} else if (is_crowded(pair, a) || is_crowded(pair, b)) {
		/* of whom else is not known */
		give_up(p, pair);
	} else {
		confuse(p, pair, a, a);
		confuse(p, pair, b, a);
		confuse(p, pair, content, a);
	}
}

static void meet(struct partitions *p, uint32_t content)
{
	for (guint i = 0; i < p->all->len; i++) {
		struct partition *partition = partition_at(p, i);

		if (partition->pairs)
			partition->now = representative(p, partition, content);
	}
	for (guint i = 0; i < p->pairs->len; i++) {
		struct pair *pair = pair_at(p, i);
		uint32_t a = partition_at(p, pair->a)->now;
		uint32_t b = partition_at(p, pair->b)->now;

		if (pair->alike && (a != content || b != content))
			add_to_class(p, pair, content, a, b);
	}
}

static bool is_marked(const struct partitions *p, uint32_t content)
{
	return p->marked[content / 8] >> content % 8 & 1;
}

/*
 * The store at @step, of a marked content: a doubt for each that it is confused with.
 * The pages of a folio are stored at once, so that nobody could look between them.
 */
static void doubt_store(struct partitions *p, struct batch *batch,
			unsigned int step, unsigned int number, bool in_folio)
{
	struct pair *pair = pair_at(p, number);
	const struct partition *a = partition_at(p, pair->a);
	const struct partition *b = partition_at(p, pair->b);
	uint32_t content = batch->steps[step].content;
	const struct confused *own = NULL;

	if (pair->alike)
		own = find_confused(pair, content);
	for (guint i = 0; own && i < pair->confused->len; i++) {
		const struct confused *other = confused_at(pair, i);
		struct doubt doubt = {
			.step = step, .pair = number,
			.own = digest_of(p, a, content),
			.other = digest_of(p, a, other->content),
		};

		if (other->group != own->group || other == own ||
		    (doubt.own != doubt.other &&
		     digest_of(p, b, content) !=
			     digest_of(p, b, other->content)))
			continue;
		if (in_folio || batch->nr_doubts == DOUBTS_MAX) {
			give_up(p, pair);
			return;
		}
		batch->doubts[batch->nr_doubts++] = doubt;
	}
}

void partitions_take(struct partitions *p, struct batch *batch)
{
	unsigned int folio_end = 0;

	batch->nr_doubts = 0;
	for (unsigned int i = 0; i < batch->nr_fresh; i++)
		meet(p, batch->fresh[i].content);
	for (unsigned int i = 0; p->doubtful && i < batch->nr; i++) {
		const struct step *step = &batch->steps[i];

		if (step->op != TRACE_STORE)
			continue;
		if (step->folio > 1)
			folio_end = i + step->folio;
		if (!is_marked(p, step->content))
			continue;
		for (guint k = 0; k < p->pairs->len; k++)
			doubt_store(p, batch, i, k, i < folio_end);
	}
}

bool partitions_alike(const struct partitions *p, unsigned int pair)
{
	return pair_at(p, pair)->alike;
}
