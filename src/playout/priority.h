/* The daemon sleeps nearly always and must wake on time: it asks the system for precedence. */
#ifndef TUTTI_PLAYOUT_PRIORITY_H
#define TUTTI_PLAYOUT_PRIORITY_H

/*
 * Asks for real-time scheduling of the calling thread (SCHED_FIFO, lowest priority; needs
 * CAP_SYS_NICE or RLIMIT_RTPRIO), or else for a nice value of -11. Threads and processes made later
 * do not inherit it. As a guard against a bug that would spin, the process falls back to ordinary
 * scheduling when it has run for half a second without sleeping (RLIMIT_RTTIME).
 * Returns what was got, for a log line.
 */
const char *priority_raise(void);

#endif
