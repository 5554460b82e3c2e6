#include "lib/pcapio.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/err.h"
#include "lib/packet.h"

#define T0 (UINT64_C(1700000000) * NS_PER_S + 123456789)

static uint8_t payload[262144];

static struct ip ip_of(const char *text)
{
	struct ip ip;
	assert_int_equal(ip_parse(text, strlen(text), &ip), 0);
	return ip;
}

static struct datagram datagram_of(const char *src, const char *dst, uint32_t len)
{
	return (struct datagram){.received = {T0, 9},
		.src = ip_of(src),
		.dst = ip_of(dst),
		.src_port = 5000,
		.dst_port = 2055,
		.len = len,
		.sent_len = len,
		.data = payload};
}

/* RFC 1071 in its plainest form. */
static uint32_t plain_sum(uint32_t sum, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* The one's complement sum of an IPv6 UDP packet with its pseudo header: 0xffff where it is right.
 */
static uint32_t udp6_sum(const uint8_t *ip, const struct datagram *d)
{
	static uint8_t udp[8 + sizeof payload];
	uint8_t pseudo[8] = {
		0, 0, (uint8_t)((d->len + 8) >> 8), (uint8_t)(d->len + 8), 0, 0, 0, 17};
	memcpy(udp, ip + 40, 8);
	memcpy(udp + 8, d->data, d->len);
	return plain_sum(plain_sum(plain_sum(0, ip + 8, 32), pseudo, 8), udp, 8 + d->len);
}

static void fill(unsigned seed)
{
	for (size_t i = 0; i < sizeof payload; i++)
		payload[i] = (uint8_t)(seed = seed * 1103515245 + 12345, seed >> 16);
}

static void test_ipv4_headers(void **state)
{
	uint8_t out[PCAPIO_OVERHEAD];
	struct datagram d = datagram_of("192.0.2.1", "198.51.100.2", 100);
	static const uint8_t record[16] = {
		0x00, 0xf1, 0x53, 0x65, 0x15, 0xcd, 0x5b, 0x07, 128, 0, 0, 0, 128, 0, 0, 0};
	(void)state;
	assert_int_equal(pcapio_headers(&d, out), 16 + 28);
	assert_memory_equal(out, record, 16);
	assert_int_equal(out[16], 0x45);
	assert_int_equal(plain_sum(0, out + 16, 20), 0xffff);
	assert_int_equal(out[16 + 20 + 6] | out[16 + 20 + 7], 0);
}

/* Of every length's parity and alignment, against the plain form. */
static void test_ipv6_checksum(void **state)
{
	uint8_t out[PCAPIO_OVERHEAD];
	(void)state;
	for (uint32_t len = 0; len < 200; len++) {
		fill(len);
		struct datagram d = datagram_of("2001:db8::1", "2001:db8::ffff", len);
		assert_int_equal(pcapio_headers(&d, out), 16 + 48);
		assert_int_equal(udp6_sum(out + 16, &d), 0xffff);
		assert_true(out[62] | out[63]);
	}
	struct datagram d = datagram_of("2001:db8::1", "2001:db8::ffff", 65527);
	memset(payload, 0xff, sizeof payload);
	pcapio_headers(&d, out);
	assert_int_equal(udp6_sum(out + 16, &d), 0xffff);
}

/* A sum of zero is sent as all ones: zero would say that there is none. */
static void test_checksum_zero_is_sent_as_ones(void **state)
{
	uint8_t out[PCAPIO_OVERHEAD];
	struct datagram d = datagram_of("2001:db8::1", "2001:db8::2", 2);
	(void)state;
	memset(payload, 0, 2);
	pcapio_headers(&d, out);
	memcpy(payload, out + 62, 2); /* makes the sum that the checksum made */
	pcapio_headers(&d, out);
	assert_int_equal(out[62], 0xff);
	assert_int_equal(out[63], 0xff);
}

/* What is written is read again by packet as it was. */
static void test_headers_are_read_back(void **state)
{
	static const struct {
		const char *src, *dst;
		uint32_t len;
		int v6;
	} cases[] = {
		{"192.0.2.1", "198.51.100.2", 0, 0},
		{"192.0.2.1", "198.51.100.2", 65507, 0},
		{"192.0.2.1", "::", 10, 0},              /* no destination known */
		{"192.0.2.1", "198.51.100.2", 65527, 1}, /* more than IPv4's length can say */
		{"2001:db8::1", "2001:db8::2", 65527, 1},
		{"2001:db8::1", "192.0.2.1", 10, 1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		static uint8_t frame[PCAPIO_OVERHEAD + sizeof payload];
		struct datagram d = datagram_of(cases[i].src, cases[i].dst, cases[i].len), got;
		struct packet p;
		fill((unsigned)i);
		size_t n = pcapio_headers(&d, frame);
		memcpy(frame + n, payload, d.len);
		assert_int_equal(
			packet_ip(LINKTYPE_RAW, frame + 16, (uint32_t)(n - 16 + d.len), &p), 0);
		assert_int_equal(packet_udp(&p, &got), 0);
		assert_int_equal(p.v6, cases[i].v6);
		assert_true(ip_equal(&got.src, &d.src));
		assert_true(ip_equal(&got.dst, &d.dst) || (!p.v6 && ip_is_unspecified(&d.dst)));
		assert_int_equal(got.len, d.len);
		assert_memory_equal(got.data, payload, d.len);
	}
}

static void test_a_cut_datagram_keeps_its_sent_length(void **state)
{
	uint8_t frame[PCAPIO_OVERHEAD + 10];
	struct datagram d = datagram_of("2001:db8::1", "2001:db8::2", 10), got;
	struct packet p;
	(void)state;
	d.sent_len = 1000;
	d.truncated = true;
	size_t n = pcapio_headers(&d, frame);
	memcpy(frame + n, payload, 10);
	assert_int_equal(packet_ip(LINKTYPE_RAW, frame + 16, (uint32_t)(n - 16 + 10), &p), 0);
	assert_int_equal(packet_udp(&p, &got), 0);
	assert_true(got.truncated);
	assert_int_equal(got.len, 10);
	assert_int_equal(got.sent_len, 1000);
}

/* A pcap file in memory. */
struct file {
	size_t len;
	uint8_t b[1 << 22];
};

static void put32(struct file *f, int big, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		f->b[f->len++] = (uint8_t)(v >> 8 * (big ? 3 - i : i));
}

static void put_header(struct file *f, int big, uint32_t magic, uint32_t linktype)
{
	f->len = 0;
	put32(f, big, magic);
	put32(f, big, big ? 0x00020004 : 0x00040002);
	put32(f, big, 0);
	put32(f, big, 0);
	put32(f, big, 262144);
	put32(f, big, linktype);
}

static void put_record(struct file *f, int big, uint32_t fraction, uint32_t len)
{
	put32(f, big, 1700000000);
	put32(f, big, fraction);
	put32(f, big, len);
	put32(f, big, len);
	memcpy(f->b + f->len, payload, len);
	f->len += len;
}

/* A descriptor from which the file can be read. */
static int file_fd(const struct file *f)
{
	char name[] = "/tmp/pcapio.XXXXXX";
	int fd = mkstemp(name);
	assert_true(fd >= 0);
	assert_int_equal(unlink(name), 0);
	assert_int_equal(write(fd, f->b, f->len), f->len);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static struct file file;

/* The next packet; fills as often as that needs. Returns as pcapio_next, 0 at the end. */
static int next(struct pcapio_reader *r, int fd, struct pcapio_packet *p)
{
	int got;
	while ((got = pcapio_next(r, p)) == 0)
		if (pcapio_fill(r, fd) <= 0)
			return 0;
	return got;
}

static void test_reads_all_forms(void **state)
{
	static const struct {
		uint32_t magic;
		int big, digits;
		uint64_t ns;
	} forms[] = {
		{0xa1b2c3d4, 0, 6, 999999000},
		{0xa1b2c3d4, 1, 6, 999999000},
		{0xa1b23c4d, 0, 9, 999999},
		{0xa1b23c4d, 1, 9, 999999},
	};
	(void)state;
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		struct pcapio_reader *r = pcapio_reader_new();
		struct pcapio_packet p;
		fill(1);
		put_header(&file, forms[i].big, forms[i].magic, 0xf0000000 | LINKTYPE_ETHERNET);
		put_record(&file, forms[i].big, 999999, 100);
		put_record(&file, forms[i].big, 0, 0);
		put_record(&file, forms[i].big, 0, 262144);
		int fd = file_fd(&file);
		assert_int_equal(next(r, fd, &p), 1);
		assert_int_equal(
			p.linktype, LINKTYPE_ETHERNET); /* a frame check sequence is none of it */
		assert_int_equal(p.caplen, 100);
		assert_memory_equal(p.frame, payload, 100);
		assert_int_equal(p.received.digits, forms[i].digits);
		assert_true(p.received.ns == UINT64_C(1700000000) * NS_PER_S + forms[i].ns);
		assert_int_equal(pcapio_offset(r), 24 + 116);
		assert_int_equal(next(r, fd, &p), 1);
		assert_int_equal(p.caplen, 0);
		assert_int_equal(next(r, fd, &p), 1);
		assert_int_equal(p.caplen, 262144);
		assert_int_equal(next(r, fd, &p), 0);
		assert_int_equal(pcapio_torn(r), 0);
		assert_int_equal(pcapio_offset(r), file.len);
		close(fd);
		pcapio_reader_free(r);
	}
}

/* More than the buffer holds, with records across its end, comes out whole. */
static void test_many_records(void **state)
{
	struct pcapio_reader *r = pcapio_reader_new();
	struct pcapio_packet p;
	uint32_t n = 0;
	(void)state;
	fill(2);
	put_header(&file, 0, 0xa1b23c4d, LINKTYPE_RAW);
	while (file.len < 3 << 20)
		put_record(&file, 0, n, 1 + n % 1500), n++;
	int fd = file_fd(&file);
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(next(r, fd, &p), 1);
		assert_int_equal(p.caplen, 1 + i % 1500);
		assert_int_equal(p.received.ns % NS_PER_S, i);
		assert_memory_equal(p.frame, payload, p.caplen);
	}
	assert_int_equal(next(r, fd, &p), 0);
	close(fd);
	pcapio_reader_free(r);
}

/* Byte by byte through a pipe: nothing comes before it is whole, and nothing waits. */
static void test_never_blocks(void **state)
{
	struct pcapio_reader *r = pcapio_reader_new();
	struct pcapio_packet p;
	int fds[2];
	(void)state;
	put_header(&file, 0, 0xa1b23c4d, LINKTYPE_RAW);
	put_record(&file, 0, 5, 20);
	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	for (size_t i = 0; i < file.len; i++) {
		assert_int_equal(pcapio_next(r, &p), 0);
		assert_int_equal(pcapio_torn(r), i < 24 ? i : i - 24);
		assert_int_equal(pcapio_fill(r, fds[0]), ERR_RETRY);
		assert_int_equal(write(fds[1], file.b + i, 1), 1);
		assert_int_equal(pcapio_fill(r, fds[0]), 1);
	}
	assert_int_equal(pcapio_next(r, &p), 1);
	assert_int_equal(pcapio_next(r, &p), 0);
	close(fds[1]);
	assert_int_equal(pcapio_fill(r, fds[0]), 0);
	close(fds[0]);
	assert_int_equal(pcapio_fill(r, fds[0]), ERR_IO);
	assert_int_equal(errno, EBADF);
	pcapio_reader_free(r);
}

static void test_what_is_no_pcap(void **state)
{
	static const char *const texts[] = {"{\"a\":1}\n", "\x0a\x0d\x0d\x0a", "GFLW"};
	struct pcapio_packet p;
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct pcapio_reader *r = pcapio_reader_new();
		file.len = strlen(texts[i]);
		memcpy(file.b, texts[i], file.len);
		int fd = file_fd(&file);
		assert_int_equal(next(r, fd, &p), ERR_PCAP_MAGIC);
		assert_int_equal(pcapio_next(r, &p), ERR_PCAP_MAGIC);
		close(fd);
		pcapio_reader_free(r);
	}
}

