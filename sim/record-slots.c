/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record-slots.c - from pages seen at one moment to events of swap slots
 *
 * Whether a page changed is told by the 128-bit XXH3 of its bytes; the bytes
 * themselves would take as much memory again as the processes have. The hash is
 * keyed with 192 random bytes that nobody learns, so a program cannot make a
 * change that is overlooked on purpose, and by accident it takes 2^64 different
 * contents of one page to expect one. This decides only whether there is an event:
 * which pages are the same is up to the writer, which compares all bytes.
 */
#include "record-slots.h"

#include <sys/random.h>

#include <glib.h>
#include <xxhash.h>

#include "../traces/trace-writer.h"
#include "cmd.h"

#define WHY_MAX 1024u
#define SECRET_SIZE 192u

/**
 * struct page - a page that was there at the last snapshot
 * @snapshot: the last one it was seen in
 * @slot:     kept as long as the page is there; 0, a swap device's header: none yet
 * @stored:   it is in its slot
 */
struct page {
	struct record_key key;
	XXH128_hash_t hash;
	uint64_t slot;
	uint32_t memcg, snapshot;
	bool stored;
};

/**
 * struct record_slots
 * @pages: a set of struct page, by key
 * @pfns:  of this snapshot: page frame to the struct page that was read from it
 * @free:  slots to be used again, the last freed one first
 */
struct record_slots {
	struct trace_writer *writer;
	bool idle;
	uint32_t snapshot;
	uint64_t time_us, next_slot;
	GHashTable *pages, *pfns;
	GArray *free;
	struct record_slot_counts counts;
	unsigned char secret[SECRET_SIZE];
};

static guint page_hash(gconstpointer data)
{
	const struct record_key *key = data;
	uint64_t x = (key->number + key->space) * 0x9e3779b97f4a7c15ull ^
		     key->space;

	return (guint)(x ^ x >> 32);
}

static gboolean page_equal(gconstpointer a, gconstpointer b)
{
	const struct record_key *x = a, *y = b;

	return x->space == y->space && x->number == y->number;
}

struct record_slots *record_slots_new(struct trace_writer *writer, bool idle)
{
	struct record_slots *slots = g_new0(struct record_slots, 1);
	size_t done = 0;

	/* struct page begins with its key, so that either is a key of the table */
	G_STATIC_ASSERT(G_STRUCT_OFFSET(struct page, key) == 0);
	slots->writer = writer;
	slots->idle = idle;
	slots->pages = g_hash_table_new_full(page_hash, page_equal, g_free,
					     NULL);
	slots->pfns = g_hash_table_new(g_direct_hash, g_direct_equal);
	slots->free = g_array_new(FALSE, FALSE, sizeof(uint64_t));
	while (done < SECRET_SIZE) {
		ssize_t got = getrandom(slots->secret + done,
					SECRET_SIZE - done, 0);

		done += got > 0 ? (size_t)got : 0;
	}
	return slots;
}

void record_slots_free(struct record_slots *slots)
{
	if (!slots)
		return;
	g_hash_table_destroy(slots->pages);
	g_hash_table_destroy(slots->pfns);
	g_array_free(slots->free, TRUE);
	g_free(slots);
}

void record_slots_begin(struct record_slots *slots)
{
	slots->snapshot++;
	g_hash_table_remove_all(slots->pfns);
}

void record_slots_time(struct record_slots *slots, uint64_t time_us)
{
	slots->time_us = time_us;
}

static struct page *find(struct record_slots *slots,
			 const struct record_key *key)
{
	return g_hash_table_lookup(slots->pages, key);
}

bool record_slots_need(struct record_slots *slots, const struct record_key *key,
		       bool clean)
{
	struct page *page = find(slots, key);

	if (!page)
		return true;
	if (page->snapshot == slots->snapshot)
		return false;
	if (!clean || !page->stored)
		return true;
	page->snapshot = slots->snapshot;
	return false;
}

void record_slots_keep(struct record_slots *slots, const struct record_key *key)
{
	struct page *page = find(slots, key);

	if (page)
		page->snapshot = slots->snapshot;
}

static int event(struct record_slots *slots, const struct page *page,
		 enum trace_op op, const void *bytes)
{
	struct trace_event ev = {
		.time_us = slots->time_us,
		.slot = page->slot,
		.page = TRACE_NO_PAGE,
		.memcg = page->memcg,
		.op = (uint8_t)op,
	};
	char why[WHY_MAX] = "";

