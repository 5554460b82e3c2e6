#include "lib/sequence.h"

#include <string.h>

#define GAP_MAX    1000000 /* a number so far off is lost, late or twice; further off begun anew */
#define LATE_S     60      /* what was sent so long before the last datagram is no late one */
#define BOOT_MAX   60000   /* an uptime so far behind the last one's began anew */
#define UNKNOWN    1000 /* numbers before the first one, of which nobody knows whether they came */
#define STREAK_MAX 4    /* datagrams in a row that tell how an exporter counts */

/* The numbers that a datagram stands for. */
struct range {
	uint32_t start, len;
};

static inline struct range range_of(const struct sequence_datagram *d, enum sequence_unit unit)
{
	switch (unit) {
	case SEQUENCE_FLOWS: return (struct range){d->number, d->flows};
	case SEQUENCE_FLOWS_AFTER: return (struct range){d->number - d->flows, d->flows};
	case SEQUENCE_DATAGRAMS: return (struct range){d->number, 1};
	case SEQUENCE_NOTHING: return (struct range){d->number, 0};
	default: return (struct range){d->number, d->flows + d->options};
	}
}

/* Uptimes tell of a restart whatever the numbers say; they wrap, as numbers do. */
static bool rebooted(const struct sequence *s, const struct sequence_datagram *d)
{
	return d->has_uptime && (int32_t)(d->uptime - s->uptime) < -BOOT_MAX;
}

/* Could it have been sent before the last datagram that came in its place? One that comes late, or
 * twice, was; one behind that was sent after it is of an exporter that has begun anew. */
static bool sent_before(const struct sequence *s, const struct sequence_datagram *d)
{
	int32_t later = (int32_t)(d->export_s - s->export_s);
	return later <= 0 && later >= -LATE_S && !rebooted(s, d);
}

static struct sequence_gap *gap_with(struct sequence *s, uint32_t number)
{
	for (int i = 0; i < SEQUENCE_GAPS; i++)
		if (number - s->gaps[i].start < s->gaps[i].len)
			return &s->gaps[i];
	return NULL;
}

static void add_gap(struct sequence *s, uint32_t start, uint32_t len, uint32_t worth)
{
	s->gaps[s->gap_at] = (struct sequence_gap){start, len, worth};
	s->gap_at = (uint8_t)((s->gap_at + 1) % SEQUENCE_GAPS);
}

/* Begins to count at `start`; what comes from before it may be late. */
static void begin_at(struct sequence *s, uint32_t start)
{
	memset(s->gaps, 0, sizeof s->gaps);
	s->gap_at = 0;
	add_gap(s, start - UNKNOWN, UNKNOWN, 0);
}

/* The mean number of records in a datagram, to the nearest. */
static uint32_t mean(const struct sequence *s)
{
	return s->datagrams ? (uint32_t)((s->records + s->datagrams / 2) / s->datagrams) : 0;
}

static enum sequence_verdict pass_over(
	struct sequence *s, struct sequence_counts *counts, uint32_t from, uint32_t len)
{
	if (!s->known) {
		add_gap(s, from, len, 0);
		return SEQUENCE_FIRST;
	}
	bool datagrams = s->unit == SEQUENCE_DATAGRAMS;
	uint32_t worth = datagrams ? mean(s) : 1;
	counts->lost_datagrams += datagrams ? len : 0;
	counts->lost_records += (uint64_t)len * worth;
	add_gap(s, from, len, worth);
	return SEQUENCE_GAP;
}

static void subtract(uint64_t *from, uint64_t n)
{
	*from -= n < *from ? n : *from;
}

/* Takes back what was counted as lost when these numbers were passed over. */
static void take_back(struct sequence *s, struct sequence_counts *counts, struct sequence_gap *gap,
	struct range r)
{
	const struct sequence_gap was = *gap;
	uint32_t before = r.start - was.start, behind = was.len - before;
	uint32_t len = r.len < behind ? r.len : behind;
	behind -= len;
	if (!len)
		return;
	subtract(&counts->lost_records, (uint64_t)len * was.worth);
	if (s->unit == SEQUENCE_DATAGRAMS && was.worth)
		subtract(&counts->lost_datagrams, len);
	gap->len = before;
	if (!before)
		*gap = (struct sequence_gap){r.start + len, behind, was.worth};
	else if (behind)
		add_gap(s, r.start + len, behind, was.worth);
}

static enum sequence_verdict begin_anew(
	struct sequence *s, struct sequence_counts *counts, struct range r)
{
	counts->restarts++;
	begin_at(s, r.start);
	return SEQUENCE_RESTART;
}

static enum sequence_verdict judge(
	struct sequence *s, struct sequence_counts *counts, const struct sequence_datagram *d)
{
	const struct range r = range_of(d, s->unit);
	const int32_t ahead = (int32_t)(r.start - s->next);
	if (!s->seen) {
		begin_at(s, r.start);
		return SEQUENCE_FIRST;
	}
	if (ahead == 0)
		return s->known ? SEQUENCE_NEXT : SEQUENCE_FIRST;
	if (ahead > 0 && ahead <= GAP_MAX && !rebooted(s, d))
		return pass_over(s, counts, s->next, (uint32_t)ahead);
	if (ahead > 0 || ahead < -GAP_MAX || !sent_before(s, d))
		return begin_anew(s, counts, r);
	struct sequence_gap *gap = gap_with(s, r.start);
	if (!gap) {
		counts->duplicates++;
		return SEQUENCE_DUPLICATE;
	}
	counts->reordered++;
	take_back(s, counts, gap, r);
	return SEQUENCE_LATE;
}

