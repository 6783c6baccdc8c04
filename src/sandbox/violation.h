/* A system call that the filter answers with SIGSYS: who made it is told, then the process dies. */
#ifndef TUTTI_SANDBOX_VIOLATION_H
#define TUTTI_SANDBOX_VIOLATION_H

/* Learns the names of the system calls, which takes memory: before any filter is entered. */
void violation_learn_names(void);

/* Sets up what happens at a violation. Returns 0 or negative errno. */
int violation_enter(void);

#endif
