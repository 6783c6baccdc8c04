/* How many names are being resolved. libcurl does it in threads with glibc's getaddrinfo, which
 * nobody can end: when a request is given up, its thread goes on until the name servers were all
 * waited for. */
#ifndef TUTTI_FETCH_RESOLVER_H
#define TUTTI_FETCH_RESOLVER_H

/* Threads that are at it, whether somebody still waits for them or not. */
unsigned resolver_count_running(void);

#endif
