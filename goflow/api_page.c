/* The operations page, goflow/page.html, which the assembler puts into the program as it is. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "goflow/api_impl.h"

extern const char api_page[];
extern const uint32_t api_page_len;

__asm__(".pushsection .rodata\n"
	".globl api_page, api_page_len\n"
	".hidden api_page, api_page_len\n"
	"api_page:\n"
	".incbin \"goflow/page.html\"\n"
	"0:\n"
	".balign 4\n"
	"api_page_len:\n"
	".long 0b - api_page\n"
	".popsection\n");

/* Stands in the page where a number is to stand that no page has had: scripts and styles run by
 * that alone, so that text which got into the page in another way cannot. */
static const char mark[] = "the-nonce-of-this-answer-is-here";
#define NONCE_BYTES ((sizeof mark - 1) / 2)

static void put_nonce(char *page, size_t len, const char *nonce)
{
	char *at = page;
	while ((at = memmem(at, len - (size_t)(at - page), mark, sizeof mark - 1)))
		memcpy(at, nonce, sizeof mark - 1);
}

enum MHD_Result api_get_page(struct api_request *r)
{
	unsigned char bytes[NONCE_BYTES];
	char nonce[sizeof mark], csp[320];
	size_t len = api_page_len;
	char *page = malloc(len);
	if (!page || getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
		free(page);
		return api_answer(r, MHD_HTTP_INTERNAL_SERVER_ERROR, NULL);
	}
	for (size_t i = 0; i < sizeof bytes; i++)
		snprintf(nonce + 2 * i, 3, "%02x", bytes[i]);
	memcpy(page, api_page, len);
	put_nonce(page, len, nonce);
	snprintf(csp, sizeof csp,
		"default-src 'none'; script-src 'nonce-%s'; style-src 'nonce-%s'; "
		"connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
		"frame-ancestors 'none'",
		nonce, nonce);
	struct api_reply reply = {
		.status = MHD_HTTP_OK,
		.text = page,
		.len = len,
		.type = "text/html; charset=utf-8",
		.csp = csp,
	};
	return api_send(r, &reply);
}
