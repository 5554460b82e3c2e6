/* gen: seeded captures of export traffic, of any size, and the truth about them.
 *
 *   gen v5|v9|ipfix|mix FLOWS SEED FILE
 *
 * Writes FILE, a pcap of Ethernet frames, and one line of JSON to standard output: how many
 * datagrams and records are in it, and the sums of their bytes and packets. The same SEED gives the
 * same file.
 *
 * v5, v9 and ipfix are one router each, with one template of 20 fields. mix is 50 exporters of all
 * three versions, in turn; of the v9 and IPFIX ones some tell of IPv6, some of address translation,
 * and some of names of variable length. Shares no code with what it is to measure. */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

#define PAYLOAD_MAX    1440
#define TEMPLATE_EVERY 200        /* datagrams of an exporter */
#define DATAGRAM_NS    250000     /* between two of them */
#define EPOCH          1767225600 /* 2026-01-01T00:00:00Z, when the trace begins */
#define UPTIME_MS      86400000   /* of all exporters, then */
#define MIX_EXPORTERS  50
#define TEMPLATE_ID    300
#define VARIABLE       65535

/* What is in a field; its length in the template decides how many bytes of it are sent. */
enum value {
	SRC,
	DST,
	NEXT_HOP,
	SRC6,
	DST6,
	NEXT_HOP6,
	IN_IF,
	OUT_IF,
	PACKETS,
	BYTES,
	FIRST_UP,
	LAST_UP,
	FIRST_MS,
	LAST_MS,
	SRC_PORT,
	DST_PORT,
	FLAGS,
	PROTOCOL,
	TOS,
	SRC_AS,
	DST_AS,
	MASK,
	DIRECTION,
	END_REASON,
	VLAN,
	NAT_SRC,
	NAT_DST,
	NAT_SRC_PORT,
	NAT_DST_PORT,
	NAT_EVENT,
	IF_NAME,
	APP_NAME,
	USER_NAME,
};

struct field {
	uint16_t id, len;
	uint8_t value;
};

struct template
{
	uint16_t version;
	size_t count;
	const struct field *fields;
};

#define TEMPLATE(version, name)                                                                    \
	{                                                                                          \
		version, LEN(name), name                                                           \
	}

static const struct field v9_router[] = {
	{8, 4, SRC},
	{12, 4, DST},
	{15, 4, NEXT_HOP},
	{10, 4, IN_IF},
	{14, 4, OUT_IF},
	{2, 4, PACKETS},
	{1, 4, BYTES},
	{22, 4, FIRST_UP},
	{21, 4, LAST_UP},
	{7, 2, SRC_PORT},
	{11, 2, DST_PORT},
	{6, 1, FLAGS},
	{4, 1, PROTOCOL},
	{5, 1, TOS},
	{16, 4, SRC_AS},
	{17, 4, DST_AS},
	{9, 1, MASK},
	{13, 1, MASK},
	{61, 1, DIRECTION},
	{18, 4, NEXT_HOP},
};

static const struct field ipfix_router[] = {
	{8, 4, SRC},
	{12, 4, DST},
	{15, 4, NEXT_HOP},
	{10, 4, IN_IF},
	{14, 4, OUT_IF},
	{2, 8, PACKETS},
	{1, 8, BYTES},
	{152, 8, FIRST_MS},
	{153, 8, LAST_MS},
	{7, 2, SRC_PORT},
	{11, 2, DST_PORT},
	{6, 2, FLAGS},
	{4, 1, PROTOCOL},
	{5, 1, TOS},
	{16, 4, SRC_AS},
	{17, 4, DST_AS},
	{9, 1, MASK},
	{13, 1, MASK},
	{61, 1, DIRECTION},
	{136, 1, END_REASON},
};

static const struct field v9_ip6[] = {
	{27, 16, SRC6},
	{28, 16, DST6},
	{62, 16, NEXT_HOP6},
	{10, 4, IN_IF},
	{14, 4, OUT_IF},
	{2, 4, PACKETS},
	{1, 4, BYTES},
	{22, 4, FIRST_UP},
	{21, 4, LAST_UP},
	{7, 2, SRC_PORT},
	{11, 2, DST_PORT},
	{6, 1, FLAGS},
	{4, 1, PROTOCOL},
	{5, 1, TOS},
	{29, 1, MASK},
	{30, 1, MASK},
	{61, 1, DIRECTION},
};

