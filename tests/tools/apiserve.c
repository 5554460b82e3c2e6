/* apiserve FILE: goflow's API by itself, on the configuration in FILE, without a supervisor. Of
 * Grafana there is a stand-in, which takes as many milliseconds as the directory's name says, and
 * refuses the key "wrong". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "goflow/api.h"
#include "goflow/grafana.h"
#include "lib/err.h"
#include "lib/log.h"

int grafana_configure(const struct config *c, const struct grafana_target *t, json_t **report)
{
	long ms = strtol(t->directory, NULL, 10);
	struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
	(void)c;
	nanosleep(&pause, NULL);
	*report = json_pack("{s:s, s:s}", "server", t->server, "directory", t->directory);
	return strcmp(t->key, "wrong") == 0 ? ERR_REFUSED : 0;
}

int main(int argc, char **argv)
{
	struct config c = {0};
	struct config_report r = {0};
	log_init("apiserve");
	if (argc != 2)
		return EXIT_USE;
	int err = config_load(&c, argv[1], &r);
	config_report_log(&r, argv[1]);
	config_report_free(&r);
	int fd = err ? -1 : api_listen(&c);
	enum exit_code code = fd < 0 ? EXIT_IO : (enum exit_code)api_run(&c, argv[1], fd);
	config_free(&c);
	return code;
}
