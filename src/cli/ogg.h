/*
 * An Ogg Opus file (RFC 7845) from 20 ms packets. The last packet is held back, so that its page
 * can bear the end of the stream and the granule position that trims it.
 */
#ifndef TUTTI_CLI_OGG_H
#define TUTTI_CLI_OGG_H

#include <stddef.h>
#include <stdint.h>

struct ogg_writer;

/* Takes bytes of the file in their order. Returns 0 or negative errno, which ends the writing. */
typedef int ogg_write_fn(const void *bytes, size_t len, void *arg);

struct ogg_setup {
    uint32_t serial;           /* of the stream: random */
    uint16_t pre_skip;         /* [samples at 48 kHz] that a player drops at the start */
    const char *title;         /* UTF-8, or NULL */
    unsigned packets_per_page; /* at least 1; a page is written when it has so many */
};

/* Writes the two header pages. Returns 0 and a writer to be freed with ogg_writer_free, -ENOMEM, or
 * what `write` returned. */
int ogg_writer_new(const struct ogg_setup *setup, ogg_write_fn *write, void *arg,
                   struct ogg_writer **ret);
void ogg_writer_free(struct ogg_writer *w);

/* Adds one 20 ms Opus packet. Returns 0, -EINVAL for an empty or too long one, or negative errno.
 */
int ogg_writer_packet(struct ogg_writer *w, const uint8_t *packet, size_t len);

/* Adds `n` frames that were lost on the way, as packets without content: a decoder conceals them,
 * and what follows stays in its place (RFC 7845, section 4.1). Returns 0 or negative errno. */
int ogg_writer_gap(struct ogg_writer *w, uint32_t n);

/* Frames added so far. */
int64_t ogg_writer_frames(const struct ogg_writer *w);

/* Ends the stream at `end` [samples at 48 kHz from its start, the pre-skip included]; −1, or an end
 * that is not in the last frame, keeps all of it. Nothing may be added afterwards. Returns 0, or
 * -EINVAL for a stream without packets, or negative errno. */
int ogg_writer_finish(struct ogg_writer *w, int64_t end);

/* The pre-skip of the Ogg Opus file whose first `len` bytes these are, or −1 if it is none, or not
 * a plain one: mono or stereo without an output gain, whose packets can go through as they are. */
int ogg_read_pre_skip(const uint8_t *bytes, size_t len);

#endif
