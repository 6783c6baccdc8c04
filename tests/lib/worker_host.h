/* A daemon in miniature, for tests: starts tutti-worker as a zygote, has it fork one worker, and
 * consumes the worker's ring the way the daemon does. Failures end the program with a message. */
#ifndef TUTTI_TESTS_WORKER_HOST_H
#define TUTTI_TESTS_WORKER_HOST_H

#include "proto/wmsg.h"
#include "ring/consumer.h"

#include <sys/types.h>

struct worker_host {
    pid_t zygote;
    pid_t worker;
    int control; /* to the zygote */
    int sock;    /* to the worker */
    struct ring_consumer *ring;
};

/* `program` is the path of tutti-worker. The ring holds `n_frames`. */
void worker_host_start(struct worker_host *h, const char *program, uint32_t n_frames);

/* Ends worker and zygote and asserts that both exit with 0. */
void worker_host_stop(struct worker_host *h);

/* Sends a message, with a descriptor unless fd is −1. */
void worker_host_send(struct worker_host *h, const struct wmsg *m, int fd);

/* Receives one message; false when none comes within the time. */
bool worker_host_receive(struct worker_host *h, struct wmsg *ret, int timeout_ms);

/* Rings the producer's bell if it wants that. To be called after ring_pop. */
void worker_host_ring_bell(struct worker_host *h, unsigned lane);

#endif
