#include "media/zygote.h"

#include "base/audio.h"
#include "base/fd.h"
#include "base/log.h"
#include "media/encode.h"
#include "media/resample.h"
#include "media/serve.h"
#include "proto/wmsg.h"
#include "sandbox/sandbox.h"

#include <libavcodec/avcodec.h>
#include <iconv.h>
#include <libavformat/avformat.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void log_libav(void *object, int level, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));
static void log_libav(void *object, int level, const char *fmt, va_list ap)
{
    if (level > AV_LOG_ERROR || !log_enabled(LOG_DEBUG))
        return;
    char line[256];
    (void)vsnprintf(line, sizeof line, fmt, ap);
    size_t len = strlen(line);
    if (len > 0 && line[len - 1] == '\n')
        line[len - 1] = '\0';
    log_debug("libav", "%s", line);
}

static void warm_decoder(enum AVCodecID id)
{
    const AVCodec *codec = avcodec_find_decoder(id);
    AVCodecContext *c = codec ? avcodec_alloc_context3(codec) : NULL;
    if (!c)
        return;
    c->sample_rate = 44100;
    c->thread_count = 1;
    av_channel_layout_default(&c->ch_layout, 2);
    (void)avcodec_open2(c, codec, NULL); /* some want extradata: they have no tables either */
    avcodec_free_context(&c);
}

static void warm_resampler(void)
{
    struct resampler *r;
    AVFrame *frame = av_frame_alloc();
    if (!frame || resampler_new(&r) < 0)
        return;
    frame->format = AV_SAMPLE_FMT_FLTP;
    frame->sample_rate = 44100;
    frame->nb_samples = 1024;
    av_channel_layout_default(&frame->ch_layout, 2);
    if (av_frame_get_buffer(frame, 0) == 0 && resampler_begin(r, frame) == 0)
        (void)resampler_feed(r, frame, 0, frame->nb_samples);
    resampler_free(r);
    av_frame_free(&frame);
}

static void warm_encoder(void)
{
    struct encoder *e;
    static float silence[AUDIO_FRAME_SAMPLES * AUDIO_CHANNELS];
    uint8_t packet[AUDIO_PACKET_MAX];
    if (encoder_new(128000, 10, &e) < 0)
        return;
    (void)encoder_run(e, silence, false, packet);
    encoder_free(e);
}

/* What glibc looks up in files or in the system the first time, it must not look up in a worker:
 * the time zone, and how much memory there is (before it sorts anything large). */
static int in_order(const void *a, const void *b)
{
    return *(const char *)a - *(const char *)b;
}

static void warm_libc(void)
{
    static char large[4096];
    tzset();
    qsort(large, sizeof large, 1, in_order);
}

/* libavformat would have glibc load a character set, from a file, for the names of television
 * stations. It finds this function before glibc's and leaves such names as they are. */
__attribute__((visibility("default"))) iconv_t iconv_open(const char *to, const char *from)
{
    errno = EINVAL;
    return (iconv_t)-1; /* NOLINT: the value that the standard demands */
}

void zygote_warm_up(void)
{
    static const enum AVCodecID usual[] = { AV_CODEC_ID_MP3,  AV_CODEC_ID_AAC,
                                            AV_CODEC_ID_FLAC, AV_CODEC_ID_OPUS,
                                            AV_CODEC_ID_AC3,  AV_CODEC_ID_VORBIS,
                                            AV_CODEC_ID_ALAC, AV_CODEC_ID_PCM_S16LE };
    av_log_set_callback(log_libav);
    warm_libc();
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++)
        warm_decoder(usual[i]);
    warm_resampler();
    warm_encoder();
}

struct zygote_self {
    int control;
    struct sandbox *for_workers; /* what each of them enters */
};

