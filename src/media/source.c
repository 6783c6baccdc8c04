#include "media/source.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "media/fiber.h"
#include "media/follow.h"
#include "media/remote.h"
#include "media/sync.h"

#include <assert.h>
#include <errno.h>
#include <libavformat/avio.h>
#include <libavutil/error.h>
#include <libavutil/mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* Large enough for a second of most music in one system call, small enough for sixty workers. */
enum { BUFFER_BYTES = 32 * 1024 };

/* [bytes] of what is said of a part that was lost, with some words before it */
enum { LOSS_WHY_MAX = FAILURE_WHY_BYTES - 32 };

struct source {
    int fd;                       /* a file's; −1 */
    struct remote *remote;        /* or NULL */
    struct remote_stream *stream; /* what is played: the root, or where playlists led to */
    char *url;
    bool hls;
    unsigned flags; /* enum fetch_flag */
    int64_t size;
    int64_t at;     /* [bytes] our own offset: a descriptor's is shared */
    int64_t origin; /* [bytes] where the first byte for libavformat is; −1: to be found */
    bool is_bare;   /* its server calls it frames without a container, or nothing that is known */
    enum sync_kind sync; /* what begins there */
    AVIOContext *avio;
    bool cut;
    bool open_end;
    bool lost;
    struct failure failure;
    struct source_wait wait;
    struct fiber *fiber;
    int wait_ms; /* what the fiber that yielded waits for: −1, or for time to pass */
    bool aborting;
    bool gave_up;
    int nested_left; /* that may be opened; −1: any number */
};

/* Returns 0 to look again, or -EINTR. */
static int wait_some(struct source *s, int timeout_ms)
{
    int r = 0;
    s->wait_ms = timeout_ms;
    if (s->fiber && !s->aborting)
        fiber_yield(s->fiber);
    else if (!s->aborting)
        r = s->wait.fn(s, timeout_ms, s->wait.arg);
    if (s->aborting)
        r = -EINTR;
    s->gave_up |= r < 0;
    return r;
}

int source_wait_more(struct source *s)
{
    return wait_some(s, s->wait_ms);
}

int source_pause(struct source *s, int ms)
{
    return wait_some(s, ms);
}

static void note_failure(struct source *s, const struct remote_stream *n)
{
    s->cut = true;
    if (s->failure.code != TUTTI_OK)
        return;
    s->failure = *remote_failure(n);
    if (s->failure.code == TUTTI_OK)
        failure_set(&s->failure, TUTTI_E_SOURCE_FAILED, error_text(TUTTI_E_SOURCE_FAILED));
}

ssize_t source_nested_read(struct source *s, struct remote_stream *n, void *bytes, size_t len,
                           int64_t at)
{
    assert(s->remote && n);
    ssize_t got;
    if (s->lost)
        return -EIO;
    if (at > FETCH_LENGTH_MAX) /* nothing is so long, and the fetcher takes it for a breach */
        return 0;
    while ((got = remote_read(s->remote, n, bytes, len, at)) == -EAGAIN) {
        if (wait_some(s, -1) < 0)
            return -EINTR;
    }
    if (got < 0)
        note_failure(s, n);
    else if (got == 0 && remote_was_cut(n))
        s->open_end = true;
    else if (got > 0)
        s->failure.code = TUTTI_OK; /* one segment could not be had, the next one can */
    return got;
}

int source_nested_open(struct source *s, struct remote_stream *n, int64_t *ret_length)
{
    assert(s->remote && n);
    struct remote_facts facts;
    int r;
    while ((r = remote_get_facts(s->remote, n, &facts)) == -EAGAIN) {
        if (wait_some(s, -1) < 0)
            return -EINTR;
    }
    if (r < 0) {
        note_failure(s, n);
        return r;
    }
    *ret_length = facts.length;
    return 0;
}

