/*
 * ICY (SHOUTcast, Icecast): every `interval` bytes of audio stand one length byte (in units of 16)
 * and so many bytes of metadata, "StreamTitle='…';". Takes the metadata out. Pure, apart from the
 * two callbacks.
 */
#ifndef TUTTI_FETCH_ICY_H
#define TUTTI_FETCH_ICY_H

#include <stddef.h>
#include <stdint.h>

enum {
    ICY_METADATA_MAX = 255 * 16,
    ICY_TITLE_MAX = 512, /* [bytes] without the NUL */
    ICY_INTERVAL_MAX = 1 << 24,
};

struct icy_ops {
    /* Audio. Returns 0 or negative errno, which ends icy_feed. */
    int (*audio)(const uint8_t *bytes, size_t len, void *arg);
    /* A title: printable UTF-8. Told whenever it stands in the stream, and empty ones too. */
    void (*title)(const char *title, void *arg);
    void *arg;
};

struct icy {
    size_t interval;     /* [bytes] */
    size_t until_length; /* [bytes] of audio before the next length byte */
    size_t want;         /* [bytes] of metadata that are still to come */
    size_t have;         /* [bytes] in `metadata` */
    char metadata[ICY_METADATA_MAX + 1];
};

/* `interval`: the header icy-metaint, 1 … ICY_INTERVAL_MAX. */
void icy_init(struct icy *icy, size_t interval);

/* Takes the stream's next bytes. Returns 0 or what `audio` returned; after a failure the stream
 * cannot be taken up again. */
int icy_feed(struct icy *icy, const uint8_t *bytes, size_t len, const struct icy_ops *ops);

/* Finds the title in one block of metadata (NUL-terminated) and writes it to title[0..size), made
 * printable; what is not UTF-8 is taken for Latin-1. Returns 1, or 0 if there is none. */
int icy_read_title(const char *metadata, char *title, size_t size);

#endif
