#include "cli/record.h"

#include "base/audio.h"
#include "base/cleanup.h"
#include "cli/ogg.h"

#include <assert.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>

enum {
    WAITING_BYTES = 1024 * 1024, /* a gap is filled at once: a minute of it is 3,000 bytes */
    FULL_BYTES = 16 * 1024,
    FILE_PAGE = 50,   /* [packets] a page: one second, the most that RFC 7845 advises */
    PIPE_PAGE = 5,    /* 0.1 s: a player starts at once */
    GAP_MAX = 180000, /* [frames] an hour of loss is no loss but nonsense */
    SLACK = 48,       /* [samples] twice the rounding of a time in milliseconds */
};

struct record {
    const char *path;
    int fd;       /* −1: not open */
    bool is_pipe; /* standard output: not ours to close */
    struct ogg_writer *ogg;
    struct buf waiting;
    bool in_play;
    uint32_t next_sequence;
    unsigned n_plays;
    uint32_t n_lost;
};

struct record *record_new(const char *path)
{
    struct record *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->path = path;
    r->fd = -1;
    r->is_pipe = strcmp(path, "-") == 0;
    buf_init(&r->waiting, WAITING_BYTES);
    return r;
}

void record_free(struct record *r)
{
    if (!r)
        return;
    (void)record_close(r);
    ogg_writer_free(r->ogg);
    buf_done(&r->waiting);
    free(r);
}

const char *record_name(const struct record *r)
{
    return r->is_pipe ? "standard output" : r->path;
}

static int take_bytes(const void *bytes, size_t len, void *arg)
{
    struct record *r = arg;
    return buf_append(&r->waiting, bytes, len);
}

int record_begin(struct record *r, uint16_t pre_skip, const char *title)
{
    assert(!r->ogg && r->fd < 0);
    struct ogg_setup setup = {
        .pre_skip = pre_skip,
        .title = title,
        .packets_per_page = r->is_pipe ? PIPE_PAGE : FILE_PAGE,
    };
    if (getrandom(&setup.serial, sizeof setup.serial, GRND_NONBLOCK) < 0)
        setup.serial = (uint32_t)getpid(); /* it need only differ from its neighbours in a chain */
    r->fd =
        r->is_pipe ? STDOUT_FILENO : open(r->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (r->fd < 0)
        return -errno;
    int err = ogg_writer_new(&setup, take_bytes, r, &r->ogg);
    return err < 0 ? err : record_flush(r);
}

bool record_begun(const struct record *r)
{
    return r->ogg != NULL;
}

/* Frames that were dropped keep their numbers: the gap is filled. */
static int fill_gap(struct record *r, uint32_t sequence)
{
    assert(r->ogg);
    uint32_t missing = sequence - r->next_sequence;
    if (missing > GAP_MAX)
        return -EPROTO;
    r->n_lost += missing;
    r->next_sequence = sequence;
    return ogg_writer_gap(r->ogg, missing);
}

int record_frame(struct record *r, const struct received_frame *f)
{
    int err = fill_gap(r, f->sequence);
    if (err < 0)
        return err;
    if (f->len == 0) {
        r->in_play = false;
        r->next_sequence = 0;
        r->n_plays++;
        return record_flush(r);
    }
    r->in_play = true;
    r->next_sequence++;
    err = ogg_writer_packet(r->ogg, f->packet, f->len);
    return err < 0 ? err : record_flush(r);
}

bool record_in_play(const struct record *r)
{
    return r->in_play;
}

unsigned record_plays(const struct record *r)
{
    return r->n_plays;
}

int64_t record_frames(const struct record *r)
{
    return r->ogg ? ogg_writer_frames(r->ogg) : 0;
}

uint32_t record_lost(const struct record *r)
{
    return r->n_lost;
}

int record_poll_fd(const struct record *r)
{
    return r->fd >= 0 && buf_len(&r->waiting) > 0 ? r->fd : -1;
}

bool record_is_full(const struct record *r)
{
    return buf_len(&r->waiting) > FULL_BYTES;
}

/* The pipe belongs to others too and stays in blocking mode: poll(2) promises room for PIPE_BUF
 * bytes, and so no write is larger. A file always has room. */
int record_flush(struct record *r)
{
    while (buf_len(&r->waiting) > 0) {
        struct pollfd room = { .fd = r->fd, .events = POLLOUT };
        int n_ready = poll(&room, 1, 0);
        if (n_ready <= 0)
            return n_ready == 0 || errno == EINTR ? 0 : -errno;
        size_t len = buf_len(&r->waiting);
        ssize_t n = write(r->fd, buf_head(&r->waiting), len < PIPE_BUF ? len : PIPE_BUF);
        if (n < 0)
            return errno == EINTR || errno == EAGAIN ? 0 : -errno;
        buf_consume(&r->waiting, (size_t)n);
    }
    return 0;
}

int record_finish(struct record *r, int64_t end)
{
    if (!r->ogg || ogg_writer_frames(r->ogg) == 0)
        return 0;
    int err = ogg_writer_finish(r->ogg, end);
    return err < 0 ? err : record_flush(r);
}

int record_close(struct record *r)
{
    int fd = r->fd;
    r->fd = -1;
    if (fd < 0 || r->is_pipe)
        return 0;
    return close(fd) < 0 ? -errno : 0;
}

int64_t record_end(int64_t samples, int64_t lag, int64_t play_frames, int64_t total_frames)
{
    int64_t before = (total_frames - 1) * AUDIO_FRAME_SAMPLES;
    int64_t whole = total_frames * AUDIO_FRAME_SAMPLES;
    int64_t end = (total_frames - play_frames) * AUDIO_FRAME_SAMPLES + lag + samples;
    if (samples < 0 || end < before - SLACK || end > whole + SLACK)
        return -1;
    /* What was rounded out of the last frame belongs to its edge. */
    if (end <= before)
        return before + 1;
    return end < whole ? end : whole;
}
