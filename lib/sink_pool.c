#include "lib/sink_pool.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/stage.h"

#define BACKOFF_MIN_NS (100 * NS_PER_MS)
#define BACKOFF_MAX_NS (5 * NS_PER_S)
#define TICK_NS        NS_PER_S

/* Waiting and waking --------------------------------------------------------------------------- */

static void wake_main(struct pool *p)
{
	uint64_t one = 1;
	ssize_t n = write(p->event_fd, &one, sizeof one);
	(void)n; /* it fails only where the main thread has not yet taken note of 2^64 - 2 of them
		  */
}

/* Waits, with the lock held, for a signal of the condition, until a monotonic time at the latest.
 */
static void wait_until(struct pool *p, pthread_cond_t *condition, uint64_t ns)
{
	struct timespec t = {.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
	pthread_cond_timedwait(condition, &p->lock, &t);
}

/* Outages -------------------------------------------------------------------------------------- */

/* One line for each change of state, however many connections share the outage. */
static void outage_begins(struct worker *w)
{
	struct pool *p = w->pool;
	bool first = false;
	pthread_mutex_lock(&p->lock);
	p->retries++;
	if (!w->outage_ns) {
		w->outage_ns = monotonic_ns();
		first = p->outages++ == 0;
		if (first)
			p->outage_ns = w->outage_ns;
	}
	pthread_mutex_unlock(&p->lock);
	if (first)
		log_warn("cannot store, trying again: %s", p->ops->why(w->connection));
}

static void outage_ends(struct worker *w)
{
	struct pool *p = w->pool;
	bool last = false;
	if (!w->outage_ns)
		return;
	pthread_mutex_lock(&p->lock);
	w->outage_ns = 0;
	last = --p->outages == 0;
	pthread_mutex_unlock(&p->lock);
	if (last)
		log_info("storing again after=%.1fs",
			(double)(monotonic_ns() - p->outage_ns) / (double)NS_PER_S);
}

/* Waits before the next attempt. Returns 0, ERR_RETRY (given up) or ERR_STOPPED. */
static int back_off(struct worker *w, uint64_t *delay_ns)
{
	struct pool *p = w->pool;
	uint64_t until = monotonic_ns() + *delay_ns, end = w->outage_ns + p->retry_ns;
	if (p->retry_ns != UINT64_MAX && monotonic_ns() >= end)
		return ERR_RETRY;
	if (p->retry_ns != UINT64_MAX && until > end)
		until = end;
	pthread_mutex_lock(&p->lock);
	while (!p->stopping && monotonic_ns() < until)
		wait_until(p, &p->work, until);
	bool stopped = p->stopping;
	pthread_mutex_unlock(&p->lock);
	*delay_ns = *delay_ns * 2 > BACKOFF_MAX_NS ? BACKOFF_MAX_NS : *delay_ns * 2;
	return stopped ? ERR_STOPPED : 0;
}

/* A connection's thread ------------------------------------------------------------------------ */

static void disconnect(struct worker *w)
{
	w->pool->ops->close(w->connection);
	w->opened = false;
}

static int connect_once(struct worker *w)
{
	struct pool *p = w->pool;
	int err = w->opened ? 0 : p->ops->open(w->connection);
	if (err)
		return err;
	w->opened = true;
	pthread_mutex_lock(&p->lock);
	if (!p->opened)
		wake_main(p);
	p->opened = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	return 0;
}

/* One attempt to open, if need be, and to store the batch, if there is one. */
static int attempt(struct worker *w, struct pool_batch *b)
{
	int err = connect_once(w);
	if (err || !b)
		return err;
	reject_forget(&b->rejects);
	b->result = (struct sink_result){.rejects = &b->rejects};
	err = w->pool->ops->store(w->connection, &b->view, &b->result);
	if (!err)
		reject_write(&b->rejects);
	return err;
}

/* Opens and stores, again and again until it is done or given up. Returns 0 or a negative code: of
 * those that end the sink, said here. */
static int persist(struct worker *w, struct pool_batch *b)
{
	uint64_t delay_ns = BACKOFF_MIN_NS;
	int err;
	while ((err = attempt(w, b)) == ERR_RETRY) {
		outage_begins(w);
		disconnect(w);
		err = back_off(w, &delay_ns);
		if (err)
			break;
	}
	if (err)
		log_error("%s", w->pool->ops->why(w->connection));
	else
		outage_ends(w);
	return err;
}

/* What fails here is said once and tried again; that records cannot be stored is for the next
 * batch to find out. Returns 0, ERR_RETRY or ERR_CONFIG. */
static int upkeep(struct worker *w, bool last)
{
	const struct sink_ops *ops = w->pool->ops;
	int done = connect_once(w);
	if (!done)
		done = ops->tick(w->connection, last);
	bool fails = done < 0;
	w->tick_ns = monotonic_ns();
	w->upkeep_due = done > 0;
	if (fails && !w->upkeep_fails)
		log_warn("upkeep failed, trying again: %s", ops->why(w->connection));
	else if (!fails && w->upkeep_fails)
		log_info("upkeep works again");
	if (fails && ops->upkeep_apart)
		disconnect(w);
	w->upkeep_fails = fails;
	return fails ? done : 0;
}

/* The oldest batch that no connection has; NULL: there is none. */
static struct pool_batch *find_ready(struct pool *p)
{
	for (uint64_t i = p->head; i < p->tail; i++)
		if (p->ring[i % p->ring_count]->state == BATCH_READY)
			return p->ring[i % p->ring_count];
	return NULL;
}

static bool all_stored(const struct pool *p)
{
	for (uint64_t i = p->head; i < p->tail; i++)
		if (p->ring[i % p->ring_count]->state != BATCH_DONE)
			return false;
	return true;
}

enum task { TASK_STORE, TASK_TICK, TASK_END };

static bool tick_is_due(const struct worker *w, uint64_t now)
{
	return w->ticks && (w->opened || (w->pool->ops->upkeep_apart && w->pool->opened)) &&
	       ((w->upkeep_due && !w->upkeep_fails) || now - w->tick_ns >= TICK_NS);
}

/* Waits for something to do. */
static enum task next_task(struct worker *w, struct pool_batch **batch)
{
	struct pool *p = w->pool;
	enum task task;
	pthread_mutex_lock(&p->lock);
	for (;;) {
		uint64_t now = monotonic_ns();
		*batch = w->stores ? find_ready(p) : NULL;
		bool no_more = p->stopping || (p->ending && all_stored(p));
		if (p->quitting || p->error || (!*batch && no_more))
			task = TASK_END;
		else if (*batch)
			task = TASK_STORE;
		else if (tick_is_due(w, now))
			task = TASK_TICK;
		else {
			wait_until(p, &p->work, now + TICK_NS);
			continue;
		}
		break;
	}
	if (task == TASK_STORE)
		(*batch)->state = BATCH_TAKEN;
	pthread_mutex_unlock(&p->lock);
	return task;
}

static void give_back(struct pool *p, struct pool_batch *b, int err)
{
	pthread_mutex_lock(&p->lock);
	b->state = err ? BATCH_READY : BATCH_DONE;
	if (err && !p->error)
		p->error = err;           /* at once: no other connection is to take it as well */
	pthread_cond_broadcast(&p->work); /* some wait until all are stored */
	pthread_mutex_unlock(&p->lock);
	wake_main(p);
}

/* All that is to be pruned, when the input has ended and all is stored. */
static int last_upkeep(struct worker *w)
{
	struct pool *p = w->pool;
	int err = 0;
	bool go_on = w->ticks && p->opened;
	while (go_on) {
		err = upkeep(w, true);
		pthread_mutex_lock(&p->lock);
		go_on = !err && w->upkeep_due && !p->stopping;
		pthread_mutex_unlock(&p->lock);
	}
	return err == ERR_CONFIG ? err : 0;
}

static int work(struct worker *w)
{
	int err = w == w->pool->workers ? persist(w, NULL) : 0;
	while (!err) {
		struct pool_batch *b;
		enum task task = next_task(w, &b);
		if (task == TASK_END)
			break;
		if (task == TASK_STORE) {
			err = persist(w, b);
			give_back(w->pool, b, err);
		} else if (upkeep(w, false) == ERR_CONFIG) {
			err = ERR_CONFIG;
		}
	}
	return err;
}

static void *run_worker(void *arg)
{
	struct worker *w = arg;
	struct pool *p = w->pool;
	int err = work(w);
	pthread_mutex_lock(&p->lock);
	bool last = !err && p->ending && !p->stopping && !p->error;
	pthread_mutex_unlock(&p->lock);
	if (last)
		err = last_upkeep(w);
	p->ops->close(w->connection);
	pthread_mutex_lock(&p->lock);
	if (!p->error)
		p->error = err;
	p->running--;
	pthread_cond_broadcast(&p->work);
	pthread_cond_broadcast(&p->ended);
	pthread_mutex_unlock(&p->lock);
	wake_main(p);
	return NULL;
}

/* Beginning and ending ------------------------------------------------------------------------- */

static int make_ring(struct pool *p, unsigned count, int reject_fd)
{
	for (p->ring_count = 0; p->ring_count < count; p->ring_count++) {
		struct pool_batch *b = calloc(1, sizeof *b);
		p->ring[p->ring_count] = b;
		if (!b || !(b->bytes = malloc(BATCH_BYTES)))
			return ERR_MEMORY;
		b->view.frames = b->frames;
		if (p->ops->frame_room)
			p->ops->frame_room(p->self, &b->before, &b->after);
		b->rejects.fd = reject_fd;
	}
	return 0;
}

static int make_worker(struct pool *p, bool stores, bool ticks)
{
	struct worker *w = &p->workers[p->worker_count++];
	*w = (struct worker){.pool = p, .stores = stores, .ticks = ticks};
	w->connection = p->ops->connection_new(p->self);
	return w->connection ? 0 : ERR_MEMORY;
}

static int make_workers(struct pool *p, unsigned connections)
{
	bool apart = p->ops->tick && p->ops->upkeep_apart;
	int err = 0;
	for (unsigned i = 0; i < connections && !err; i++)
		err = make_worker(p, true, p->ops->tick && !apart && i == 0);
	if (!err && apart)
		err = make_worker(p, false, true);
	return err;
}

/* Signals are the main thread's. */
static int start_threads(struct pool *p)
{
	sigset_t all, old;
	int failed = 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_mutex_lock(&p->lock); /* none runs before `running` is right */
	for (unsigned i = 0; i < p->worker_count && !failed; i++) {
		struct worker *w = &p->workers[i];
		failed = pthread_create(&w->thread, NULL, run_worker, w);
		p->running += !failed;
	}
	pthread_mutex_unlock(&p->lock);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return failed ? ERR_MEMORY : 0;
}

int pool_start(struct pool *p, const struct sink_ops *ops, void *self, unsigned connections,
	uint64_t retry_ns, int reject_fd)
{
	pthread_condattr_t clock;
	*p = (struct pool){.ops = ops, .self = self, .retry_ns = retry_ns};
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&p->work, &clock);
	pthread_cond_init(&p->ended, &clock);
	p->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int err = p->event_fd < 0 ? ERR_MEMORY : make_ring(p, connections + 1, reject_fd);
	if (!err)
		err = make_workers(p, connections);
	return err ? err : start_threads(p);
}

