/* goflow: the subcommands. Adding one is a row in main.c's table and its function. */
#ifndef GOFLOW_GOFLOW_H
#define GOFLOW_GOFLOW_H

struct command {
	const char *name;
	const char *arguments;              /* as on a usage line; "" for none */
	const char *help;                   /* one line */
	int (*run)(int argc, char **argv);  /* argv[0] is the command's name; returns an exit code */
};

/* goflow check-config: reads the configuration, says all that is wrong with it, and does no more. */
int check_config(int argc, char **argv);

/* goflow status: asks the running goflow, over its API. */
int show_status(int argc, char **argv);

/* goflow configure-grafana: makes datasource, folder and dashboards in a Grafana; asks no daemon. */
int configure_grafana(int argc, char **argv);

#endif
