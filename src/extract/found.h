/*
 * What yt-dlp found: its JSON in, the one stream that is to be played out. The JSON holds whatever
 * a page's author wanted it to hold: every field's type, length and letters are checked, and what
 * is not as it should be counts as not there. Pure; any thread, and not the loop's: half a megabyte
 * of formats takes milliseconds to read.
 */
#ifndef TUTTI_EXTRACT_FOUND_H
#define TUTTI_EXTRACT_FOUND_H

#include "base/errors.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FOUND_TITLE_MAX = 512,
    FOUND_HEADERS_MAX = 8192,
    /* Values in a text, which cost up to 270 bytes each. YouTube's answers have some 50,000; a list
     * of fragments, of 80 letters each and more, does not come to so many in RUN_OUTPUT_MAX. */
    FOUND_VALUES_MAX = 150000,
};

struct found {
    char *url;         /* http(s), url_is_http */
    char *headers;     /* "Name: value\n" each; may be empty */
    char *title;       /* or NULL */
    char *thumbnail;   /* url_is_http, or NULL */
    double duration_s; /* −1 unknown */
    int64_t expires_s; /* Unix time at which the link says that it ends; 0: it does not say */
    bool is_live;
    bool first_entry; /* of a list of several, or of nobody knows how many */
};

/* Reads what yt-dlp or a helper wrote. Returns TUTTI_OK and what is to be given to json_decref, or
 * an error and a sentence (a literal) when it is no JSON or has more than FOUND_VALUES_MAX values.
 */
enum tutti_error found_parse(const char *text, size_t len, json_t **ret_root, const char **ret_why);

/* Chooses from the info dictionary of yt-dlp. Returns TUTTI_OK and the stream, to be given to
 * found_done; or an error and a sentence (a literal). */
enum tutti_error found_read(const json_t *info, struct found *ret, const char **ret_why);

/* The same, of the text that yt-dlp --dump-single-json prints. */
enum tutti_error found_read_text(const char *text, size_t len, struct found *ret,
                                 const char **ret_why);

/* Returns 0 or -ENOMEM; *ret is to be given to found_done. */
int found_copy(const struct found *f, struct found *ret);

void found_done(struct found *f);

#endif
