/* A private daemon, for a `tutti play` where none is running: it lives as long as the play. */
#ifndef TUTTI_CLI_DAEMON_H
#define TUTTI_CLI_DAEMON_H

#include "cli/rights.h"

struct private_daemon;

/* Finds `tuttid` beside this program, else in PATH; starts it in a new temporary runtime directory,
 * with the rights given, and waits until it is ready. `signal_fd` (see signals.h) cuts the
 * wait short. Returns 0 and a daemon for daemon_stop, or negative errno after printing why to
 * standard error (-EINTR: a signal came, nothing is printed); then nothing is left behind. */
int daemon_start(const struct daemon_rights *rights, int signal_fd, struct private_daemon **ret);

/* The sockets that it announced. */
const char *daemon_control(const struct private_daemon *d);
const char *daemon_audio(const struct private_daemon *d);

/* Ends it, by force after three seconds, and removes its directory. NULL is fine. */
void daemon_stop(struct private_daemon *d);

#endif
