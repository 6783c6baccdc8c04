/* Messages between daemon, zygote and workers: there and back, and everything that is refused. */
#include "base/errors.h"
#include "proto/wmsg.h"
#include "unit.h"

#include <errno.h>
#include <math.h>

#define POS_MAX (INT64_C(788400000) * 48000)

static const struct wmsg_render render = {
    .pos = 960, .sound = { 1.5F }, .from = { 0.5F }, .gen = 7, .lane = 1, .exact = 1
};

/* One of each kind, as its sender would write it. */
static struct wmsg example(enum wmsg_type type)
{
    struct wmsg m = { .type = type, .play = 42 };
    switch (type) {
    case WMSG_SPAWN:
        m.spawn = (struct wmsg_spawn){ .id = 3, .shape = { 256, 319488 } };
        break;
    case WMSG_SPAWNED:
        m.spawned = (struct wmsg_spawned){ .id = 3, .pid = -12 };
        break;
    case WMSG_OPEN:
    case WMSG_NEXT:
        m.open = (struct wmsg_open){ .render = render,
                                     .hint = RING_NO_HINT,
                                     .depth_frames = 250,
                                     .bitrate = 128000,
                                     .complexity = 10 };
        break;
    case WMSG_RENDER:
        m.render = render;
        break;
    case WMSG_OPENED:
        m.opened = (struct wmsg_opened){ .length = { .duration = 48000, .kind = DURATION_EXACT },
                                         .pos = 1,
                                         .lag = 312,
                                         .seekable = 1 };
        strcpy(m.text, "Title \xc3\xa4");
        break;
    case WMSG_FAILED:
    case WMSG_RENDER_FAILED:
        m.failed =
            (struct wmsg_failed){ .code = TUTTI_E_DECODE_FAILED, .gen = 9, .http_status = 403 };
        strcpy(m.text, "no audio in it");
        break;
    case WMSG_WARNING:
        m.warning = (struct wmsg_warning){ .code = TUTTI_W_SOURCE_TRUNCATED };
        strcpy(m.text, "short");
        break;
    case WMSG_LENGTH:
        m.length = (struct wmsg_length){ .duration = -1, .is_live = 1 };
        break;
    case WMSG_TITLE:
        strcpy(m.text, "Next");
        break;
    case WMSG_DYING:
        strcpy(m.text, "forbidden system call openat (257)");
        break;
    default:
        break;
    }
    return m;
}

static bool has_text(enum wmsg_type type)
{
    return (type >= WMSG_OPENED && type <= WMSG_TITLE) || type == WMSG_DYING;
}

static void there_and_back(void **state)
{
    for (int type = WMSG_SPAWN; type < WMSG_TYPE_END; type++) {
        uint8_t bytes[WMSG_MAX];
        struct wmsg in = example((enum wmsg_type)type);
        struct wmsg out;
        memset(&out, 0xaa, sizeof out);
        size_t len = wmsg_encode(&in, bytes, sizeof bytes);
        assert_true(len >= 8 && len <= WMSG_MAX);
        assert_int_equal(wmsg_decode(bytes, len, &out), 0);
        assert_memory_equal(&out, &in, sizeof in);
    }
}

/* Every length but the right one is refused, and nothing is written then. Text may be shorter. */
static void exact_lengths(void **state)
{
    for (int type = WMSG_SPAWN; type < WMSG_TYPE_END; type++) {
        uint8_t bytes[2 * WMSG_MAX] = { 0 };
        struct wmsg m = example((enum wmsg_type)type);
        m.text[0] = '\0';
        size_t len = wmsg_encode(&m, bytes, sizeof bytes);
        memset(bytes + len, 'x', sizeof bytes - len);
        for (size_t n = 0; n < sizeof bytes; n++) {
            struct wmsg out = { .play = 4711 };
            bool fits =
                n == len || (has_text((enum wmsg_type)type) && n > len && n - len <= WMSG_TEXT_MAX);
            assert_int_equal(wmsg_decode(bytes, n, &out), fits ? 0 : -EBADMSG);
            if (!fits)
                assert_int_equal(out.play, 4711);
            else
                assert_int_equal(strlen(out.text), n - len);
        }
    }
}

