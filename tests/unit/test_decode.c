/* One decoder: what it is told of a stream, and what it forgets. */
#include "media/decode.h"
#include "unit.h"

#include <string.h>

enum { STEREO_SAMPLES = 960, HEAD_BYTES = 19 };

static AVCodecParameters *opus(void)
{
    static const uint8_t head[HEAD_BYTES] = "OpusHead\1\1\x38\1\x80\xbb\0\0\0\0";
    AVCodecParameters *par = avcodec_parameters_alloc();
    assert_non_null(par);
    par->codec_type = AVMEDIA_TYPE_AUDIO;
    par->codec_id = AV_CODEC_ID_OPUS;
    par->sample_rate = 48000;
    av_channel_layout_default(&par->ch_layout, 1);
    par->extradata = av_mallocz(HEAD_BYTES + AV_INPUT_BUFFER_PADDING_SIZE);
    assert_non_null(par->extradata);
    memcpy(par->extradata, head, HEAD_BYTES);
    par->extradata_size = HEAD_BYTES;
    return par;
}

static AVBufferRef *setup_of(const AVCodecParameters *par, uint8_t channels, uint8_t family)
{
    static const uint8_t surround[8] = { 4, 2, 0, 4, 1, 2, 3, 5 };
    AVBufferRef *setup = av_buffer_allocz(HEAD_BYTES + 8 + AV_INPUT_BUFFER_PADDING_SIZE);
    assert_non_null(setup);
    memcpy(setup->data, par->extradata, HEAD_BYTES);
    setup->data[9] = channels;
    setup->data[18] = family;
    memcpy(setup->data + HEAD_BYTES, surround, sizeof surround);
    setup->size = HEAD_BYTES + (family > 0 ? 8 : 0);
    return setup;
}

/* Channels of what comes of one packet; 0: nothing. */
static int channels_of(struct decoder *d, const AVBufferRef *setup)
{
    static uint8_t silence[] = "\xfc\xff\xfe";
    AVPacket *av = av_packet_alloc();
    AVFrame *frame;
    assert_non_null(av);
    assert_int_equal(av_new_packet(av, 3), 0);
    memcpy(av->data, silence, 3);
    int r = decoder_send(d, av, setup);
    av_packet_free(&av);
    if (r < 0 || decoder_receive(d, &frame) != 1)
        return 0;
    assert_int_equal(frame->nb_samples, STEREO_SAMPLES);
    return frame->ch_layout.nb_channels;
}

static void one_channel_of_opus_is_heard_on_two(void **state)
{
    AVCodecParameters *par = opus();
    struct decoder *d;
    assert_int_equal(decoder_new(par, &d), 0);
    assert_int_equal(channels_of(d, NULL), 2);
    assert_int_equal(decoder_begin(d, NULL), 0);
    assert_int_equal(channels_of(d, NULL), 2);
    decoder_free(d);
    avcodec_parameters_free(&par);
}

static void a_setup_of_opus_holds_from_its_packet_on(void **state)
{
    AVCodecParameters *par = opus();
    AVBufferRef *plain = setup_of(par, 1, 0);
    AVBufferRef *surround = setup_of(par, 6, 1);
    struct decoder *d;
    assert_int_equal(decoder_new(par, &d), 0);
    assert_int_equal(channels_of(d, plain), 2);
    assert_int_equal(decoder_begin(d, surround), 0);
    assert_int_equal(decoder_begin(d, plain), 0);
    assert_int_equal(channels_of(d, plain), 2);
    surround->data[HEAD_BYTES] = 0; /* no stream: nothing decodes that */
    assert_int_equal(channels_of(d, surround), 0);
    assert_int_equal(channels_of(d, plain), 2);
    decoder_free(d);
    av_buffer_unref(&plain);
    av_buffer_unref(&surround);
    avcodec_parameters_free(&par);
}

static void what_nobody_decodes_is_refused(void **state)
{
    AVCodecParameters *par = opus();
    struct decoder *d;
    par->codec_id = AV_CODEC_ID_PNG;
    assert_int_equal(decoder_new(par, &d), -EBADMSG);
    par->codec_id = AV_CODEC_ID_NONE;
    assert_int_equal(decoder_new(par, &d), -EBADMSG);
    avcodec_parameters_free(&par);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_channel_of_opus_is_heard_on_two),
        cmocka_unit_test(a_setup_of_opus_holds_from_its_packet_on),
        cmocka_unit_test(what_nobody_decodes_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