static void add_difference(struct sequence_counts *to, const struct sequence_counts *before,
	const struct sequence_counts *after)
{
	to->lost_datagrams += after->lost_datagrams - before->lost_datagrams;
	to->lost_records += after->lost_records - before->lost_records;
	to->reordered += after->reordered - before->reordered;
	to->duplicates += after->duplicates - before->duplicates;
	to->restarts += after->restarts - before->restarts;
}

/* By the unit in force none has followed the other for a while, by this one all have: the exporter
 * counts so. */
static void change_unit(struct sequence *s, struct sequence_counts *counts,
	const struct sequence_datagram *d, enum sequence_unit unit)
{
	const struct sequence_counts *doubtful = &s->doubtful;
	s->unit = (uint8_t)unit;
	counts->lost_datagrams -= doubtful->lost_datagrams;
	counts->lost_records -= doubtful->lost_records;
	counts->reordered -= doubtful->reordered;
	counts->duplicates -= doubtful->duplicates;
	counts->restarts -= doubtful->restarts;
	begin_at(s, range_of(d, unit).start);
}

static void trust(struct sequence *s)
{
	memset(s->streak, 0, sizeof s->streak);
	s->doubtful = (struct sequence_counts){0};
}

/* The usual case: it follows the last one, and nothing tells against the unit in force. */
static bool undoubted(const struct sequence *s, const struct sequence_datagram *d)
{
	static const uint8_t none[SEQUENCE_UNITS];
	return range_of(d, s->unit).start == s->then[s->unit] &&
	       memcmp(s->streak, none, sizeof none) == 0;
}

/* Compares the units by whether this datagram follows the last one; where it does by both, that
 * tells nothing. Returns whether the unit in force was changed. */
static bool compare_units(struct sequence *s, struct sequence_counts *counts,
	const struct sequence_counts *before, const struct sequence_datagram *d)
{
	bool in_force = range_of(d, s->unit).start == s->then[s->unit], doubt = false;
	add_difference(&s->doubtful, before, counts);
	for (int u = 0; u < SEQUENCE_UNITS; u++) {
		bool follows = d->exact && range_of(d, u).start == s->then[u];
		s->streak[u] = follows ? s->streak[u] + !in_force : 0;
		if (s->streak[u] == STREAK_MAX) {
			change_unit(s, counts, d, u);
			trust(s);
			return true;
		}
		doubt |= s->streak[u] > 0;
	}
	if (!doubt)
		trust(s);
	return false;
}

static void advance(struct sequence *s, const struct sequence_datagram *d, bool in_place)
{
	for (int u = 0; u < SEQUENCE_UNITS; u++) {
		const struct range r = range_of(d, u);
		s->then[u] = r.start + r.len;
	}
	if (!in_place)
		return;
	s->next = s->then[s->unit];
	s->seen = true;
	s->known = d->exact || s->unit >= SEQUENCE_DATAGRAMS;
	s->export_s = d->export_s;
	s->uptime = d->uptime;
}

enum sequence_verdict sequence_take(
	struct sequence *s, struct sequence_counts *counts, const struct sequence_datagram *d)
{
	const struct sequence_counts before = *counts;
	if (!s->seen)
		s->unit = (uint8_t)d->unit;
	enum sequence_verdict verdict = judge(s, counts, d);
	if (verdict == SEQUENCE_FIRST)
		trust(s);
	else if (!(verdict == SEQUENCE_NEXT && undoubted(s, d)) &&
		 compare_units(s, counts, &before, d))
		verdict = SEQUENCE_NEXT;
	advance(s, d, verdict != SEQUENCE_LATE && verdict != SEQUENCE_DUPLICATE);
	if (verdict != SEQUENCE_DUPLICATE) {
		s->datagrams++;
		s->records += d->flows + d->options;
	}
	return verdict;
}

void sequence_write(const struct sequence *s, struct bytes *out)
{
	bytes_uint(out, s->seen, 1);
	bytes_uint(out, s->known, 1);
	bytes_uint(out, s->unit, 1);
	bytes_uint(out, s->gap_at, 1);
	bytes_uint(out, s->next, 4);
	for (int u = 0; u < SEQUENCE_UNITS; u++) {
		bytes_uint(out, s->streak[u], 1);
		bytes_uint(out, s->then[u], 4);
	}
	bytes_uint(out, s->export_s, 4);
	bytes_uint(out, s->uptime, 4);
	bytes_uint(out, s->datagrams, 8);
	bytes_uint(out, s->records, 8);
	for (int i = 0; i < SEQUENCE_GAPS; i++) {
		bytes_uint(out, s->gaps[i].start, 4);
		bytes_uint(out, s->gaps[i].len, 4);
		bytes_uint(out, s->gaps[i].worth, 4);
	}
}

/* What was in doubt was counted in another run: it cannot be taken back here. */
void sequence_read(struct sequence *s, struct cursor *c)
{
	s->seen = cursor_u8(c);
	s->known = cursor_u8(c);
	s->unit = cursor_u8(c) % SEQUENCE_UNITS;
	s->gap_at = cursor_u8(c) % SEQUENCE_GAPS;
	s->next = cursor_u32(c);
	for (int u = 0; u < SEQUENCE_UNITS; u++) {
		s->streak[u] = cursor_u8(c);
		s->then[u] = cursor_u32(c);
	}
	s->export_s = cursor_u32(c);
	s->uptime = cursor_u32(c);
	s->datagrams = cursor_u64(c);
	s->records = cursor_u64(c);
	for (int i = 0; i < SEQUENCE_GAPS; i++) {
		s->gaps[i].start = cursor_u32(c);
		s->gaps[i].len = cursor_u32(c);
		s->gaps[i].worth = cursor_u32(c);
	}
}
