#include "media/nested.h"

#include "base/log.h"
#include "media/lav.h"
#include "media/segments.h"
#include "proto/fetch_msg.h"

#include <assert.h>
#include <libavutil/aes.h>
#include <libavutil/mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER_BYTES = 32 * 1024, BLOCK_BYTES = 16 };

_Static_assert(BUFFER_BYTES >= 4 * BLOCK_BYTES, "a block is kept back, and others are there");

struct nested {
    struct source *source;
    bool is_live;
    bool is_missing; /* and empty */
    struct remote_stream *stream;
    struct segments *list; /* the list, as it is to be read; NULL: something else */
    int64_t from;          /* [bytes] where the part begins that was asked for */
    int64_t end;           /* −1: all of it */
    int64_t at;
    /* AES-128 in CBC; NULL if the resource is plain */
    struct AVAES *aes;
    uint8_t iv[BLOCK_BYTES];
    uint8_t cipher[BLOCK_BYTES]; /* of a block that is not whole yet */
    int n_cipher;
    uint8_t plain[BLOCK_BYTES]; /* the last block: it may be padding */
    bool has_plain;
};

static void note_loss(const struct nested *n)
{
    if (!n->is_live && !source_is_lost(n->source))
        source_lose(n->source);
}

static ssize_t read_raw(struct nested *n, uint8_t *bytes, size_t len)
{
    if (n->end >= 0 && n->at >= n->end)
        return 0;
    if (n->end >= 0 && (int64_t)len > n->end - n->at)
        len = (size_t)(n->end - n->at);
    ssize_t got = source_nested_read(n->source, n->stream, bytes, len, n->at);
    if (got > 0)
        n->at += got;
    return got;
}

/* The last byte of the last block says how much of it is padding. */
static ssize_t last_block(struct nested *n, uint8_t *bytes)
{
    if (!n->has_plain)
        return 0;
    n->has_plain = false;
    int padding = n->plain[BLOCK_BYTES - 1];
    int len = padding >= 1 && padding <= BLOCK_BYTES ? BLOCK_BYTES - padding : BLOCK_BYTES;
    memcpy(bytes, n->plain, (size_t)len);
    return len;
}

/* Always keeps one block back, which may be the last. */
static ssize_t read_decrypted(struct nested *n, uint8_t *bytes, size_t len)
{
    assert(n->n_cipher >= 0 && n->n_cipher < BLOCK_BYTES);
    uint8_t *raw = bytes + BLOCK_BYTES; /* what is decrypted overtakes nothing that is not */
    if (len < 4 * BLOCK_BYTES)
        return -EINVAL;
    for (;;) {
        memcpy(raw, n->cipher, (size_t)n->n_cipher);
        ssize_t got = read_raw(n, raw + n->n_cipher, len - 2 * BLOCK_BYTES - (size_t)n->n_cipher);
        if (got < 0)
            return got;
        if (got == 0)
            return last_block(n, bytes);
        size_t have = (size_t)got + (size_t)n->n_cipher;
        size_t whole = have / BLOCK_BYTES;
        n->n_cipher = (int)(have % BLOCK_BYTES);
        memcpy(n->cipher, raw + whole * BLOCK_BYTES, (size_t)n->n_cipher);
        if (whole == 0)
            continue;
        av_aes_crypt(n->aes, raw, raw, (int)whole, n->iv, 1);
        size_t out = 0;
        if (n->has_plain) {
            memcpy(bytes, n->plain, BLOCK_BYTES);
            out = BLOCK_BYTES;
        }
        memcpy(n->plain, raw + (whole - 1) * BLOCK_BYTES, BLOCK_BYTES);
        n->has_plain = true;
        memmove(bytes + out, raw, (whole - 1) * BLOCK_BYTES);
        out += (whole - 1) * BLOCK_BYTES;
        if (out > 0)
            return (ssize_t)out;
    }
}

static int read_some(void *arg, uint8_t *bytes, int len)
{
    struct nested *n = arg;
    size_t n_list = n->list ? segments_read(n->list, bytes, (size_t)len) : 0;
    if (n->list || n->is_missing)
        return n_list > 0 ? (int)n_list : AVERROR_EOF;
    ssize_t got = n->aes ? read_decrypted(n, bytes, (size_t)len) : read_raw(n, bytes, (size_t)len);
    if (got == -EINTR)
        return AVERROR_EXIT;
    if (got < 0) {
        note_loss(n);
        return AVERROR((int)-got);
    }
    return got == 0 ? AVERROR_EOF : (int)got;
}

static void free_nested(struct nested *n)
{
    if (n->stream)
        source_close_nested(n->source, n->stream);
    segments_free(n->list);
    av_free(n->aes);
    free(n);
}

static int64_t number_of(AVDictionary *options, const char *key, int64_t otherwise)
{
    const AVDictionaryEntry *e = av_dict_get(options, key, NULL, 0);
    return e ? strtoll(e->value, NULL, 10) : otherwise;
}

