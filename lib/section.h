/* section: packets that IPFIX records bring in part (RFC 5477, 8.5; RFC 7133), as fields. */
#ifndef GOFLOW_SECTION_H
#define GOFLOW_SECTION_H

#include "lib/record.h"

/* Is this element a section: ipHeaderPacketSection, ipPayloadPacketSection, dataLinkFrameSection or
 * mplsLabelStackSection (313 to 316)? */
bool section_element(uint32_t pen, uint16_t id);

/* Sets those fields of r that the exporter did not send from the sections among its extras, by dissect (which says
 * what `inner` does). Where the exporter sent no counters, the record is of one packet: in_pkts is 1, in_bytes the
 * length of the IP packet by its header, or of the frame where that is not IP, l2_bytes that of the frame. The extras
 * stay. */
void section_dissect(struct record *r, bool inner);

#endif
