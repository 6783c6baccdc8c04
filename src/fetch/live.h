/*
 * Is a resource live: a station, which goes on at now whatever byte is asked for, and which a lost
 * connection does not end? No one thing tells. Servers of stations leave their own headers out or
 * invent a length; those of files that are made while they are sent know no length and no ranges
 * either. What is known is put together here, and nowhere else. Pure.
 */
#ifndef TUTTI_FETCH_LIVE_H
#define TUTTI_FETCH_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum live_verdict {
    LIVE_NO,
    LIVE_PERHAPS, /* its pace, or what a second connection brings, will tell */
    LIVE_YES,
};

/* What its first bytes are. */
enum live_container {
    LIVE_UNSEEN,
    LIVE_FRAMES, /* nothing that begins with a file: bare frames, Ogg, MPEG-TS, … */
    LIVE_FILE, /* what is written when the whole is known: MP4, WAV, FLAC, tags, an MP3's length */
};

struct live_facts {
    bool is_icy;      /* its server has the headers of a station, or says "ICY 200 OK" */
    bool gives_parts; /* it answers 206 */
    bool is_entry;    /* a list of links led to it */
    bool differs;     /* a second connection brought other bytes from the start */
    int64_t length;   /* [bytes] as its server says; −1: it does not */
    enum live_container container;
    /* the connection that is open, from its first byte on: */
    uint64_t flowed_ms;
    uint64_t waited_ms; /* of these its reader waited for more */
};

enum live_verdict live_judge(const struct live_facts *f);

/* A length that no recording has whose server cannot send parts of it. */
bool live_length_is_absurd(const struct live_facts *f);

enum live_container live_look(const uint8_t *bytes, size_t len);

#endif