bool pool_stop(struct pool *p, bool once, uint64_t patience_ns)
{
	uint64_t until = monotonic_ns() + patience_ns;
	pthread_mutex_lock(&p->lock);
	p->stopping = true;
	p->quitting |= !once;
	pthread_cond_broadcast(&p->work);
	while (p->running && monotonic_ns() < until)
		wait_until(p, &p->ended, until);
	bool all = p->running == 0;
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; all && i < p->worker_count; i++)
		if (p->workers[i].thread)
			pthread_join(p->workers[i].thread, NULL);
	return all;
}

void pool_free(struct pool *p)
{
	for (unsigned i = 0; i < p->worker_count; i++)
		if (p->workers[i].connection)
			p->ops->connection_free(p->workers[i].connection);
	for (unsigned i = 0; i <= SINK_CONNECTIONS_MAX && p->ring[i]; i++) {
		reject_free(&p->ring[i]->rejects);
		free(p->ring[i]->bytes);
		free(p->ring[i]);
	}
	if (p->event_fd >= 0)
		close(p->event_fd);
}

/* Batches -------------------------------------------------------------------------------------- */

struct pool_batch *pool_filling(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	bool free_one = p->tail - p->head < p->ring_count;
	pthread_mutex_unlock(&p->lock);
	return free_one ? p->ring[p->tail % p->ring_count] : NULL;
}

