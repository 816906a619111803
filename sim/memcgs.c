/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memcgs.c - the tree of memcgs that a run has
 */
#include "memcgs.h"

#include <string.h>

#include <glib.h>

#include "cmd.h"
#include "options.h"

struct memcg {
	uint32_t id, parent, group;
	uint64_t max;
	bool writeback;
	bool placed;	/* its parent comes before it in the order */
};

struct memcgs {
	GArray *listed;		/* of struct memcg, in an order that has parents first */
	GHashTable *known;	/* ids */
	uint32_t last;		/* the id asked for last: most traces have runs */
	bool limited, grouped;
};

static bool parse_id(const char *text, uint32_t *id)
{
	guint64 value;

	if (!g_ascii_string_to_unsigned(text, 10, 0, UINT32_MAX, &value, NULL))
		return false;
	*id = (uint32_t)value;
	return true;
}

static bool set_key(struct memcg *memcg, const char *key, const char *value)
{
	if (!strcmp(key, "parent"))
		return parse_id(value, &memcg->parent);
	if (!strcmp(key, "zswap.max")) {
		memcg->max = ZDEDUP_NO_LIMIT;
		return !strcmp(value, "max") ||
		       options_size(value, &memcg->max);
	}
	if (!strcmp(key, "zswap.writeback")) {
		memcg->writeback = !strcmp(value, "true") || !strcmp(value, "1");
		return memcg->writeback || !strcmp(value, "false") ||
		       !strcmp(value, "0");
	}
	if (!strcmp(key, "group"))
		return parse_id(value, &memcg->group) &&
		       memcg->group <= ZDEDUP_GROUP_MAX;
	return false;
}

static bool read_group(const char *path, GKeyFile *file, const char *group,
		       struct memcg *memcg)
{
	g_auto(GStrv) keys = g_key_file_get_keys(file, group, NULL, NULL);

	*memcg = (struct memcg){ .max = ZDEDUP_NO_LIMIT, .writeback = true,
				  .group = ZDEDUP_NO_GROUP };
	if (!parse_id(group, &memcg->id)) {
		cmd_error("%s: group [%s] is not a memcg id", path, group);
		return false;
	}
	for (char **key = keys; key && *key; key++) {
		g_autofree char *value =
			g_key_file_get_value(file, group, *key, NULL);

		if (!value || !set_key(memcg, *key, g_strstrip(value)) ||
		    (!memcg->id && !strcmp(*key, "parent"))) {
			cmd_error("%s: bad %s=%s (group [%s]; there are parent, zswap.max, zswap.writeback, group)",
				  path, *key, value ? value : "", group);
			return false;
		}
	}
	return true;
}

/* Moves memcgs behind their parents; what cannot be placed hangs on nothing. */
static bool place(const char *path, struct memcgs *memcgs, GArray *read)
{
	bool moved = true;

	while (moved && memcgs->listed->len < read->len) {
		moved = false;
		for (guint i = 0; i < read->len; i++) {
			struct memcg *m = &g_array_index(read, struct memcg, i);

			if (m->placed || (m->id &&
			    !g_hash_table_contains(memcgs->known,
						   GUINT_TO_POINTER(m->parent))))
				continue;
			m->placed = moved = true;
			g_hash_table_add(memcgs->known, GUINT_TO_POINTER(m->id));
			g_array_append_val(memcgs->listed, *m);
			memcgs->limited |= m->max != ZDEDUP_NO_LIMIT ||
					   !m->writeback;
			memcgs->grouped |= m->group != ZDEDUP_NO_GROUP;
		}
	}
	for (guint i = 0; i < read->len; i++) {
		const struct memcg *m = &g_array_index(read, struct memcg, i);

		if (!m->placed) {
			cmd_error("%s: parent %u of memcg %u is not in the file, or below it",
				  path, m->parent, m->id);
			return false;
		}
	}
	return true;
}

static bool read_file(const char *path, struct memcgs *memcgs)
{
	g_autoptr(GKeyFile) file = g_key_file_new();
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) groups = NULL;
	g_autoptr(GArray) read = g_array_new(FALSE, FALSE, sizeof(struct memcg));

	if (!g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, &error)) {
		cmd_error("%s: %s", path, error->message);
		return false;
	}
	groups = g_key_file_get_groups(file, NULL);
	for (char **group = groups; *group; group++) {
		struct memcg memcg;

		if (!read_group(path, file, *group, &memcg))
			return false;
		g_array_append_val(read, memcg);
	}
	return place(path, memcgs, read);
}

struct memcgs *memcgs_load(const char *path)
{
	struct memcgs *memcgs = g_new0(struct memcgs, 1);

	memcgs->listed = g_array_new(FALSE, FALSE, sizeof(struct memcg));
	memcgs->known = g_hash_table_new(NULL, NULL);
	g_hash_table_add(memcgs->known, GUINT_TO_POINTER(0));
	if (path && !read_file(path, memcgs)) {
		memcgs_free(memcgs);
		return NULL;
	}
	return memcgs;
}

void memcgs_free(struct memcgs *memcgs)
{
	if (!memcgs)
		return;
	g_array_unref(memcgs->listed);
	g_hash_table_destroy(memcgs->known);
	g_free(memcgs);
}

bool memcgs_limited(const struct memcgs *memcgs)
{
	return memcgs->limited;
}

bool memcgs_grouped(const struct memcgs *memcgs)
{
	return memcgs->grouped;
}

int memcgs_build(const struct memcgs *memcgs, struct zdedup *zd)
{
	for (guint i = 0; i < memcgs->listed->len; i++) {
		const struct memcg *m =
			&g_array_index(memcgs->listed, struct memcg, i);
		int err = m->id ? zdedup_memcg_add(zd, m->id, m->parent) : 0;

		if (!err && m->max != ZDEDUP_NO_LIMIT)
			err = zdedup_memcg_set_max(zd, m->id, m->max);
		if (!err && !m->writeback)
			err = zdedup_memcg_set_writeback(zd, m->id, false);
		if (!err && m->group != ZDEDUP_NO_GROUP)
			err = zdedup_memcg_set_group(zd, m->id, m->group);
		if (err)
			return err;
	}
	return 0;
}

int memcgs_need(struct memcgs *memcgs, uint32_t id, struct zdedup *zd)
{
	int err;

	if (id == memcgs->last)
		return 0;
	if (!g_hash_table_contains(memcgs->known, GUINT_TO_POINTER(id))) {
		err = zdedup_memcg_add(zd, id, 0);
		if (err)
			return err;
		g_hash_table_add(memcgs->known, GUINT_TO_POINTER(id));
	}
	memcgs->last = id;
	return 0;
}
