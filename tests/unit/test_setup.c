/* What a decoder is told in mid-stream: headers of chained Vorbis, setups that come with a packet.
 */
#include "media/setup.h"
#include "unit.h"

#include <libavcodec/avcodec.h>
#include <string.h>

static int look(struct setup *s, enum AVCodecID codec, const char *bytes, int len)
{
    AVPacket *av = av_packet_alloc();
    assert_non_null(av);
    assert_int_equal(av_new_packet(av, len), 0);
    memset(av->data, 7, (size_t)len);
    memcpy(av->data, bytes, strlen(bytes) < (size_t)len ? strlen(bytes) : (size_t)len);
    const AVCodecParameters par = { .codec_id = codec };
    int n = setup_look(s, &par, &par, av);
    av_packet_free(&av);
    return n;
}

static void three_heads_of_vorbis_are_one_setup(void **state)
{
    struct setup s = { 0 };
    assert_int_equal(look(&s, AV_CODEC_ID_VORBIS, "\1vorbis", 30), 0);
    assert_int_equal(look(&s, AV_CODEC_ID_VORBIS, "\3vorbis", 3000), 0);
    assert_null(s.now);
    assert_int_equal(look(&s, AV_CODEC_ID_VORBIS, "\5vorbis", 100), 3);
    assert_int_equal(s.now->size, 3 + 30 + 100);
    assert_memory_equal(s.now->data, "\2\36\0\1vorbis", 10);
    assert_memory_equal(s.now->data + 33, "\5vorbis", 7);
    assert_int_equal(look(&s, AV_CODEC_ID_VORBIS, "sound", 100), 0);
    assert_non_null(s.now);
    setup_reset(&s);
    assert_null(s.now);
}

static void broken_heads_are_none(void **state)
{
    struct setup s = { 0 };
    assert_int_equal(look(&s, AV_CODEC_ID_VORBIS, "\5vorbis", 100), 0); /* who is it? */
    assert_int_equal(look(&s, AV_CODEC_ID_VORBIS, "\1vorbis", 29), 0);
    assert_int_equal(look(&s, AV_CODEC_ID_VORBIS, "\1", 1), 0);
    assert_int_equal(look(&s, AV_CODEC_ID_VORBIS, "\5vorbis", 100), 0);
    assert_int_equal(look(&s, AV_CODEC_ID_VORBIS, "\1vorbis", 30), 0);
    assert_int_equal(look(&s, AV_CODEC_ID_VORBIS, "\5vorbis", 2 << 20), 0); /* too much */
    assert_int_equal(look(&s, AV_CODEC_ID_MP3, "\1vorbis", 30), 0);
    assert_null(s.now);
}

static void a_packet_may_bring_a_setup(void **state)
{
    struct setup s = { 0 };
    AVPacket *av = av_packet_alloc();
    assert_non_null(av);
    const AVCodecParameters aac = { .codec_id = AV_CODEC_ID_AAC };
    assert_int_equal(setup_look(&s, &aac, &aac, av), 0);
    uint8_t *bytes = av_packet_new_side_data(av, AV_PKT_DATA_NEW_EXTRADATA, 2);
    assert_non_null(bytes);
    memcpy(bytes, "\x12\x10", 2);
    assert_int_equal(setup_look(&s, &aac, &aac, av), 1);
    assert_int_equal(s.now->size, 2);
    assert_memory_equal(s.now->data, "\x12\x10\0\0", 4);
    av_packet_free(&av);
    assert_int_equal(look(&s, AV_CODEC_ID_AAC, "sound", 10), 0);
    assert_int_equal(s.now->size, 2);
    setup_reset(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_heads_of_vorbis_are_one_setup),
        cmocka_unit_test(broken_heads_are_none),
        cmocka_unit_test(a_packet_may_bring_a_setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