static void long_text_is_cut_at_a_character(void **state)
{
    uint8_t bytes[WMSG_MAX];
    struct wmsg m = { .type = WMSG_TITLE };
    struct wmsg out;
    memset(m.text, 'a', WMSG_TEXT_MAX);
    size_t len = wmsg_encode(&m, bytes, sizeof bytes);
    assert_int_equal(len, 8 + WMSG_TEXT_MAX);
    assert_int_equal(wmsg_decode(bytes, len, &out), 0);
    assert_int_equal(strlen(out.text), WMSG_TEXT_MAX);
}

static void unknown_types(void **state)
{
    static const uint32_t types[] = { 0, WMSG_TYPE_END, WMSG_TYPE_END + 1, 0x80000000, UINT32_MAX };
    for (size_t i = 0; i < LENGTH_OF(types); i++) {
        uint32_t head[2] = { types[i], 0 };
        struct wmsg out;
        assert_int_equal(wmsg_decode(head, sizeof head, &out), -EBADMSG);
    }
}

static int decode_changed(const struct wmsg *m)
{
    uint8_t bytes[WMSG_MAX];
    struct wmsg out;
    return wmsg_decode(bytes, wmsg_encode(m, bytes, sizeof bytes), &out);
}

/* Sets one field of one kind of message and expects the answer. */
#define CHECK_FIELD(kind, field, value, answer) \
    do { \
        struct wmsg m_ = example(kind); \
        m_.field = (value); \
        ROW_TRUE(#kind " " #field " = " #value, decode_changed(&m_) == (answer)); \
    } while (0)

static void render_out_of_range(void **state)
{
    CHECK_FIELD(WMSG_RENDER, render.lane, 0, 0);
    CHECK_FIELD(WMSG_RENDER, render.lane, RING_LANES, -EBADMSG);
    CHECK_FIELD(WMSG_RENDER, render.lane, 255, -EBADMSG);
    CHECK_FIELD(WMSG_RENDER, render.exact, 2, -EBADMSG);
    CHECK_FIELD(WMSG_RENDER, render.pos, -1, -EBADMSG);
    CHECK_FIELD(WMSG_RENDER, render.pos, INT64_MIN, -EBADMSG);
    CHECK_FIELD(WMSG_RENDER, render.pos, POS_MAX, 0);
    CHECK_FIELD(WMSG_RENDER, render.pos, POS_MAX + 1, -EBADMSG);
    CHECK_FIELD(WMSG_RENDER, render.sound.volume, 2.0F, 0);
    CHECK_FIELD(WMSG_RENDER, render.sound.volume, 2.01F, -EBADMSG);
    CHECK_FIELD(WMSG_RENDER, render.sound.volume, -0.01F, -EBADMSG);
    CHECK_FIELD(WMSG_RENDER, render.sound.volume, NAN, -EBADMSG);
    CHECK_FIELD(WMSG_RENDER, render.sound.volume, INFINITY, -EBADMSG);
    CHECK_FIELD(WMSG_RENDER, render.from.volume, NAN, -EBADMSG);
    CHECK_FIELD(WMSG_RENDER, render.from.volume, -1.0F, -EBADMSG);
    CHECK_FIELD(WMSG_RENDER, render.from.volume, 3.0F, -EBADMSG);
}

static void open_out_of_range(void **state)
{
    CHECK_FIELD(WMSG_OPEN, open.render.lane, 2, -EBADMSG);
    CHECK_FIELD(WMSG_OPEN, open.render.sound.volume, NAN, -EBADMSG);
    CHECK_FIELD(WMSG_OPEN, open.depth_frames, 0, -EBADMSG);
    CHECK_FIELD(WMSG_OPEN, open.depth_frames, RING_FRAMES_MAX, 0);
    CHECK_FIELD(WMSG_OPEN, open.depth_frames, RING_FRAMES_MAX + 1, -EBADMSG);
    CHECK_FIELD(WMSG_OPEN, open.complexity, 11, -EBADMSG);
    CHECK_FIELD(WMSG_NEXT, open.render.pos, -1, -EBADMSG);
    CHECK_FIELD(WMSG_NEXT, open.depth_frames, 0, -EBADMSG);
}

static void news_out_of_range(void **state)
{
    CHECK_FIELD(WMSG_OPENED, opened.length.duration, -1, -EBADMSG);
    CHECK_FIELD(WMSG_OPENED, opened.length.duration, POS_MAX + 1, -EBADMSG);
    CHECK_FIELD(WMSG_OPENED, opened.length.is_live, 1, -EBADMSG);
    CHECK_FIELD(WMSG_OPENED, opened.length.kind, DURATION_ESTIMATED, 0);
    CHECK_FIELD(WMSG_OPENED, opened.length.kind, DURATION_KIND_COUNT, -EBADMSG);
    CHECK_FIELD(WMSG_OPENED, opened.length.kind, DURATION_UNKNOWN, -EBADMSG);
    CHECK_FIELD(WMSG_LENGTH, length.duration, 0, -EBADMSG);
    CHECK_FIELD(WMSG_LENGTH, length.kind, DURATION_EXACT, -EBADMSG);
    CHECK_FIELD(WMSG_LENGTH, length.is_live, 0, 0);
    CHECK_FIELD(WMSG_LENGTH, length.is_live, 2, -EBADMSG);
    CHECK_FIELD(WMSG_OPENED, opened.pos, -1, -EBADMSG);
    CHECK_FIELD(WMSG_OPENED, opened.lag, 48000, 0);
    CHECK_FIELD(WMSG_OPENED, opened.lag, 48001, -EBADMSG);
    CHECK_FIELD(WMSG_OPENED, opened.passthrough, 2, -EBADMSG);
    CHECK_FIELD(WMSG_OPENED, opened.seekable, 2, -EBADMSG);
    CHECK_FIELD(WMSG_FAILED, failed.http_status, 1000, -EBADMSG);
    CHECK_FIELD(WMSG_FAILED, failed.code, TUTTI_OK, -EBADMSG);
    CHECK_FIELD(WMSG_FAILED, failed.code, TUTTI_ERROR_COUNT - 1, 0);
    CHECK_FIELD(WMSG_FAILED, failed.code, TUTTI_ERROR_COUNT, -EBADMSG);
    CHECK_FIELD(WMSG_FAILED, failed.code, UINT32_MAX, -EBADMSG);
    CHECK_FIELD(WMSG_RENDER_FAILED, failed.code, 0, -EBADMSG);
    CHECK_FIELD(WMSG_WARNING, warning.code, TUTTI_W_NONE, -EBADMSG);
    CHECK_FIELD(WMSG_WARNING, warning.code, TUTTI_WARNING_COUNT, -EBADMSG);
}

static void text_that_may_not_be_shown(void **state)
{
    static const char *const rows[] = { "a\nb", "\x1b[2J",  "\x7f",         "\xff",
                                        "\xc3", "\xc0\xaf", "\xed\xa0\x80", "a\tb" };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        for (int type = WMSG_OPENED; type <= WMSG_TITLE; type++) {
            struct wmsg m = example((enum wmsg_type)type);
            strcpy(m.text, rows[i]);
            assert_int_equal(decode_changed(&m), -EBADMSG);
        }
    }
    uint8_t bytes[WMSG_MAX];
    struct wmsg m = example(WMSG_TITLE);
    struct wmsg out;
    size_t len = wmsg_encode(&m, bytes, sizeof bytes);
    bytes[len - 2] = '\0'; /* a NUL in the middle */
    assert_int_equal(wmsg_decode(bytes, len, &out), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(exact_lengths),
        cmocka_unit_test(long_text_is_cut_at_a_character),
        cmocka_unit_test(unknown_types),
        cmocka_unit_test(render_out_of_range),
        cmocka_unit_test(open_out_of_range),
        cmocka_unit_test(news_out_of_range),
        cmocka_unit_test(text_that_may_not_be_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