static bool bytes_of(AVDictionary *options, const char *key, uint8_t out[BLOCK_BYTES])
{
    const AVDictionaryEntry *e = av_dict_get(options, key, NULL, 0);
    if (!e || strlen(e->value) != 2 * BLOCK_BYTES)
        return false;
    for (int i = 0; i < BLOCK_BYTES; i++) {
        unsigned value;
        if (sscanf(e->value + 2 * (size_t)i, "%2x", &value) != 1)
            return false;
        out[i] = (uint8_t)value;
    }
    return true;
}

static int prepare_cipher(struct nested *n, AVDictionary *options)
{
    uint8_t key[BLOCK_BYTES];
    if (!bytes_of(options, "key", key) || !bytes_of(options, "iv", n->iv))
        return AVERROR_INVALIDDATA;
    n->aes = av_aes_alloc();
    if (!n->aes || av_aes_init(n->aes, key, 8 * BLOCK_BYTES, 1) < 0)
        return AVERROR(ENOMEM);
    return 0;
}

/* libavformat names an encrypted resource crypto+URL. */
static int open_stream(struct nested *n, const char *url, AVDictionary *options)
{
    int64_t length;
    bool crypted = strncmp(url, "crypto", 6) == 0 && (url[6] == '+' || url[6] == ':');
    if (crypted) {
        int r = prepare_cipher(n, options);
        if (r < 0)
            return r;
        url += 7;
    }
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) {
        log_info("nested", "a playlist names something that is neither http nor https");
        return AVERROR(EPERM);
    }
    n->from = number_of(options, "offset", 0);
    n->end = number_of(options, "end_offset", -1);
    if (n->from < 0 || n->from > FETCH_LENGTH_MAX || n->end > FETCH_LENGTH_MAX ||
        (n->end >= 0 && n->end <= n->from))
        return AVERROR_INVALIDDATA;
    n->at = n->from;
    n->stream = source_open_nested(n->source, url, n->from, n->end);
    if (!n->stream)
        return AVERROR(EMFILE);
    int r = source_nested_open(n->source, n->stream, &length);
    if (r == -EINTR)
        return AVERROR_EXIT;
    return r < 0 ? AVERROR(EIO) : 0;
}

/* Of a list that has its end libavformat has summed up the duration before it opens anything. */
static bool is_live(const AVFormatContext *c)
{
    return (c->ctx_flags & AVFMTCTX_UNSEEKABLE) != 0 || c->duration == AV_NOPTS_VALUE;
}

static AVIOContext *new_io(struct nested *n)
{
    uint8_t *buffer = av_malloc(BUFFER_BYTES);
    AVIOContext *io =
        buffer ? avio_alloc_context(buffer, BUFFER_BYTES, 0, n, read_some, NULL, NULL) : NULL;
    if (!io)
        av_free(buffer);
    return io;
}

static void free_io(AVIOContext *io)
{
    av_freep(&io->buffer);
    avio_context_free(&io);
}

/* The list again, which has grown. Returns 0 or an error of libavformat's. */
static int read_list(struct nested *n, struct nested_host *host)
{
    struct segments_facts facts;
    AVIOContext *io = new_io(n);
    int r = io ? segments_open(io, &host->numbers, &n->list, &facts) : -ENOMEM;
    if (io)
        free_io(io);
    if (r == -EINTR)
        return AVERROR_EXIT;
    return r > 0 ? 0 : r < 0 ? AVERROR(-r) : AVERROR_INVALIDDATA;
}

static int open_resource(struct nested *n, struct nested_host *host, const char *url,
                         AVDictionary *options)
{
    double gap_s = segments_gap_s(url);
    if (source_is_lost(n->source) || source_gave_up(n->source))
        return AVERROR_EXIT;
    if (gap_s > 0) {
        n->is_missing = true;
        host->gap_s += gap_s;
        return 0;
    }
    int r = open_stream(n, url, options);
    if (r >= 0 && strcmp(url, source_url(n->source)) == 0)
        r = read_list(n, host);
    return r;
}

int nested_open(AVFormatContext *context, AVIOContext **ret, const char *url, int flags,
                AVDictionary **options)
{
    struct nested_host *host = context->opaque;
    struct nested *n = calloc(1, sizeof *n);
    if (!n)
        return AVERROR(ENOMEM);
    n->source = host->source;
    n->is_live = is_live(context);
    int r = open_resource(n, host, url, options ? *options : NULL);
    AVIOContext *io = r >= 0 ? new_io(n) : NULL;
    if (!io) {
        if (r != AVERROR_EXIT)
            note_loss(n);
        free_nested(n);
        return r < 0 ? r : AVERROR(ENOMEM);
    }
    *ret = io;
    return 0;
}

int nested_close(AVFormatContext *context, AVIOContext *io)
{
    if (!io)
        return 0;
    free_nested(io->opaque);
    free_io(io);
    return 0;
}
