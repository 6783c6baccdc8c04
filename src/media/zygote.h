/*
 * The zygote: loads the libraries once and forks workers, which share all of that.
 *
 * A worker is the daemon's child, not the zygote's (CLONE_PARENT), so that the daemon reaps it and
 * the zygote's death orphans nobody.
 */
#ifndef TUTTI_MEDIA_ZYGOTE_H
#define TUTTI_MEDIA_ZYGOTE_H

/* Makes libav and libopus do once what each worker would do for itself: relocations and tables. */
void zygote_warm_up(void);

/* Serves SPAWN on `control` until it ends. In a worker it returns the exit status of that worker's
 * life; in the zygote 0, or 1 after a failure. */
int zygote_run(int control);

#endif
