#include "media/passthrough.h"

#include "base/audio.h"
#include "media/opus_head.h"

#include <assert.h>
#include <opus.h>
#include <string.h>

enum { PARTS_MAX = 8, UNPADDED_MAX = 4 * AUDIO_PACKET_MAX };

struct passthrough {
    struct track *track;
    int64_t lag;
    int64_t from;     /* [samples] frames before this position are skipped */
    int64_t next_pos; /* [samples] of the next frame */
    OpusRepacketizer *repacketizer;
    /* the packet being taken apart, or the parts being put together */
    uint8_t store[PARTS_MAX * AUDIO_PACKET_MAX];
    int store_len;
    int gathered;   /* [samples] in the repacketizer while parts are put together */
    int n_frames;   /* inside the packet being taken apart */
    int at_frame;   /* the next of them */
    int per_packet; /* of them in 20 ms */
    int64_t end;    /* [samples, position + lag] frames at or behind this are not sent */
    uint8_t out[AUDIO_PACKET_MAX];
};

int passthrough_new(struct passthrough **ret)
{
    struct passthrough *p = calloc(1, sizeof *p);
    if (!p)
        return -ENOMEM;
    p->repacketizer = opus_repacketizer_create();
    if (!p->repacketizer) {
        free(p);
        return -ENOMEM;
    }
    *ret = p;
    return 0;
}

void passthrough_free(struct passthrough *p)
{
    if (!p)
        return;
    opus_repacketizer_destroy(p->repacketizer);
    free(p);
}

int passthrough_go(struct passthrough *p, struct track *t, int64_t pos)
{
    assert(pos >= 0);
    struct track_info info;
    track_get_info(t, &info);
    p->track = t;
    p->lag = info.lag;
    p->from = pos / AUDIO_FRAME_SAMPLES * AUDIO_FRAME_SAMPLES;
    p->next_pos = p->from;
    p->n_frames = p->at_frame = 0;
    p->gathered = 0;
    p->end = 0;
    /* The frame's packet begins a lag before its position. */
    int64_t sample = p->from - p->lag;
    if (p->from > AUDIO_RATE) {
        int r = track_calibrate(t);
        if (r < 0)
            return r;
    }
    return packets_go(track_packets(t), sample > 0 ? sample : 0, AUDIO_FRAME_SAMPLES);
}

/* The position, in the sense of frames, of a packet's first sample. */
static int64_t packet_pos(const struct passthrough *p, const struct packet *k)
{
    return k->sample - (int64_t)k->skip - (int64_t)k->own_skip + p->lag;
}

static int emit(struct passthrough *p, const uint8_t *bytes, int len, struct passed *ret)
{
    if (len <= 0 || len > AUDIO_PACKET_MAX)
        return -ENOTSUP;
    *ret = (struct passed){ .bytes = bytes, .len = len, .pos = p->next_pos };
    p->next_pos += AUDIO_FRAME_SAMPLES;
    return 1;
}

static int pass_whole(struct passthrough *p, const struct packet *k, struct passed *ret)
{
    if (opus_packet_parse(k->av->data, k->av->size, NULL, NULL, (opus_int16[48]){ 0 }, NULL) < 0)
        return -ENOTSUP; /* the listener's decoder would choke on it */
    if (k->av->size <= AUDIO_PACKET_MAX)
        return emit(p, k->av->data, k->av->size, ret);
    if (k->av->size > UNPADDED_MAX)
        return -ENOTSUP;
    memcpy(p->store, k->av->data, (size_t)k->av->size);
    return emit(p, p->store, opus_packet_unpad(p->store, k->av->size), ret);
}

static int keep_part(struct passthrough *p, const struct packet *k)
{
    if (p->store_len + k->av->size > (int)sizeof p->store)
        return -ENOTSUP;
    uint8_t *at = p->store + p->store_len;
    memcpy(at, k->av->data, (size_t)k->av->size);
    if (opus_repacketizer_cat(p->repacketizer, at, k->av->size) != OPUS_OK)
        return -ENOTSUP;
    p->store_len += k->av->size;
    return 0;
}

static void begin_store(struct passthrough *p)
{
    assert(p->gathered == 0);
    p->repacketizer = opus_repacketizer_init(p->repacketizer);
    p->store_len = 0;
}

