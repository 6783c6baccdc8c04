/* What the head of an HTTP answer says. Pure: header lines in, facts out. */
#ifndef TUTTI_FETCH_RESPONSE_H
#define TUTTI_FETCH_RESPONSE_H

#include "proto/fetch_msg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum coding {
    CODING_NONE,
    CODING_GZIP, /* or deflate: lengths and ranges are of the packed form */
    CODING_OTHER /* that we cannot undo, or several one upon the other */
};

struct response {
    unsigned status;
    bool is_http1;          /* its body may end with the connection; or it is older */
    bool accepts_ranges;    /* Accept-Ranges: bytes */
    bool is_chunked;        /* a Transfer-Encoding */
    bool is_icy;            /* a header of an internet radio */
    enum coding coding;     /* Content-Encoding, if its words are to be believed */
    int64_t content_length; /* [bytes]; −1: not said */
    int64_t range_from;     /* [bytes] Content-Range: the first one; −1: not said */
    int64_t range_total;    /* [bytes] Content-Range: of the whole; −1: not said */
    int64_t retry_after_s;  /* −1: not said, or as a date, which needs a clock: see retry_date */
    int64_t retry_date_s;   /* Unix time; −1: not said */
    int64_t icy_interval;   /* [bytes] icy-metaint; 0: none */
    char etag[FETCH_VALIDATOR_MAX + 1];
    char last_modified[64];
    char content_type[FETCH_TYPE_MAX + 1]; /* printable */
    char icy_name[FETCH_LINE_MAX + 1];     /* printable */
};

/* An empty one: no status, nothing said. */
void response_init(struct response *r);

/* Takes one line of the head, with or without its line end. A status line begins a new answer. */
void response_take_line(struct response *r, const char *line, size_t len);

/* True for a line of a head, however long, that names a coding of the transfer beside chunks. */
bool response_is_transfer_coded(const char *line, size_t len);

/* What tells one version of a resource from another: the ETag, else Last-Modified, else "". */
const char *response_validator(const struct response *r);

/* The length of the whole resource in the form in which it is sent, or −1. */
int64_t response_total(const struct response *r);

#endif
