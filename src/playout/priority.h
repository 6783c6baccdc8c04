/* The daemon sleeps nearly always and must wake on time: it asks the system for precedence. */
#ifndef TUTTI_PLAYOUT_PRIORITY_H
#define TUTTI_PLAYOUT_PRIORITY_H

#include <uv.h>

/*
 * Asks for real-time scheduling of the calling thread (SCHED_FIFO, lowest priority; needs
 * CAP_SYS_NICE or RLIMIT_RTPRIO), or else for a nice value of -11. Threads and processes made later
 * do not inherit it. As a guard against a bug that would spin, the process falls back to ordinary
 * scheduling when it has run for half a second without sleeping (RLIMIT_RTTIME).
 * Returns what was got, for a log line.
 */
const char *priority_raise(void);

/*
 * The same for the thread of an event loop, with the loop's helper threads, which must not have
 * been made yet. When a helper is done, libuv has the loop spin for the few instructions until the
 * helper has finished telling so. A loop that has real-time precedence over its helpers may have
 * stopped one at that very place, and would spin until it loses its precedence.
 */
const char *priority_raise_loop(uv_loop_t *loop);

/*
 * For a thread that is yet to be made: the calling thread takes precedence as priority_raise does,
 * and the next thread that it makes inherits it. Then the calling thread gives it back: in a
 * sandbox nobody could ask for it any more. Returns what was got.
 */
const char *priority_lend(void);
void priority_give_back(void);

#endif
