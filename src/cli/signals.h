/* The wish to end, as a descriptor to poll: SIGINT, SIGTERM and SIGHUP while something must still
 * be put in order. */
#ifndef TUTTI_CLI_SIGNALS_H
#define TUTTI_CLI_SIGNALS_H

/* Holds the three signals back, ignores SIGPIPE, and returns a descriptor that can be read when one
 * has come, or negative errno. The caller owns it. */
int signals_open(void);

/* The number of a signal that has come, or 0. Does not wait. */
int signals_take(int fd);

/* Lets a child have the usual signals: to be called between fork and exec. */
void signals_reset(void);

/* Dies of the signal, so that the shell knows. Returns only if that fails. */
void signals_die(int number);

#endif