static void test_impossible_record(void **state)
{
	struct pcapio_reader *r = pcapio_reader_new();
	struct pcapio_packet p;
	(void)state;
	put_header(&file, 0, 0xa1b23c4d, LINKTYPE_RAW);
	put_record(&file, 0, 0, 10);
	put32(&file, 0, 1);
	put32(&file, 0, 1);
	put32(&file, 0, 262145);
	put32(&file, 0, 262145);
	int fd = file_fd(&file);
	assert_int_equal(next(r, fd, &p), 1);
	assert_int_equal(next(r, fd, &p), ERR_PCAP_RECORD);
	assert_int_equal(pcapio_offset(r), 24 + 26);
	close(fd);
	pcapio_reader_free(r);
}

static void test_file_header(void **state)
{
	static const uint8_t expected[24] = {0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 4, 0, 101, 0, 0, 0};
	uint8_t out[PCAPIO_FILE_HEADER];
	(void)state;
	pcapio_file_header(out);
	assert_memory_equal(out, expected, sizeof expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4_headers),
		cmocka_unit_test(test_ipv6_checksum),
		cmocka_unit_test(test_checksum_zero_is_sent_as_ones),
		cmocka_unit_test(test_headers_are_read_back),
		cmocka_unit_test(test_a_cut_datagram_keeps_its_sent_length),
		cmocka_unit_test(test_reads_all_forms),
		cmocka_unit_test(test_many_records),
		cmocka_unit_test(test_never_blocks),
		cmocka_unit_test(test_what_is_no_pcap),
		cmocka_unit_test(test_impossible_record),
		cmocka_unit_test(test_file_header),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