static void reset_signals(void)
{
    for (int sig = 1; sig < NSIG; sig++)
        (void)signal(sig, SIG_DFL);
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In a signal handler: tells the daemon why this worker is about to die. */
static bool say_dying(const char *what, void *arg)
{
    const int *sock = arg;
    uint8_t bytes[WMSG_MAX];
    struct wmsg m = { .type = WMSG_DYING };
    memcpy(m.text, what, strnlen(what, WMSG_TEXT_MAX)); /* the rest is zero */
    return fd_send(*sock, bytes, wmsg_encode(&m, bytes, sizeof bytes), NULL, 0, MSG_DONTWAIT) == 0;
}

/* From here on it can open, connect to and run nothing. */
static int confine(struct sandbox *s, const int *sock)
{
    sandbox_report_to(say_dying, (void *)sock);
    int r = sandbox_enter(s);
    if (r < 0)
        log_error("worker", "cannot enter the sandbox: %s", strerror(-r));
    return r;
}

static int live_as_worker(const struct zygote_self *z, const struct wmsg_spawn *spawn, int fds[2])
{
    (void)close(z->control);
    (void)prctl(PR_SET_NAME, "tutti-worker");
    reset_signals();
    if (confine(z->for_workers, &fds[0]) < 0)
        return 1;
    int r = serve_run(fds[0], fds[1], &spawn->shape);
    if (r < 0)
        log_error("worker", "cannot serve: %s", strerror(-r));
    return r < 0 ? 1 : 0;
}

/* `result` is a pid or negative errno. Returns 1 or negative errno. */
static int say_spawned(int control, uint32_t id, int32_t result)
{
    uint8_t bytes[WMSG_MAX];
    struct wmsg m = { .type = WMSG_SPAWNED };
    m.spawned.id = id;
    m.spawned.pid = result;
    int r = fd_send(control, bytes, wmsg_encode(&m, bytes, sizeof bytes), NULL, 0, 0);
    return r < 0 ? r : 1;
}

static void close_all(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        (void)close(fds[i]);
}

/* Takes one SPAWN. Returns 1 to go on, 0 at the end, negative errno; in the new worker it sets
 * *ret_worker_status and returns 0. */
static int serve_spawn(const struct zygote_self *z, int *ret_worker_status)
{
    uint8_t bytes[WMSG_MAX];
    int fds[2];
    size_t n_fds = 0;
    struct wmsg m;
    ssize_t len = fd_recv(z->control, bytes, sizeof bytes, fds, 2, &n_fds, 0);
    if (len <= 0)
        return (int)len;
    if (wmsg_decode(bytes, (size_t)len, &m) < 0 || m.type != WMSG_SPAWN ||
        (n_fds != 2 && n_fds != 0)) {
        close_all(fds, n_fds);
        return -EBADMSG;
    }
    if (n_fds == 0) /* there was no room for them */
        return say_spawned(z->control, m.spawn.id, -EMFILE);
    /* Raw, because no wrapper offers CLONE_PARENT; the process has one thread. */
    long pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0) {
        *ret_worker_status = live_as_worker(z, &m.spawn, fds);
        return 0;
    }
    int32_t answer = pid < 0 ? (int32_t)-errno : (int32_t)pid;
    close_all(fds, n_fds);
    return say_spawned(z->control, m.spawn.id, answer);
}

/* The zygote has no media to fear, but the walls it stands behind are behind its workers', too. */
static int confine_zygote(struct zygote_self *z)
{
    int r = sandbox_new(SANDBOX_WORKER, NULL, 0, &z->for_workers);
    if (r == 0)
        r = sandbox_confine(SANDBOX_ZYGOTE, NULL, 0);
    if (r < 0)
        log_error("zygote", "cannot enter the sandbox: %s", strerror(-r));
    return r;
}

int zygote_run(int control)
{
    struct zygote_self z = { .control = control };
    int worker_status = -1;
    (void)setpgid(0, 0); /* as keep/keeper.h wants it; workers are found by this group */
    int r = confine_zygote(&z);
    if (r < 0)
        return 1;
    do {
        r = serve_spawn(&z, &worker_status);
    } while (r > 0);
    sandbox_free(z.for_workers);
    if (worker_status >= 0)
        return worker_status;
    if (r < 0)
        log_error("zygote", "control socket: %s", strerror(-r));
    return r < 0 ? 1 : 0;
}
