#include "lib/sequence.h"

#define LATE_MAX 1000    /* a number so far behind is a late datagram, further a restart */
#define GAP_MAX  1000000 /* a number so far ahead is a gap, further a restart */

enum sequence_verdict sequence_check(
	struct sequence *s, struct sequence_counts *counts, uint32_t number, bool per_datagram)
{
	if (!s->known)
		return SEQUENCE_FIRST;
	int32_t ahead = (int32_t)(number - s->next);
	if (ahead == 0)
		return SEQUENCE_NEXT;
	if (ahead < 0 && ahead >= -LATE_MAX) {
		counts->reordered++;
		return SEQUENCE_LATE;
	}
	if (ahead < 0 || ahead > GAP_MAX) {
		counts->restarts++;
		return SEQUENCE_RESTART;
	}
	if (per_datagram) {
		counts->lost_datagrams += (uint32_t)ahead;
		counts->lost_records +=
			(uint64_t)ahead * s->records / (s->datagrams ? s->datagrams : 1);
	} else {
		counts->lost_records += (uint32_t)ahead;
	}
	return SEQUENCE_GAP;
}

/* A late datagram takes back what was counted as lost when its place was passed over. */
static void take_back(struct sequence_counts *counts, uint32_t records, bool per_datagram)
{
	counts->lost_records -= records < counts->lost_records ? records : counts->lost_records;
	if (per_datagram && counts->lost_datagrams)
		counts->lost_datagrams--;
}

void sequence_advance(struct sequence *s, struct sequence_counts *counts,
	enum sequence_verdict verdict, uint32_t number, uint32_t records, bool exact,
	bool per_datagram)
{
	s->datagrams++;
	s->records += records;
	if (verdict == SEQUENCE_LATE) {
		take_back(counts, records, per_datagram);
		return;
	}
	s->next = number + (per_datagram ? 1 : records);
	s->known = exact || per_datagram;
}
