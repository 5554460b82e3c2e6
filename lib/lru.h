/* lru: lists in the order of last use, of things that hold a link for each list that they are in. */
#ifndef GOFLOW_LRU_H
#define GOFLOW_LRU_H

#include <stddef.h>

struct lru_link {
	struct lru_link *newer, *older;
};

struct lru {
	struct lru_link *newest, *oldest;
};

/* What holds the link. */
#define LRU_HOLDER(link, type, member) ((type *)((char *)(link) - offsetof(type, member)))

/* The same, or NULL where there is none. */
#define LRU_HOLDER_OR_NULL(link, type, member) ((link) ? LRU_HOLDER(link, type, member) : NULL)

static inline void lru_add(struct lru *l, struct lru_link *link)
{
	link->newer = NULL;
	link->older = l->newest;
	*(l->newest ? &l->newest->newer : &l->oldest) = link;
	l->newest = link;
}

static inline void lru_remove(struct lru *l, struct lru_link *link)
{
	if (l->newest == link)
		l->newest = link->older;
	else
		link->newer->older = link->older;
	if (l->oldest == link)
		l->oldest = link->newer;
	else
		link->older->newer = link->newer;
}

/* It is used: it becomes the newest. */
static inline void lru_touch(struct lru *l, struct lru_link *link)
{
	if (l->newest == link)
		return;
	lru_remove(l, link);
	lru_add(l, link);
}

#endif