	if (trace_write_event(slots->writer, &ev, bytes, NULL, why,
			      sizeof(why))) {
		cmd_error("%s", why);
		return CMD_INPUT;
	}
	slots->counts.events++;
	return CMD_OK;
}

static int store(struct record_slots *slots, struct page *page,
		 const void *bytes)
{
	if (!page->slot) {
		if (slots->free->len) {
			page->slot = g_array_index(slots->free, uint64_t,
						   slots->free->len - 1);
			g_array_set_size(slots->free, slots->free->len - 1);
		} else {
			page->slot = ++slots->next_slot;
		}
	}
	page->stored = true;
	return event(slots, page, TRACE_STORE, bytes);
}

/*
 * A page that was written must have been swapped in for that, and do_swap_page
 * (or do_wp_page, when it was only read at first) gives the slot back, because
 * what lies in it is outdated. Its bytes are not known any more.
 */
static int swap_in(struct record_slots *slots, struct page *page)
{
	int status = event(slots, page, TRACE_LOAD, NULL);

	page->stored = false;
	return status ? status : event(slots, page, TRACE_INVALIDATE, NULL);
}

static struct page *add(struct record_slots *slots,
			const struct record_key *key, uint32_t memcg)
{
	struct page *page = g_new0(struct page, 1);

	page->key = *key;
	page->memcg = memcg;
	g_hash_table_add(slots->pages, page);
	return page;
}

/* The same frame, read twice? Only if the bytes agree: frames change hands. */
static bool seen_elsewhere(const struct record_slots *slots, uint64_t pfn,
			   XXH128_hash_t hash)
{
	const struct page *other =
		pfn ? g_hash_table_lookup(slots->pfns, GSIZE_TO_POINTER(pfn)) :
		      NULL;

	return other && XXH128_isEqual(other->hash, hash);
}

int record_slots_page(struct record_slots *slots, const struct record_key *key,
		      uint32_t memcg, uint64_t pfn, const void *bytes)
{
	XXH128_hash_t hash = XXH3_128bits_withSecret(bytes, TRACE_PAGE_SIZE,
						     slots->secret,
						     SECRET_SIZE);
	struct page *page = find(slots, key);
	bool changed = true;
	int status = CMD_OK;

	if (seen_elsewhere(slots, pfn, hash)) {
		slots->counts.shared++;
		return CMD_OK;
	}
	if (page)
		changed = !XXH128_isEqual(page->hash, hash);
	else
		page = add(slots, key, memcg);
	page->snapshot = slots->snapshot;
	page->hash = hash;
	if (pfn)
		g_hash_table_insert(slots->pfns, GSIZE_TO_POINTER(pfn), page);
	if (slots->idle && changed && page->stored)
		status = swap_in(slots, page);
	else if (slots->idle ? !changed && !page->stored : changed)
		status = store(slots, page, bytes);
	return status;
}

static gint by_slot(gconstpointer a, gconstpointer b)
{
	const struct page *x = *(const struct page *const *)a;
	const struct page *y = *(const struct page *const *)b;

	return (x->slot > y->slot) - (x->slot < y->slot);
}

int record_slots_end(struct record_slots *slots)
{
	GPtrArray *gone = g_ptr_array_new();
	GHashTableIter iter;
	gpointer key;
	int status = CMD_OK;

	g_hash_table_iter_init(&iter, slots->pages);
	while (g_hash_table_iter_next(&iter, &key, NULL))
		if (((struct page *)key)->snapshot != slots->snapshot)
			g_ptr_array_add(gone, key);
	/* the table's order is not one that a file should depend on */
	g_ptr_array_sort(gone, by_slot);
	for (guint i = gone->len; i-- > 0 && !status;) {
		struct page *page = g_ptr_array_index(gone, i);

		if (page->stored)
			status = event(slots, page, TRACE_INVALIDATE, NULL);
		if (page->slot) {
			uint64_t slot = page->slot;

			g_array_append_val(slots->free, slot);
		}
		g_hash_table_remove(slots->pages, page);
	}
	g_ptr_array_free(gone, TRUE);
	return status;
}

struct record_slot_counts record_slots_counts(const struct record_slots *slots)
{
	return slots->counts;
}
