/* late_store: what waits, as lib/late.c and lib/late_state.c share it. For these two alone. */
#ifndef GOFLOW_LATE_STORE_H
#define GOFLOW_LATE_STORE_H

#include "lib/late.h"
#include "lib/lru.h"

#define LATE_BUCKETS 4096

/* A datagram of which sets wait. It is counted as waiting until the last of them is done with. */
struct pending {
	uint32_t sets;
	int err;      /* of a set that was given up, or that had a fault */
	bool waiting; /* counted so; false: its datagram is still in hand, or had a fault of its own */
	struct ip exporter;
};

/* An exporter of which sets wait. */
struct sender {
	struct sender *next; /* in its bucket */
	struct ip address;
	bool proven; /* it sent what could be decoded */
	uint32_t queues;
	size_t bytes;
	struct lru sets;
};

/* The sets that wait for one template, whatever UDP port they came from. */
struct queue {
	struct queue *next; /* in its bucket */
	struct queue *next_due;
	bool due; /* its template has come */
	uint8_t version;
	uint16_t id;
	uint32_t domain;
	struct sender *sender;
	struct lru sets;
};

struct held {
	/* in the order of arrival, in all of these; `unproven` of senders that are not proven alone
	 */
	struct lru_link all, unproven, own, queued;
	struct queue *queue;
	struct held *then;   /* the next of those that were due together */
	struct pending *of;
	struct datagram datagram; /* its data are the set's contents */
	uint64_t since_ns;        /* that it has waited from */
	uint64_t order;           /* its number in all that ever waited */
	struct message_header header;
	struct plan_times times;
	uint16_t id;
	uint32_t len;
	uint8_t bytes[];
};

struct late {
	size_t bytes, max_bytes;
	uint64_t max_ns, seed, order;
	struct lru all, unproven;
	struct queue *due;
	struct sender *senders[LATE_BUCKETS];
	struct queue *queues[LATE_BUCKETS];
};

/* The queue for a template of the sender, made if there is none; free it if nothing is appended to it. NULL:
 * no memory. */
struct queue *late_queue_of(struct decoder *d, const struct ip *address, const struct message_header *h,
	uint16_t id);

/* Frees an empty queue, and its sender with the last one. */
void late_free_queue(struct late *l, struct queue *q);

/* A set, owned from now on, begins to wait; h->of is set. */
void late_append(struct decoder *d, struct queue *q, struct held *h);

/* Gives up sets until there is room for that many bytes more of `address`. */
void late_make_room(struct decoder *d, const struct ip *address, size_t bytes);

#endif
