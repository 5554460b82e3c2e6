/* notify: sd_notify(3)'s protocol, for a service manager. */
#ifndef GOFLOW_NOTIFY_H
#define GOFLOW_NOTIFY_H

#include <stdint.h>

/* Sends lines such as "READY=1" to the socket that NOTIFY_SOCKET names; does nothing where there is none. */
void notify_send(const char *lines);

/* "RELOADING=1" with the time, as Type=notify-reload wants it. */
void notify_reloading(void);

/* How often WATCHDOG=1 is to be sent: half of WATCHDOG_USEC, ns; 0: not at all. */
uint64_t notify_watchdog_ns(void);

#endif
