/* What a worker tells the daemon. */
#include "media/serve_parts.h"

#include "base/audio.h"
#include "base/fd.h"
#include "base/text.h"

#include <stdlib.h>

enum { NEWS_PART = 50 /* of an estimate: less of a change is not worth saying */ };

void serve_send(struct serve *s, const struct wmsg *m)
{
    uint8_t bytes[WMSG_MAX];
    size_t len = wmsg_encode(m, bytes, sizeof bytes);
    int r = fd_send(s->sock, bytes, len, NULL, 0, 0);
    if (r < 0)
        s->done = true; /* the daemon is gone */
}

void serve_send_plain(struct serve *s, enum wmsg_type type)
{
    struct wmsg m = { .type = type, .play = s->play };
    serve_send(s, &m);
}

static void put_text(struct wmsg *m, const char *text)
{
    (void)text_sanitise(m->text, sizeof m->text, text);
}

void serve_say_failed(struct serve *s, uint32_t play, const struct failure *f)
{
    struct wmsg m = { .type = WMSG_FAILED, .play = play };
    m.failed.code = (uint32_t)f->code;
    m.failed.http_status = f->http_status;
    put_text(&m, f->why);
    serve_send(s, &m);
}

void serve_refuse_render(struct serve *s, const struct wmsg_render *render, enum tutti_error code)
{
    struct wmsg m = { .type = WMSG_RENDER_FAILED, .play = s->play };
    m.failed.code = (uint32_t)code;
    m.failed.gen = render->gen;
    put_text(&m, error_text(code));
    serve_send(s, &m);
}

static struct wmsg_length length_of(const struct track_info *info)
{
    return (struct wmsg_length){
        .duration = info->duration.samples,
        .kind = (uint8_t)info->duration.kind,
        .is_live = info->endless,
    };
}

void serve_say_opened(struct serve *s, struct track *track, uint32_t play, int64_t pos, bool passes,
                      bool late)
{
    struct track_info info;
    track_get_info(track, &info);
    struct wmsg m = { .type = WMSG_OPENED, .play = play };
    m.opened.length = length_of(&info);
    s->told_length = m.opened.length;
    s->told_length_of = play;
    m.opened.pos = pos;
    m.opened.lag = info.lag;
    m.opened.passthrough = passes && info.passable;
    m.opened.seekable = info.seekable;
    m.opened.late = late;
    char title[DEMUX_TITLE_BYTES];
    if (packets_new_title(track_packets(track), title))
        put_text(&m, title);
    serve_send(s, &m);
}

void serve_tell_title(struct serve *s)
{
    struct wmsg m = { .type = WMSG_TITLE, .play = serve_renders_next(s) ? s->next_play : s->play };
    char title[DEMUX_TITLE_BYTES];
    if (!packets_new_title(track_packets(render_track(s->render)), title))
        return;
    put_text(&m, title);
    serve_send(s, &m);
}

/* Two numbers that nobody would tell apart are none. */
static bool is_news(const struct wmsg_length *told, const struct wmsg_length *now)
{
    int64_t slack =
        now->kind == DURATION_EXACT ? AUDIO_RATE / 20 : AUDIO_RATE + now->duration / NEWS_PART;
    return told->kind != now->kind || told->is_live != now->is_live ||
           llabs(told->duration - now->duration) > slack;
}

void serve_tell_length(struct serve *s, uint32_t play)
{
    const struct track *track = play == s->play ? s->track : s->next_track;
    if (s->told_length_of != play || !track)
        return;
    struct track_info info;
    track_get_info(track, &info);
    struct wmsg m = { .type = WMSG_LENGTH, .play = play, .length = length_of(&info) };
    if (!is_news(&s->told_length, &m.length))
        return;
    s->told_length = m.length;
    serve_send(s, &m);
}

void serve_tell_cut(struct serve *s, uint32_t play)
{
    const struct track *track = play == s->play ? s->track : s->next_track;
    if (s->told_cut == play || !track || !track_was_cut(track))
        return;
    s->told_cut = play;
    struct wmsg m = { .type = WMSG_WARNING, .play = play };
    m.warning.code = TUTTI_W_SOURCE_TRUNCATED;
    put_text(&m, "the source ends before its time");
    serve_send(s, &m);
}