/* The batch's own copy of a schema; NULL: there is no room for one. */
static const struct schema *find_schema(const struct pool_batch *b, const struct schema *schema)
{
	if (schema == schema_own())
		return schema;
	for (unsigned i = 0; i < b->schema_count; i++)
		if (b->schemas[i].hash == schema->hash)
			return &b->schemas[i];
	return NULL;
}

bool batch_has_room(const struct pool_batch *b, const struct frame *f)
{
	return b->used + b->before + f->len + b->after <= BATCH_BYTES &&
	       b->view.count < SINK_FRAMES_MAX &&
	       (find_schema(b, f->schema) || b->schema_count < BATCH_SCHEMAS);
}

void batch_add(struct pool_batch *b, const struct frame *f, uint64_t now_ns)
{
	const struct schema *schema = find_schema(b, f->schema);
	if (!schema) {
		b->schemas[b->schema_count] = *f->schema;
		schema = &b->schemas[b->schema_count++];
	}
	if (!b->view.count)
		b->first_ns = now_ns;
	struct frame *copy = &b->frames[b->view.count++];
	*copy = *f;
	copy->schema = schema;
	copy->payload = memcpy(b->bytes + b->used + b->before, f->payload, f->len);
	b->used += b->before + f->len + b->after;
	b->view.records += f->records;
}

