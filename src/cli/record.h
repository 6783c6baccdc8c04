/*
 * `--out`: frames in, an Ogg Opus file or pipe out, without ever blocking in a write. What arrives
 * on the channel is written as one logical stream, as a listener's one decoder would hear it; plays
 * that follow one another are not told apart.
 */
#ifndef TUTTI_CLI_RECORD_H
#define TUTTI_CLI_RECORD_H

#include "cli/frames.h"

#include <stdbool.h>
#include <stdint.h>

struct record;

/* For `path`, or standard output for "-". Opens nothing yet. NULL when out of memory. */
struct record *record_new(const char *path);
void record_free(struct record *r);

/* What it writes to, in words. */
const char *record_name(const struct record *r);

/* Opens the output and writes the headers. Returns 0 or negative errno. */
int record_begin(struct record *r, uint16_t pre_skip, const char *title);
bool record_begun(const struct record *r);

/* Takes a frame of the channel, the end of a play included. Returns 0, -EPROTO for an impossible
 * sequence, or negative errno. */
int record_frame(struct record *r, const struct received_frame *f);

/* True between the first frame of a play and its end. */
bool record_in_play(const struct record *r);

/* Plays whose end has been seen. */
unsigned record_plays(const struct record *r);

/* Frames written, those that filled gaps included; and the latter alone. */
int64_t record_frames(const struct record *r);
uint32_t record_lost(const struct record *r);

/* The descriptor to poll for room (POLLOUT), or −1 while nothing waits. */
int record_poll_fd(const struct record *r);

/* True while so much waits to be written that no more should be asked for. */
bool record_is_full(const struct record *r);

/* Writes what fits. Returns 0, -EPIPE when the reader has gone, or negative errno. */
int record_flush(struct record *r);

/* Ends the stream; see ogg_writer_finish. The output is complete once nothing waits any more.
 * Fine without a beginning. Returns 0 or negative errno. */
int record_finish(struct record *r, int64_t end);

/* Closes the output. Returns 0, or the error that only shows now. */
int record_close(struct record *r);

/*
 * Where a recording of `total_frames` frames ends, in samples from its start, or −1 if that is
 * unknown. Its last play, of `samples` samples (−1: unknown) and with the lag `lag`, made the last
 * `play_frames` of them: ceil((samples + lag) / 960) if the source was as long as it said. Else
 * nothing is to be trimmed. Durations come rounded to the millisecond, which is allowed for.
 */
int64_t record_end(int64_t samples, int64_t lag, int64_t play_frames, int64_t total_frames);

#endif
