#include "media/source.h"

#include "base/cleanup.h"
#include "base/log.h"

#include <errno.h>
#include <libavformat/avio.h>
#include <libavutil/error.h>
#include <libavutil/mem.h>
#include <string.h>
#include <unistd.h>

/* Large enough for a second of most music in one system call, small enough for sixty workers. */
enum { BUFFER_BYTES = 32 * 1024 };

struct source {
    int fd;
    int64_t size;
    int64_t at; /* [bytes] our own offset: the descriptor's is shared */
    AVIOContext *avio;
    bool cut;
};

ssize_t source_read_at(struct source *s, void *bytes, size_t len, int64_t at)
{
    ssize_t n;
    do {
        n = pread(s->fd, bytes, len, (off_t)at);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static int read_some(void *arg, uint8_t *bytes, int len)
{
    struct source *s = arg;
    ssize_t n = source_read_at(s, bytes, (size_t)len, s->at);
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

int source_new(int fd, struct source **ret)
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
    (void)close(s->fd);
    free(s);
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

bool source_was_cut(const struct source *s)
{
    return s->cut;
}
