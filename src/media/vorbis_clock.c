#include "media/vorbis_clock.h"

#include <errno.h>
#include <libavcodec/vorbis_parser.h>
#include <stdbool.h>
#include <stdlib.h>

struct vorbis_clock {
    AVVorbisParseContext *parser;
    bool has_seen_one; /* the block before is known */
};

int vorbis_clock_new(const uint8_t *setup, int setup_bytes, struct vorbis_clock **ret)
{
    struct vorbis_clock *c = calloc(1, sizeof *c);
    if (!c)
        return -ENOMEM;
    c->parser = av_vorbis_parse_init(setup, setup_bytes);
    if (!c->parser) {
        free(c);
        return -EBADMSG;
    }
    *ret = c;
    return 0;
}

void vorbis_clock_free(struct vorbis_clock *c)
{
    if (!c)
        return;
    av_vorbis_parse_free(&c->parser);
    free(c);
}

void vorbis_clock_reset(struct vorbis_clock *c)
{
    av_vorbis_parse_reset(c->parser);
    c->has_seen_one = false;
}

int vorbis_clock_step(struct vorbis_clock *c, const AVPacket *av)
{
    int flags = 0;
    int n = av->size > 0 ? av_vorbis_parse_frame_flags(c->parser, av->data, av->size, &flags) : -1;
    bool knew = c->has_seen_one;
    c->has_seen_one = n > 0 && flags == 0;
    return knew && c->has_seen_one ? n : -1;
}