static int split_next(struct passthrough *p, struct passed *ret)
{
    assert(p->per_packet > 0 && p->at_frame < p->n_frames);
    int from = p->at_frame;
    p->at_frame += p->per_packet;
    int len =
        opus_repacketizer_out_range(p->repacketizer, from, p->at_frame, p->out, sizeof p->out);
    return emit(p, p->out, len, ret);
}

static int begin_split(struct passthrough *p, const struct packet *k)
{
    int one = opus_packet_get_samples_per_frame(k->av->data, AUDIO_RATE);
    if (one > AUDIO_FRAME_SAMPLES || AUDIO_FRAME_SAMPLES % one != 0)
        return -ENOTSUP;
    begin_store(p);
    int r = keep_part(p, k);
    if (r < 0)
        return r;
    p->n_frames = opus_repacketizer_get_nb_frames(p->repacketizer);
    p->per_packet = AUDIO_FRAME_SAMPLES / one;
    p->at_frame = 0;
    return p->n_frames % p->per_packet == 0 ? 0 : -ENOTSUP;
}

/* Frames of a taken-apart packet that nobody wants: dropped pre-skip, or behind the end. */
static bool is_wanted(const struct passthrough *p)
{
    return p->next_pos >= p->from && p->next_pos < p->end;
}

static int gather(struct passthrough *p, const struct packet *k, int n, struct passed *ret)
{
    if (p->gathered == 0)
        begin_store(p);
    int r = keep_part(p, k);
    if (r < 0)
        return r;
    p->gathered += n;
    if (p->gathered < AUDIO_FRAME_SAMPLES)
        return 0;
    if (p->gathered > AUDIO_FRAME_SAMPLES)
        return -ENOTSUP;
    p->gathered = 0;
    if (!is_wanted(p)) {
        p->next_pos += AUDIO_FRAME_SAMPLES;
        return 0;
    }
    return emit(p, p->out, opus_repacketizer_out(p->repacketizer, p->out, sizeof p->out), ret);
}

/* One packet more. Returns 1 with a frame, 0 when none came of it, or negative errno. */
static int take_packet(struct passthrough *p, const struct packet *k, struct passed *ret)
{
    if (k->setup && !opus_head_bytes_pass(k->setup->data))
        return -ENOTSUP; /* a later stream of a chain, which is surround or has a gain */
    int n = opus_packet_get_nb_samples(k->av->data, k->av->size, AUDIO_RATE);
    if (n <= 0)
        return 0; /* broken: the decoder would skip it too */
    int64_t pos = packet_pos(p, k);
    if (k->gap > 0 && pos > p->from) /* silence, which is in no packet */
        return -ENOTSUP;
    p->end = pos + n - k->discard;
    if (p->gathered > 0)
        return gather(p, k, n, ret);
    if (pos + n <= p->from)
        return 0; /* lies wholly before */
    if (pos % AUDIO_FRAME_SAMPLES != 0)
        return n < AUDIO_FRAME_SAMPLES && pos < p->from ? 0 : -ENOTSUP;
    p->next_pos = pos;
    if (n == AUDIO_FRAME_SAMPLES)
        return is_wanted(p) ? pass_whole(p, k, ret) : 0;
    if (n < AUDIO_FRAME_SAMPLES)
        return gather(p, k, n, ret);
    return begin_split(p, k);
}

int passthrough_next(struct passthrough *p, struct passed *ret, int64_t *ret_pos)
{
    struct packets *packets = track_packets(p->track);
    for (;;) {
        while (p->at_frame < p->n_frames) {
            if (is_wanted(p))
                return split_next(p, ret);
            p->at_frame += p->per_packet;
            p->next_pos += AUDIO_FRAME_SAMPLES;
        }
        *ret_pos = p->next_pos > p->from ? p->next_pos : p->from;
        struct packet *k;
        int r = packets_next(packets, &k);
        if (r < 0)
            return r;
        if (r == 0 && p->gathered > 0) {
            p->gathered = 0;
            return -ENOTSUP;
        }
        if (r == 0) {
            if (p->end > 0)
                track_set_end(p->track, p->end - p->lag);
            return 0;
        }
        track_note_passed(p->track, k);
        r = take_packet(p, k, ret);
        if (r != 0)
            return r;
    }
}
