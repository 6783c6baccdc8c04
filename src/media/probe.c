#include "media/probe.h"

#include "media/codecs.h"
#include "media/containers.h"

#include <libavutil/avstring.h>
#include <libavutil/dict.h>
#include <libavutil/intreadwrite.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEAD_BYTES = 16,
    ID3_HEAD_BYTES = 10,
    ID3_TAGS_MAX = 16,
    ID3V1_BYTES = 128,
    LOOK_BYTES = 64 * 1024,
    SMALL_BYTES = 64 * 1024,
};

/* [bytes] of the ID3v2 tag that begins so; 0: none does */
static int64_t id3_bytes(const uint8_t p[ID3_HEAD_BYTES])
{
    if (memcmp(p, "ID3", 3) != 0)
        return 0;
    for (int i = 6; i < ID3_HEAD_BYTES; i++) {
        if (p[i] & 0x80)
            return 0;
    }
    int64_t bytes = (int64_t)p[6] << 21 | p[7] << 14 | p[8] << 7 | p[9];
    bool has_footer = (p[5] & 0x10) != 0;
    return bytes + (has_footer ? 2 : 1) * (int64_t)ID3_HEAD_BYTES;
}

/* Where the tags end of which one has been found to end `at`. */
static int64_t behind_tags(struct source *s, int64_t at)
{
    uint8_t p[ID3_HEAD_BYTES];
    int64_t bytes = 1;
    for (int i = 0; i < ID3_TAGS_MAX && bytes > 0; i++) {
        bool there = source_read_at(s, p, sizeof p, at) == (ssize_t)sizeof p;
        bytes = there ? id3_bytes(p) : 0;
        at += bytes;
    }
    return at;
}

/* Reads up to `max` bytes from `at` on, padded as libavformat wants it. NULL: nothing to read. */
static uint8_t *read_some(struct source *s, int64_t at, int max, int *ret_len)
{
    uint8_t *bytes = calloc(1, (size_t)max + AVPROBE_PADDING_SIZE);
    int len = 0;
    ssize_t n = 1;
    while (bytes && len < max && n > 0) {
        n = source_read_at(s, bytes + len, (size_t)(max - len), at + len);
        len += n > 0 ? (int)n : 0;
    }
    if (len == 0) {
        free(bytes);
        return NULL;
    }
    *ret_len = len;
    return bytes;
}

static const AVInputFormat *format_at(struct source *s, int64_t at)
{
    int len;
    uint8_t *bytes = read_some(s, at, LOOK_BYTES, &len);
    if (!bytes)
        return NULL;
    AVProbeData data = { .filename = "", .buf = bytes, .buf_size = len };
    int score = PROBE_SCORE_MIN - 1;
    const AVInputFormat *format = av_probe_input_format2(&data, 1, &score);
    free(bytes);
    return format;
}

static bool is_tag(const uint8_t *p, int len)
{
    return (len == ID3V1_BYTES && memcmp(p, "TAG", 3) == 0) ||
           (len >= 8 && memcmp(p, "APETAGEX", 8) == 0);
}

/* True if [from, size) is nothing but whole frames, or a tag at the end: even a single frame is no
 * accident then. */
static bool is_all_frames(struct source *s, const struct codec *c, int64_t from)
{
    int64_t size = source_size(s);
    int len = 0;
    uint8_t *bytes = read_some(s, from, (int)(size - from), &len);
    int at = 0;
    int n = 1;
    while (bytes && at < len && !is_tag(bytes + at, len - at) && n > 0) {
        n = c->frame_bytes(bytes + at, (size_t)(len - at));
        at += n;
    }
    free(bytes);
    return at > 0 && n > 0 && at <= len && from + len == size;
}

const AVInputFormat *probe_format(struct source *s, AVIOContext *io, int probe_bytes)
{
    uint8_t head[HEAD_BYTES];
    static const struct {
        enum AVCodecID codec;
        const char *format;
    } bare[] = {
        { AV_CODEC_ID_MP3, "mp3" },
        { AV_CODEC_ID_AAC, "aac" },
        { AV_CODEC_ID_AC3, "ac3" },
    };
    int n = avio_read(io, head, sizeof head);
    bool is_back = avio_seek(io, 0, SEEK_SET) == 0; /* in the buffer */
    if (!is_back || n != (int)sizeof head || !source_can_seek(s))
        return NULL;
    int64_t from = id3_bytes(head);
    if (from >= probe_bytes / 2)
        return format_at(s, behind_tags(s, from));
    for (size_t i = 0; i < sizeof bare / sizeof bare[0]; i++) {
        const struct codec *c = codec_of(bare[i].codec);
        bool promises = from > 0 || c->frame_bytes(head, sizeof head) > 0;
        if (promises && source_size(s) - from <= SMALL_BYTES && is_all_frames(s, c, from))
            return av_find_input_format(bare[i].format);
    }
    return NULL;
}

const char *probe_why_not(struct source *s)
{
    static const struct {
        int at;
        const char *bytes;
        const char *why;
    } known[] = {
        { 0, "MThd", "this is MIDI: it has notes and no sound" },
        { 8, "RMID", "this is MIDI: it has notes and no sound" },
        { 0, "XMF_", "this is MIDI: it has notes and no sound" },
    };
    uint8_t head[64] = { 0 };
    if (source_read_at(s, head, sizeof head, 0) <= 0)
        return NULL;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (memcmp(head + known[i].at, known[i].bytes, 4) == 0)
            return known[i].why;
    }
    return format_at(s, behind_tags(s, 0))
               ? "its container is known but broken: it cannot be opened"
               : NULL;
}

bool probe_is_encrypted(struct source *s, const AVFormatContext *c, const AVStream *st)
{
    static const uint32_t tags[] = { MKTAG('e', 'n', 'c', 'a'), MKTAG('d', 'r', 'm', 's'),
                                     MKTAG('a', 'a', 'v', 'd') };
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        if (st->codecpar->codec_tag == tags[i])
            return true;
    }
    if (av_match_name("matroska", c->iformat->name))
        return av_dict_get(st->metadata, "enc_key_id", NULL, 0) != NULL;
    return av_match_name("asf", c->iformat->name) && container_asf_is_encrypted(s);
}