void pool_submit(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	p->ring[p->tail++ % p->ring_count]->state = BATCH_READY;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
}

struct pool_batch *pool_done(struct pool *p)
{
	struct pool_batch *b = p->ring[p->head % p->ring_count];
	pthread_mutex_lock(&p->lock);
	bool done = p->head < p->tail && b->state == BATCH_DONE;
	pthread_mutex_unlock(&p->lock);
	return done ? b : NULL;
}

void pool_settle(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	struct pool_batch *b = p->ring[p->head++ % p->ring_count];
	b->state = BATCH_FREE;
	b->view.count = 0;
	b->view.records = 0;
	b->schema_count = 0;
	b->used = 0;
	pthread_mutex_unlock(&p->lock);
}

/* State ---------------------------------------------------------------------------------------- */

bool pool_opened(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	bool opened = p->opened;
	pthread_mutex_unlock(&p->lock);
	return opened;
}

int pool_error(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	int error = p->error;
	pthread_mutex_unlock(&p->lock);
	return error;
}

uint64_t pool_retries(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	uint64_t retries = p->retries;
	pthread_mutex_unlock(&p->lock);
	return retries;
}

void pool_woken(struct pool *p)
{
	uint64_t count;
	ssize_t n = read(p->event_fd, &count, sizeof count);
	(void)n; /* nothing there is fine */
}

void pool_finish(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	p->ending = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
}

bool pool_idle(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	bool idle = p->running == 0;
	pthread_mutex_unlock(&p->lock);
	return idle;
}
