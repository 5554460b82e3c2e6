/* exporters_impl: what exporters_file.c, which finds, and exporters_yaml.c, which reads, share. */
#ifndef GOFLOW_EXPORTERS_IMPL_H
#define GOFLOW_EXPORTERS_IMPL_H

#include "lib/exporters_file.h"

#define IPV4_AT 96 /* where the bits of an IPv4 address begin in struct ip */

struct interface_entry {
	uint32_t index;
	unsigned line;
	struct text name; /* owned */
};

struct interface_names {
	struct interface_entry *list; /* by index, once all are read */
	size_t count, cap;
};

enum setting { SETTING_NAME = 1, SETTING_SAMPLING = 2, SETTING_INTERFACES = 4, SETTING_QUIRKS = 8 };

struct exporter_entry {
	struct ip prefix;
	unsigned bits; /* of the 128, so an IPv4 prefix's are 96 more */
	unsigned line, column;
	unsigned has;                      /* enum setting */
	struct exporter_settings settings; /* name: owned */
	struct interface_names interfaces; /* owned */
};

struct exporters_file {
	struct exporter_entry *list; /* the longest prefix first, then by address, once all are read */
	size_t count, cap;
	/* Where each length of prefixes begins in the list, the longest first. */
	struct {
		unsigned bits;
		size_t first, end;
	} lengths[129];
	size_t length_count;
};

/* Sorts what was read, so that it can be searched. */
void exporters_file_sort(struct exporters_file *f);

#endif
