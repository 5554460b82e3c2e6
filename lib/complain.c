#include "lib/complain.h"

#include "lib/log.h"

void complain_to_log(void *ctx, unsigned line, unsigned column, const char *what)
{
	const char *path = ctx;
	if (line)
		log_error("%s:%u:%u: %s", path, line, column, what);
	else
		log_error("%s: %s", path, what);
}