struct remote_stream *source_open_nested(struct source *s, const char *url, int64_t from,
                                         int64_t end)
{
    if (s->nested_left == 0) {
        s->lost = s->cut = true;
        failure_set(&s->failure, TUTTI_E_DECODE_FAILED, "its lists lead to too many others");
        return NULL;
    }
    s->nested_left -= s->nested_left > 0;
    return remote_open(s->remote, url, from, end);
}

void source_limit_nested(struct source *s, int n)
{
    s->nested_left = n;
}

void source_close_nested(struct source *s, struct remote_stream *n)
{
    remote_close(s->remote, n);
}

static ssize_t read_file_at(struct source *s, void *bytes, size_t len, int64_t at)
{
    ssize_t n;
    do {
        n = pread(s->fd, bytes, len, (off_t)at);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

ssize_t source_read_at(struct source *s, void *bytes, size_t len, int64_t at)
{
    if (!s->remote)
        return read_file_at(s, bytes, len, at);
    return source_nested_read(s, s->stream, bytes, len, at);
}

static int read_some(void *arg, uint8_t *bytes, int len)
{
    struct source *s = arg;
    ssize_t n = source_read_at(s, bytes, (size_t)len, s->origin + s->at);
    if (n == -EINTR)
        return AVERROR_EXIT;
    if (n < 0) {
        log_debug("source", "read at %lld: %s", (long long)s->at, strerror((int)-n));
        s->cut = true;
        return AVERROR((int)-n);
    }
    if (n == 0) {
        s->cut = s->cut || s->at < s->size;
        return AVERROR_EOF;
    }
    s->at += n;
    return (int)n;
}

/* Going somewhere costs nothing until something is read there. */
static int64_t seek_to(void *arg, int64_t offset, int whence)
{
    struct source *s = arg;
    switch (whence & ~AVSEEK_FORCE) {
    case AVSEEK_SIZE:
        return s->size >= 0 ? s->size : AVERROR(ENOSYS);
    case SEEK_SET:
        break;
    case SEEK_CUR:
        offset += s->at;
        break;
    case SEEK_END:
        if (s->size < 0)
            return AVERROR(ENOSYS);
        offset += s->size;
        break;
    default:
        return AVERROR(EINVAL);
    }
    if (offset < 0)
        return AVERROR(EINVAL);
    s->at = offset;
    return offset;
}

int source_new(int fd, const struct source_wait *wait, struct source **ret)
{
    /* Not fstat: glibc makes it a call that takes paths, too, which a worker may not make. */
    off_t size = lseek(fd, 0, SEEK_END);
    if (size < 0 && errno != ESPIPE)
        return -errno;
    struct source *s = calloc(1, sizeof *s);
    if (!s)
        return -ENOMEM;
    s->fd = fd;
    s->size = size;
    s->wait = *wait;
    s->nested_left = -1;
    if (size < 0) { /* a socket: nothing else without a place is handed out */
        int r = remote_new(fd, &s->remote);
        if (r < 0) {
            free(s);
            return r;
        }
        s->fd = -1;
        s->stream = remote_root(s->remote);
    }
    *ret = s;
    return 0;
}

static void drop_avio(struct source *s)
{
    if (s->avio)
        av_freep(&s->avio->buffer);
    avio_context_free(&s->avio);
}

void source_free(struct source *s)
{
    if (!s)
        return;
    drop_avio(s);
    remote_free(s->remote);
    if (s->fd >= 0)
        (void)close(s->fd);
    free(s->url);
    free(s);
}

void source_set_wait(struct source *s, const struct source_wait *wait)
{
    s->wait = *wait;
}

bool source_is_remote(const struct source *s)
{
    return s->remote != NULL;
}

int source_poll_fd(const struct source *s)
{
    return s->remote ? remote_fd(s->remote) : -1;
}

void source_replace(struct source *s, int fd)
{
    if (s->remote)
        remote_replace(s->remote, fd);
    else
        (void)close(fd);
}

static int wait_for_facts(struct source *s, struct remote_stream *n, struct remote_facts *ret)
{
    int r;
    while ((r = remote_get_facts(s->remote, n, ret)) == -EAGAIN) {
        if (wait_some(s, -1) < 0)
            return -EINTR;
    }
    return r < 0 ? r : 0;
}

static int note_facts(struct source *s, struct follow_place *place)
{
    struct remote_facts facts;
    int r = wait_for_facts(s, place->stream, &facts);
    if (r < 0) {
        note_failure(s, place->stream);
        return r;
    }
    place->url = facts.url;
    place->content_type = facts.content_type;
    place->is_playlist = facts.kind == FETCH_PLAYLIST;
    return 0;
}

static ssize_t read_place(void *bytes, size_t len, int64_t at, const struct follow_place *place,
                          void *arg)
{
    return source_nested_read(arg, place->stream, bytes, len, at);
}

static int open_place(const char *url, struct follow_place *ret, void *arg)
{
    struct source *s = arg;
    if (url) {
        ret->stream = remote_open_entry(s->remote, url);
        if (!ret->stream)
            return -EBADMSG;
    } else {
        ret->stream = remote_root(s->remote);
    }
    return note_facts(s, ret);
}

static void close_place(struct follow_place *place, void *arg)
{
    remote_close(((struct source *)arg)->remote, place->stream);
    place->stream = NULL;
}

/* Others are containers, which a server sends from their beginning on. */
static bool is_bare_type(const char *type)
{
    static const char *const bare[] = { "audio/mpeg",  "audio/mp",   "audio/aac",
                                        "audio/x-aac", "audio/x-mp", "application/octet-stream" };
    bool is = type[0] == '\0';
    for (size_t i = 0; i < sizeof bare / sizeof bare[0]; i++)
        is = is || strncasecmp(type, bare[i], strlen(bare[i])) == 0;
    return is;
}

/* The marks of those that may have frames of MPEG audio in them all the same. */
static bool has_container(const uint8_t *bytes, size_t len)
{
    static const struct {
        uint8_t at, n_bytes;
        const char *bytes;
    } marks[] = {
        { 0, 3, "ID3" },
        { 0, 4, "OggS" },
        { 0, 4, "RIFF" },
        { 0, 4, "fLaC" },
        { 4, 4, "ftyp" },
        { 0, 3, "FLV" },
        { 0, 4, "\x1a\x45\xdf\xa3" },
        { 0, 3, "\0\0\1" },
        { 0, 4, "FORM" },
        { 0, 4, "\x30\x26\xb2\x75" },
    };
    bool has = len > 188 && bytes[0] == 0x47 && bytes[188] == 0x47; /* MPEG-TS */
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        has =
            has || (len >= 8 && memcmp(bytes + marks[i].at, marks[i].bytes, marks[i].n_bytes) == 0);
    return has;
}

int source_prepare(struct source *s)
{
    static const struct follow_ops ops = { .open = open_place,
                                           .read = read_place,
                                           .close = close_place };
    struct follow_place place;
    struct remote_facts facts;
    int r = follow_playlists(&ops, s, &place, &s->hls);
    if (r == 0)
        r = wait_for_facts(s, place.stream, &facts);
    if (r < 0)
        return r;
    s->failure.code = TUTTI_OK; /* of entries that could not be opened, before the one that could */
    s->cut = false;
    s->stream = place.stream;
    s->size = s->hls ? -1 : facts.length;
    s->flags = facts.flags;
    s->is_bare = is_bare_type(facts.content_type);
    s->origin = source_can_seek(s) || s->hls ? 0 : -1;
    s->url = strdup(facts.url);
    return s->url ? 0 : -ENOMEM;
}

/* Reads until it is clear. Returns 0 or negative errno. */
static int look_for_start(struct source *s, uint8_t *bytes)
{
    size_t len = 0;
    size_t at = 0;
    ssize_t n;
    s->sync = SYNC_NONE;
    while (len < SYNC_BYTES_MAX && s->sync == SYNC_NONE) {
        n = source_nested_read(s, s->stream, bytes + len, SYNC_BYTES_MAX - len, (int64_t)len);
        if (n <= 0)
            break;
        len += (size_t)n;
        if (has_container(bytes, len))
            break;
        s->sync = sync_find(bytes, len, &at);
    }
    if (n < 0)
        return (int)n;
    s->origin = s->sync == SYNC_NONE ? 0 : (int64_t)at;
    return 0;
}

int source_find_start(struct source *s, const char **ret_format)
{
    static const char *const names[] = {
        [SYNC_NONE] = NULL, [SYNC_MPEG] = "mp3", [SYNC_ADTS] = "aac"
    };
    int r = 0;
    if (s->origin < 0 && !s->is_bare)
        s->origin = 0;
    if (s->origin < 0) {
        AUTO_FREE uint8_t *bytes = malloc(SYNC_BYTES_MAX);
        r = bytes ? look_for_start(s, bytes) : -ENOMEM;
    }
    *ret_format = r == 0 ? names[s->sync] : NULL;
    return r;
}

struct AVIOContext *source_rewind(struct source *s)
{
    drop_avio(s);
    uint8_t *buffer = av_malloc(BUFFER_BYTES);
    if (!buffer)
        return NULL;
    s->at = 0;
    s->avio = avio_alloc_context(buffer, BUFFER_BYTES, 0, s, read_some, NULL, seek_to);
    if (!s->avio)
        av_free(buffer);
    return s->avio;
}

int64_t source_size(const struct source *s)
{
    return s->size;
}

bool source_is_live(const struct source *s)
{
    return s->remote && !s->hls && remote_is_live(s->stream);
}

void source_join_again(struct source *s)
{
    s->cut = s->open_end = false;
    if (!s->remote || s->hls)
        return;
    s->origin = -1;
    remote_join_again(s->remote, s->stream);
}

bool source_can_seek(const struct source *s)
{
    if (!s->remote)
        return s->size >= 0;
    return !source_is_live(s) && (s->size >= 0 || (s->flags & FETCH_RANGES) != 0);
}

bool source_is_hls(const struct source *s)
{
    return s->hls;
}

const char *source_url(const struct source *s)
{
    return s->url ? s->url : "";
}

bool source_was_cut(const struct source *s)
{
    return s->cut;
}

bool source_end_is_open(const struct source *s)
{
    return s->open_end;
}

const struct failure *source_failure(const struct source *s)
{
    return &s->failure;
}

void source_refuse(struct source *s, const char *why)
{
    if (s->failure.code == TUTTI_OK)
        failure_set(&s->failure, TUTTI_E_DECODE_FAILED, why);
}

void source_lose(struct source *s)
{
    struct failure part = s->failure;
    s->lost = s->cut = true;
    if (part.code == TUTTI_OK)
        failure_set(&part, TUTTI_E_SOURCE_FAILED, "it cannot be opened");
    s->failure = part;
    if (part.code == TUTTI_E_NOT_FOUND) /* what was asked for is there */
        s->failure.code = TUTTI_E_SOURCE_FAILED;
    (void)snprintf(s->failure.why, sizeof s->failure.why, "a part of it cannot be had: %.*s",
                   LOSS_WHY_MAX, part.why);
}

bool source_is_lost(const struct source *s)
{
    return s->lost;
}

const char *source_new_title(struct source *s)
{
    return s->remote ? remote_new_title(s->remote) : NULL;
}

void source_set_fiber(struct source *s, struct fiber *f)
{
    s->fiber = f;
}

void source_set_aborting(struct source *s, bool aborting)
{
    s->aborting = aborting;
}

bool source_gave_up(const struct source *s)
{
    return s->gave_up;
}

void source_wait_again(struct source *s)
{
    s->gave_up = false;
}
