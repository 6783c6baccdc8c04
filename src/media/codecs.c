#include "media/codecs.h"

#include "media/sync.h"

#include <libavcodec/ac3_parser.h>

enum {
    /* Decoders remember: MP3 its bit reservoir, SBR its filters, Opus 80 ms. A quarter of a second
     * covers them and costs a third of a millisecond. */
    WARM_UP_MS = 250,
    /* Musepack SV7 says volumes relative to the frame before, and anew every 32 frames. */
    MPC7_WARM_UP_MS = 1300,
    OPUS_GRID = 120,  /* 2.5 ms: every Opus packet lasts a multiple of it */
    VORBIS_GRID = 64, /* of blocks of 128 samples and more: encoders make none that are smaller */
};

static int mpeg_frame_bytes(const uint8_t *p, size_t len)
{
    return len >= SYNC_HEAD_BYTES ? (int)sync_mpeg_bytes(p) : 0;
}

static int adts_frame_bytes(const uint8_t *p, size_t len)
{
    return len >= SYNC_HEAD_BYTES ? (int)sync_adts_bytes(p) : 0;
}

/* ETSI TS 102 366 */
static int ac3_frame_bytes(const uint8_t *p, size_t len)
{
    uint8_t version;
    uint16_t bytes;
    return av_ac3_parse_header(p, len, &version, &bytes) < 0 ? 0 : bytes;
}

/* RFC 4867 section 5.3: the first byte says of what kind the frame is. */
static int amr_nb_frame_bytes(const uint8_t *p, size_t len)
{
    static const uint8_t bytes[16] = { 13, 14, 16, 18, 20, 21, 27, 32, 6, 0, 0, 0, 0, 0, 0, 1 };
    return len > 0 ? bytes[p[0] >> 3 & 15] : 0;
}

static int amr_wb_frame_bytes(const uint8_t *p, size_t len)
{
    static const uint8_t bytes[16] = { 18, 24, 33, 37, 41, 47, 51, 59, 61, 6, 0, 0, 0, 0, 1, 1 };
    return len > 0 ? bytes[p[0] >> 3 & 15] : 0;
}

static const struct codec rows[] = {
    { AV_CODEC_ID_OPUS, CODEC_FLUSHES, OPUS_GRID, WARM_UP_MS, NULL },
    { AV_CODEC_ID_VORBIS, CODEC_FLUSHES, VORBIS_GRID, WARM_UP_MS, NULL },
    { AV_CODEC_ID_MP1, CODEC_EQUAL | CODEC_FLUSHES, 0, WARM_UP_MS, mpeg_frame_bytes },
    { AV_CODEC_ID_MP2, CODEC_EQUAL | CODEC_FLUSHES, 0, WARM_UP_MS, mpeg_frame_bytes },
    { AV_CODEC_ID_MP3, CODEC_EQUAL | CODEC_FLUSHES, 0, WARM_UP_MS, mpeg_frame_bytes },
    { AV_CODEC_ID_AAC, CODEC_EQUAL | CODEC_FLUSHES, 0, WARM_UP_MS, adts_frame_bytes },
    { AV_CODEC_ID_AAC_LATM, CODEC_FLUSHES, 0, WARM_UP_MS, NULL },
    { AV_CODEC_ID_ALAC, CODEC_EQUAL | CODEC_FLUSHES | CODEC_ENDS, 0, WARM_UP_MS, NULL },
    { AV_CODEC_ID_FLAC, CODEC_FLUSHES, 0, WARM_UP_MS, NULL },
    { AV_CODEC_ID_AC3, CODEC_EQUAL | CODEC_FLUSHES, 0, WARM_UP_MS, ac3_frame_bytes },
    { AV_CODEC_ID_EAC3, CODEC_FLUSHES, 0, WARM_UP_MS, ac3_frame_bytes },
    { AV_CODEC_ID_DTS, CODEC_EQUAL | CODEC_FLUSHES, 0, WARM_UP_MS, NULL },
    { AV_CODEC_ID_WMAV1, CODEC_FLUSHES, 0, WARM_UP_MS, NULL },
    { AV_CODEC_ID_WMAV2, CODEC_FLUSHES, 0, WARM_UP_MS, NULL },
    { AV_CODEC_ID_AMR_NB, CODEC_EQUAL | CODEC_BUNDLED, 0, WARM_UP_MS, amr_nb_frame_bytes },
    { AV_CODEC_ID_AMR_WB, CODEC_EQUAL | CODEC_BUNDLED, 0, WARM_UP_MS, amr_wb_frame_bytes },
    { AV_CODEC_ID_GSM, CODEC_EQUAL, 0, WARM_UP_MS, NULL },
    { AV_CODEC_ID_SPEEX, CODEC_EQUAL, 0, WARM_UP_MS, NULL },
    { AV_CODEC_ID_MUSEPACK7, CODEC_EQUAL, 0, MPC7_WARM_UP_MS, NULL },
    { AV_CODEC_ID_NONE, 0, 0, WARM_UP_MS, NULL },
};

const struct codec *codec_of(enum AVCodecID id)
{
    static const struct codec pcm = { AV_CODEC_ID_NONE, CODEC_FLUSHES, 0, WARM_UP_MS, NULL };
    size_t i = 0;
    if (id >= AV_CODEC_ID_FIRST_AUDIO && id < AV_CODEC_ID_ADPCM_IMA_QT)
        return &pcm;
    while (rows[i].id != AV_CODEC_ID_NONE && rows[i].id != id)
        i++;
    return &rows[i];
}