static const struct field ipfix_ip6[] = {
	{27, 16, SRC6},
	{28, 16, DST6},
	{10, 4, IN_IF},
	{14, 4, OUT_IF},
	{2, 8, PACKETS},
	{1, 8, BYTES},
	{152, 8, FIRST_MS},
	{153, 8, LAST_MS},
	{7, 2, SRC_PORT},
	{11, 2, DST_PORT},
	{6, 2, FLAGS},
	{4, 1, PROTOCOL},
	{5, 1, TOS},
	{16, 4, SRC_AS},
	{17, 4, DST_AS},
	{58, 2, VLAN},
	{136, 1, END_REASON},
};

static const struct field ipfix_nat[] = {
	{8, 4, SRC},
	{12, 4, DST},
	{225, 4, NAT_SRC},
	{226, 4, NAT_DST},
	{7, 2, SRC_PORT},
	{11, 2, DST_PORT},
	{227, 2, NAT_SRC_PORT},
	{228, 2, NAT_DST_PORT},
	{4, 1, PROTOCOL},
	{2, 8, PACKETS},
	{1, 8, BYTES},
	{152, 8, FIRST_MS},
	{153, 8, LAST_MS},
	{230, 1, NAT_EVENT},
};

static const struct field ipfix_names[] = {
	{8, 4, SRC},
	{12, 4, DST},
	{82, VARIABLE, IF_NAME},
	{7, 2, SRC_PORT},
	{11, 2, DST_PORT},
	{4, 1, PROTOCOL},
	{2, 8, PACKETS},
	{1, 8, BYTES},
	{152, 8, FIRST_MS},
	{153, 8, LAST_MS},
	{96, VARIABLE, APP_NAME},
	{371, VARIABLE, USER_NAME},
};

/* NetFlow v5 has no templates: a header of 24 bytes, records of 48. */
static const struct template kinds[] = {
	{5, 0, NULL},
	TEMPLATE(9, v9_router),
	TEMPLATE(10, ipfix_router),
	TEMPLATE(9, v9_ip6),
	TEMPLATE(10, ipfix_ip6),
	TEMPLATE(10, ipfix_nat),
	TEMPLATE(10, ipfix_names),
};

struct exporter {
	const struct template *template;
	uint32_t number, datagrams, sequence;
};

struct flow {
	uint8_t src6[16], dst6[16], next_hop6[16];
	uint32_t src, dst, next_hop, in_if, out_if, packets, bytes, src_as, dst_as, nat_src;
	uint64_t first_ms, last_ms; /* since the trace began, + UPTIME_MS */
	uint16_t src_port, dst_port, nat_port;
	uint8_t flags, protocol, tos, mask;
	const char *if_name, *app_name, *user_name;
};

struct truth {
	uint64_t datagrams, records, bytes, packets;
};

struct buffer {
	uint8_t b[PAYLOAD_MAX + 512];
	size_t len;
};

static uint64_t state;

