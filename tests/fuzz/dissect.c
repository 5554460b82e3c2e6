/* Packets cut anywhere, read both ways. An input is what the packet begins with (a byte), then the
 * packet. What comes out keeps what dissect.h promises, and a second reading changes nothing. */
#include <stdlib.h>
#include <string.h>

#include "lib/dissect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void hold(bool what)
{
	if (!what)
		abort();
}

static void look_at(const struct record *r)
{
	bool outer = record_has(r, FIELD_outer_src_ip), inner = record_has(r, FIELD_inner_src_ip);
	hold(!outer || inner);
	hold(record_has(r, FIELD_src_port) == record_has(r, FIELD_dst_port));
	hold(record_has(r, FIELD_src_ip) == record_has(r, FIELD_ip_version));
	hold(!record_has(r, FIELD_tunnel_id) || record_has(r, FIELD_tunnel));
	hold(!record_has(r, FIELD_src_vlan) || r->src_vlan < 4096);
	hold(!record_has(r, FIELD_mpls_label_1) || r->mpls_label_1 < 1 << 20);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	enum dissect_link link = data[0] % (DISSECT_TRANSPORT + 1);
	for (int inner = 0; inner < 2; inner++) {
		struct record r = {0};
		uint8_t *copy = malloc(size - 1);
		if (!copy)
			return 0;
		memcpy(copy, data + 1, size - 1);
		if (link == DISSECT_TRANSPORT)
			RECORD_SET(&r, protocol, copy[0]);
		dissect(&r, link, copy, size - 1, inner);
		look_at(&r);
		struct record again =
			r; /* now with the flow's addresses said: those of the outermost */
		dissect(&again, link, copy, size - 1, false);
		hold(inner || record_equal(&r, &again));
		free(copy);
	}
	return 0;
}