/* SplitMix64. */
static uint64_t number(void)
{
	uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* Puts the low len bytes of v, in network order. */
static void put(struct buffer *o, uint64_t v, size_t len)
{
	for (size_t i = len; i > 0; i--)
		o->b[o->len++] = (uint8_t)(i > 8 ? 0 : v >> (8 * (i - 1)));
}

static void put_bytes(struct buffer *o, const void *p, size_t len)
{
	memcpy(o->b + o->len, p, len);
	o->len += len;
}

static void put_text(struct buffer *o, const char *text)
{
	size_t len = strlen(text);
	put(o, len, 1);
	put_bytes(o, text, len);
}

static void set16(struct buffer *o, size_t at, size_t v)
{
	o->b[at] = (uint8_t)(v >> 8);
	o->b[at + 1] = (uint8_t)v;
}

static void address6(uint8_t out[16], uint32_t net, uint64_t host)
{
	static const uint8_t prefix[4] = {0x20, 0x01, 0x0d, 0xb8};
	memcpy(out, prefix, 4);
	memcpy(out + 4, &net, 4);
	memcpy(out + 8, &host, 8);
}

/* Few packets mostly, many at times; talkers of a few thousand addresses; ports of services. */
static void make_flow(struct flow *f, uint64_t now_ms)
{
	static const uint16_t ports[] = {443, 443, 443, 80, 53, 53, 22, 25, 123, 993, 8080, 3478};
	static const char *const interfaces[] = {
		"ge-0/0/1", "xe-1/2/0.100", "TenGigE0/0/0/3", "lag-21", "eth0"};
	static const char *const apps[] = {
		"https", "dns", "video-over-http", "ssh", "bittorrent", "ms-office-365"};
	static const char *const users[] = {
		"alice@example.org", "bob@example.net", "Renée", "svc-backup", ""};
	uint64_t a = number(), b = number(), c = number();

	f->protocol = a % 10 < 7 ? 6 : 17;
	f->src = UINT32_C(0x0a000000) | (uint32_t)(a >> 8 & 0x3fff);
	f->dst = UINT32_C(0xc6120000) | (uint32_t)(a >> 22 & 0xffff);
	f->src_port = (uint16_t)(1024 + (a >> 38) % 64000);
	f->dst_port = ports[(a >> 54) % LEN(ports)];
	f->flags = f->protocol == 6 ? (uint8_t)(0x12 | (b & 0x0d)) : 0;
	f->tos = (b >> 4 & 7) == 0 ? 0xb8 : 0;
	f->packets = 1 + (uint32_t)((b >> 8 & 0xff) * ((b >> 16 & 0x0f) == 0 ? 1000 : 1) >>
				    (b >> 20 & 7));
	f->bytes = f->packets * (40 + (uint32_t)((b >> 24) % 1461));
	f->in_if = 1 + (b >> 40) % 48;
	f->out_if = 1 + (b >> 48) % 48;
	f->mask = (uint8_t)(16 + (b >> 56) % 9);
	f->src_as = 64512 + (c & 0xff);
	f->dst_as = UINT32_C(4200000000) + (c >> 8 & 0xff);
	f->next_hop = UINT32_C(0xc0000200) | (c >> 16 & 0x0f);
	f->nat_src = UINT32_C(0xcb007100) | (c >> 20 & 0x1f);
	f->nat_port = (uint16_t)(1024 + (c >> 28) % 64000);
	f->last_ms = now_ms - (c >> 44) % 2000;
	f->first_ms = f->last_ms - (c >> 52) % 60000;
	address6(f->src6, f->src, c & 0xfff);
	address6(f->dst6, f->dst, 1);
	address6(f->next_hop6, f->next_hop, 2);
	f->if_name = interfaces[a % LEN(interfaces)];
	f->app_name = apps[b % LEN(apps)];
	f->user_name = users[c % LEN(users)];
}

static void put_value(struct buffer *o, const struct field *d, const struct flow *f)
{
	switch ((enum value)d->value) {
	case SRC: put(o, f->src, d->len); break;
	case DST:
	case NAT_DST: put(o, f->dst, d->len); break;
	case NEXT_HOP: put(o, f->next_hop, d->len); break;
	case SRC6: put_bytes(o, f->src6, 16); break;
	case DST6: put_bytes(o, f->dst6, 16); break;
	case NEXT_HOP6: put_bytes(o, f->next_hop6, 16); break;
	case IN_IF: put(o, f->in_if, d->len); break;
	case OUT_IF: put(o, f->out_if, d->len); break;
	case PACKETS: put(o, f->packets, d->len); break;
	case BYTES: put(o, f->bytes, d->len); break;
	case FIRST_UP: put(o, f->first_ms, d->len); break;
	case LAST_UP: put(o, f->last_ms, d->len); break;
	case FIRST_MS: put(o, EPOCH * UINT64_C(1000) + f->first_ms - UPTIME_MS, d->len); break;
	case LAST_MS: put(o, EPOCH * UINT64_C(1000) + f->last_ms - UPTIME_MS, d->len); break;
	case SRC_PORT: put(o, f->src_port, d->len); break;
	case DST_PORT:
	case NAT_DST_PORT: put(o, f->dst_port, d->len); break;
	case FLAGS: put(o, f->flags, d->len); break;
	case PROTOCOL: put(o, f->protocol, d->len); break;
	case TOS: put(o, f->tos, d->len); break;
	case SRC_AS: put(o, f->src_as, d->len); break;
	case DST_AS: put(o, f->dst_as, d->len); break;
	case MASK: put(o, f->mask, d->len); break;
	case DIRECTION: put(o, f->in_if & 1, d->len); break;
	case END_REASON: put(o, 1 + f->in_if % 3, d->len); break;
	case VLAN: put(o, 100 + f->in_if, d->len); break;
	case NAT_SRC: put(o, f->nat_src, d->len); break;
	case NAT_SRC_PORT: put(o, f->nat_port, d->len); break;
	case NAT_EVENT: put(o, 1 + f->in_if % 2, d->len); break;
	case IF_NAME: put_text(o, f->if_name); break;
	case APP_NAME: put_text(o, f->app_name); break;
	case USER_NAME: put_text(o, f->user_name); break;
	}
}

static void put_template(struct buffer *o, const struct template *t)
{
	put(o, t->version == 9 ? 0 : 2, 2);
	put(o, 8 + 4 * t->count, 2);
	put(o, TEMPLATE_ID, 2);
	put(o, t->count, 2);
	for (size_t i = 0; i < t->count; i++) {
		put(o, t->fields[i].id, 2);
		put(o, t->fields[i].len, 2);
	}
}

/* The most that a record of t takes. */
static size_t record_max(const struct template *t)
{
	size_t sum = 0;
	for (size_t i = 0; i < t->count; i++)
		sum += t->fields[i].len == VARIABLE ? 32 : t->fields[i].len;
	return sum;
}

static void count(struct truth *truth, const struct flow *f)
{
	truth->records++;
	truth->bytes += f->bytes;
	truth->packets += f->packets;
}

/* An export packet of v9 (RFC 3954) or IPFIX (RFC 7011), with at most `most` records. */
static void make_templated(
	struct buffer *o, struct exporter *e, uint64_t ns, uint64_t most, struct truth *truth)
{
	const struct template *t = e->template;
	uint64_t now_ms = UPTIME_MS + ns / 1000000;
	bool v9 = t->version == 9, announce = e->datagrams % TEMPLATE_EVERY == 0;
	uint64_t n = 0;

	put(o, t->version, 2);
	put(o, 0, 2); /* v9: records, IPFIX: length */
	if (v9)
		put(o, now_ms, 4);
	put(o, EPOCH + ns / 1000000000, 4);
	put(o, e->sequence, 4);
	put(o, e->number, 4);
	if (announce)
		put_template(o, t);
	size_t set = o->len, room = record_max(t);
	put(o, TEMPLATE_ID, 2);
	put(o, 0, 2);
	for (; n < most && o->len + room + 3 <= PAYLOAD_MAX; n++) {
		struct flow f;
		make_flow(&f, now_ms);
		for (size_t i = 0; i < t->count; i++)
			put_value(o, &t->fields[i], &f);
		count(truth, &f);
	}
	while ((o->len - set) % 4 != 0)
		put(o, 0, 1);
	set16(o, set + 2, o->len - set);
	set16(o, 2, v9 ? n + announce : o->len);
	e->sequence += v9 ? 1 : (uint32_t)n;
}

static void make_v5(
	struct buffer *o, struct exporter *e, uint64_t ns, uint64_t most, struct truth *truth)
{
	uint64_t now_ms = UPTIME_MS + ns / 1000000, n = most < 30 ? most : 30;

	put(o, 5, 2);
	put(o, n, 2);
	put(o, now_ms, 4);
	put(o, EPOCH + ns / 1000000000, 4);
	put(o, ns % 1000000000 / 1000000 * 1000000, 4);
	put(o, e->sequence, 4);
	put(o, 0, 2);
	put(o, 0, 2);
	for (uint64_t i = 0; i < n; i++) {
		struct flow f;
		make_flow(&f, now_ms);
		put(o, f.src, 4);
		put(o, f.dst, 4);
		put(o, f.next_hop, 4);
		put(o, f.in_if, 2);
		put(o, f.out_if, 2);
		put(o, f.packets, 4);
		put(o, f.bytes, 4);
		put(o, f.first_ms, 4);
		put(o, f.last_ms, 4);
		put(o, f.src_port, 2);
		put(o, f.dst_port, 2);
		put(o, f.flags, 2); /* a byte of padding, and the flags */
		put(o, f.protocol, 1);
		put(o, f.tos, 1);
		put(o, f.src_as, 2);
		put(o, f.dst_as, 2);
		put(o, f.mask, 1);
		put(o, f.mask, 1);
		put(o, 0, 2);
		count(truth, &f);
	}
	e->sequence += (uint32_t)n;
}

static void put_le32(struct buffer *o, uint32_t v)
{
	put(o, __builtin_bswap32(v), 4);
}

static void ip_checksum(struct buffer *o, size_t ip)
{
	uint32_t sum = 0;
	for (size_t i = ip; i < ip + 20; i += 2)
		sum += (uint32_t)o->b[i] << 8 | o->b[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	set16(o, ip + 10, ~(sum + (sum >> 16)) & 0xffff);
}

/* The pcap record, with Ethernet, IPv4 and UDP headers, of a payload. */
static bool write_frame(
	FILE *file, uint64_t ns, const struct exporter *e, const struct buffer *payload)
{
	struct buffer h = {.len = 0};
	size_t len = 14 + 20 + 8 + payload->len;

	put_le32(&h, (uint32_t)(EPOCH + ns / 1000000000));
	put_le32(&h, (uint32_t)(ns % 1000000000));
	put_le32(&h, (uint32_t)len);
	put_le32(&h, (uint32_t)len);
	put(&h, UINT64_C(0x020000000001), 6);
	put(&h, UINT64_C(0x020000000002), 6);
	put(&h, 0x0800, 2);
	size_t ip = h.len;
	put(&h, 0x4500, 2);
	put(&h, 20 + 8 + payload->len, 2);
	put(&h, UINT32_C(0x00004000), 4);
	put(&h, UINT32_C(0x40110000), 4);
	put(&h, UINT32_C(0xc6336400) + e->number, 4); /* 198.51.100.N */
	put(&h, UINT32_C(0xc00002fe), 4);             /* 192.0.2.254 */
	ip_checksum(&h, ip);
	put(&h, 40000 + e->number, 2);
	put(&h, 2055, 2);
	put(&h, 8 + payload->len, 2);
	put(&h, 0, 2);
	return fwrite(h.b, h.len, 1, file) == 1 && fwrite(payload->b, payload->len, 1, file) == 1;
}

static bool write_file_header(FILE *file)
{
	struct buffer h = {.len = 0};
	put_le32(&h, UINT32_C(0xa1b23c4d)); /* nanoseconds */
	put_le32(&h, 4 << 16 | 2);
	put_le32(&h, 0);
	put_le32(&h, 0);
	put_le32(&h, 262144);
	put_le32(&h, 1); /* Ethernet */
	return fwrite(h.b, h.len, 1, file) == 1;
}

static bool write_flows(FILE *file, struct exporter *exporters, size_t count_of, uint64_t flows,
	struct truth *truth)
{
	if (!write_file_header(file))
		return false;
	while (truth->records < flows) {
		struct exporter *e = &exporters[count_of == 1 ? 0 : number() % count_of];
		struct buffer payload = {.len = 0};
		uint64_t ns = truth->datagrams * DATAGRAM_NS, most = flows - truth->records;

		if (e->template->version == 5)
			make_v5(&payload, e, ns, most, truth);
		else
			make_templated(&payload, e, ns, most, truth);
		if (!write_frame(file, ns, e, &payload))
			return false;
		e->datagrams++;
		truth->datagrams++;
	}
	return true;
}

/* Fills in who exports; returns how many, 0 for a word that is no kind. */
static size_t choose(const char *kind, struct exporter exporters[MIX_EXPORTERS])
{
	static const char *const single[] = {"v5", "v9", "ipfix"};
	for (size_t i = 0; i < LEN(single); i++) {
		if (strcmp(kind, single[i]) == 0) {
			exporters[0] = (struct exporter){.template = &kinds[i], .number = 1};
			return 1;
		}
	}
	if (strcmp(kind, "mix") != 0)
		return 0;
	for (uint32_t i = 0; i < MIX_EXPORTERS; i++)
		exporters[i] =
			(struct exporter){.template = &kinds[i % LEN(kinds)], .number = i + 1};
	return MIX_EXPORTERS;
}

int main(int argc, char **argv)
{
	struct exporter exporters[MIX_EXPORTERS];
	struct truth truth = {0};
	size_t n = argc == 5 ? choose(argv[1], exporters) : 0;

	if (n == 0) {
		fputs("gen v5|v9|ipfix|mix FLOWS SEED FILE\n", stderr);
		return 64;
	}
	state = strtoull(argv[3], NULL, 10);
	FILE *file = fopen(argv[4], "wb");
	bool written = file && write_flows(file, exporters, n, strtoull(argv[2], NULL, 10), &truth);
	if (!file || fclose(file) != 0 || !written) {
		fprintf(stderr, "gen: %s: %s\n", argv[4], strerror(errno));
		return 74;
	}
	printf("{\"datagrams\":%" PRIu64 ",\"records\":%" PRIu64 ",\"bytes\":%" PRIu64
	       ",\"packets\":%" PRIu64 "}\n",
		truth.datagrams, truth.records, truth.bytes, truth.packets);
	return 0;
}
