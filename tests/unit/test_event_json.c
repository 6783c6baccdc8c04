/* Events as the exact lines that clients read, and the head of an audio frame. */
#include "base/audio.h"
#include "proto/event_json.h"
#include "proto/frame.h"
#include "unit.h"

static void exact_lines(void **state)
{
    static const struct call_info call = {
        .guild = UINT64_MAX, .user = 2, .voice_channel = 3, .state = CALL_CLOSED, .ping_ms = -1
    };
    static const struct {
        struct event event;
        const char *tag;
        const char *line;
    } rows[] = {
        { { .type = EVENT_READY,
            .channel = 1,
            .play_id = "p",
            .duration = { 180 * 48000 + 24, DURATION_EXACT },
            .title = "A \"title\"",
            .passthrough = true,
            .seekable = true },
          NULL,
          "{\"type\":\"ready\",\"channel_id\":\"1\",\"play_id\":\"p\",\"duration\":180.001,"
          "\"duration_kind\":\"exact\",\"live\":false,\"position\":0.0,\"title\":\"A "
          "\\\"title\\\"\",\"passthrough\":true,\"seekable\":true}\n" },
        { { .type = EVENT_READY,
            .channel = UINT64_MAX,
            .play_id = "p",
            .duration = NO_DURATION,
            .is_live = true,
            .position = 48000 },
          "t",
          "{\"type\":\"ready\",\"channel_id\":\"18446744073709551615\",\"play_id\":\"p\","
          "\"duration\":null,\"duration_kind\":\"unknown\",\"live\":true,\"position\":1.0,"
          "\"passthrough\":false,\"seekable\":false,\"tag\":\"t\"}\n" },
        { { .type = EVENT_DURATION,
            .channel = 1,
            .play_id = "p",
            .duration = { 96000, DURATION_ESTIMATED } },
          NULL,
          "{\"type\":\"duration\",\"channel_id\":\"1\",\"play_id\":\"p\",\"duration\":2.0,"
          "\"duration_kind\":\"estimated\",\"live\":false}\n" },
        { { .type = EVENT_PAUSED, .channel = 1, .play_id = "p", .position = 960 },
          "",
          "{\"type\":\"paused\",\"channel_id\":\"1\",\"play_id\":\"p\",\"position\":0.02,"
          "\"tag\":\"\"}\n" },
        { { .type = EVENT_RESUMED, .channel = 1, .play_id = "p", .position = 1 },
          NULL,
          "{\"type\":\"resumed\",\"channel_id\":\"1\",\"play_id\":\"p\",\"position\":0.0}\n" },
        { { .type = EVENT_SEEKED,
            .channel = 1,
            .play_id = "p",
            .position = INT64_C(37843200000000),
            .sequence = 77 },
          NULL,
          "{\"type\":\"seeked\",\"channel_id\":\"1\",\"play_id\":\"p\",\"sequence\":77,"
          "\"position\":788400000.0}\n" },
        { { .type = EVENT_SEEKED,
            .channel = 1,
            .play_id = "p",
            .position = INT64_C(36288000000000) + 5904 },
          NULL,
          "{\"type\":\"seeked\",\"channel_id\":\"1\",\"play_id\":\"p\",\"sequence\":0,"
          "\"position\":756000000.123}\n" },
        { { .type = EVENT_VOLUME, .channel = 1, .play_id = "p", .level = 0.1 },
          NULL,
          "{\"type\":\"volume\",\"channel_id\":\"1\",\"play_id\":\"p\",\"level\":0.1}\n" },
        { { .type = EVENT_VOLUME, .channel = 1, .play_id = "p", .level = 0.5, .is_kept = true },
          NULL,
          "{\"type\":\"volume\",\"channel_id\":\"1\",\"play_id\":\"p\",\"level\":0.5,\"keep\":true}"
          "\n" },
        { { .type = EVENT_TITLE, .channel = 1, .play_id = "p", .title = "\xc3\xa4" },
          NULL,
          "{\"type\":\"title\",\"channel_id\":\"1\",\"play_id\":\"p\",\"title\":\"\xc3\xa4\"}\n" },
        { { .type = EVENT_TITLE, .channel = 1, .play_id = "p" },
          NULL,
          "{\"type\":\"title\",\"channel_id\":\"1\",\"play_id\":\"p\",\"title\":\"\"}\n" },
        { { .type = EVENT_STOPPED, .channel = 1, .play_id = "p", .reason = STOP_BY_COMMAND },
          NULL,
          "{\"type\":\"stopped\",\"channel_id\":\"1\",\"play_id\":\"p\",\"reason\":\"stop\","
          "\"position\":0.0}\n" },
        { { .type = EVENT_STOPPED, .channel = 1, .play_id = "p", .reason = STOP_REPLACED },
          NULL,
          "{\"type\":\"stopped\",\"channel_id\":\"1\",\"play_id\":\"p\",\"reason\":\"replaced\","
          "\"position\":0.0}\n" },
        { { .type = EVENT_STOPPED, .channel = 1, .play_id = "p", .reason = STOP_CLIENT_GONE },
          NULL,
          "{\"type\":\"stopped\",\"channel_id\":\"1\",\"play_id\":\"p\",\"reason\":\"client_gone\","
          "\"position\":0.0}\n" },
        /* A stop of nothing names no play. */
        { { .type = EVENT_STOPPED, .channel = 1, .reason = STOP_SHUTDOWN },
          NULL,
          "{\"type\":\"stopped\",\"channel_id\":\"1\",\"play_id\":null,\"reason\":\"shutdown\","
          "\"position\":0.0}\n" },
        { { .type = EVENT_FINISHED,
            .channel = 1,
            .play_id = "p",
            .frames = 150,
            .position = 143688 },
          NULL,
          "{\"type\":\"finished\",\"channel_id\":\"1\",\"play_id\":\"p\",\"frames\":150,"
          "\"position\":2.994}\n" },
        { { .type = EVENT_WARNING,
            .channel = 1,
            .play_id = "p",
            .warning = TUTTI_W_SOURCE_TRUNCATED,
            .message = "short" },
          NULL,
          "{\"type\":\"warning\",\"channel_id\":\"1\",\"play_id\":\"p\","
          "\"code\":\"source_truncated\",\"message\":\"short\"}\n" },
        { { .type = EVENT_WARNING, .warning = TUTTI_W_SLOW_CONSUMER },
          NULL,
          "{\"type\":\"warning\",\"code\":\"slow_consumer\",\"message\":\"slow_consumer\"}\n" },
        { { .type = EVENT_ERROR, .error = TUTTI_E_INVALID_COMMAND, .message = "a\"b\\c" },
          "t",
          "{\"type\":\"error\",\"code\":\"invalid_command\",\"message\":\"a\\\"b\\\\c\","
          "\"tag\":\"t\"}\n" },
        { { .type = EVENT_ERROR, .error = TUTTI_E_CLIENT_REPLACED },
          NULL,
          "{\"type\":\"error\",\"code\":\"client_replaced\","
          "\"message\":\"another process has become this client\"}\n" },
        { { .type = EVENT_ERROR, .channel = 7, .error = TUTTI_E_NO_SESSION },
          NULL,
          "{\"type\":\"error\",\"channel_id\":\"7\",\"code\":\"no_session\","
          "\"message\":\"nothing is playing in this channel\"}\n" },
        { { .type = EVENT_VOICE, .channel = 7, .call = &call, .close_code = 4014, .message = "m" },
          "t",
          "{\"type\":\"voice\",\"channel_id\":\"7\",\"guild_id\":\"18446744073709551615\","
          "\"user_id\":\"2\",\"voice_channel_id\":\"3\",\"state\":\"closed\",\"code\":4014,"
          "\"message\":\"m\",\"tag\":\"t\"}\n" },
    };
    bool seen[EVENT_TYPE_COUNT] = { false };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        char *line = event_json_line(&rows[i].event, rows[i].tag);
        assert_non_null(line);
        assert_string_equal(line, rows[i].line);
        free(line);
        seen[rows[i].event.type] = true;
    }
    for (int i = 0; i < EVENT_TYPE_COUNT; i++)
        assert_true(seen[i]);
}

/* A sentence that was cut in the middle of a character lost its whole field. */
static void text_that_is_not_utf8(void **state)
{
    static const struct {
        const char *message, *want;
    } rows[] = {
        { "cut: \xe2\x82", "cut: ??" },
        { "\xff", "?" },
        { "\xc3\xa4 \xc0\xaf\n.", "\xc3\xa4 ?? ." },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        char want[200];
        struct event e = { .type = EVENT_ERROR,
                           .channel = 1,
                           .play_id = "p",
                           .error = TUTTI_E_EXTRACTION_FAILED,
                           .message = rows[i].message };
        (void)snprintf(want, sizeof want,
                       "{\"type\":\"error\",\"channel_id\":\"1\",\"play_id\":\"p\","
                       "\"code\":\"extraction_failed\",\"message\":\"%s\"}\n",
                       rows[i].want);
        char *line = event_json_line(&e, NULL);
        assert_non_null(line);
        assert_string_equal(line, want);
        free(line);
    }
    struct session_info info = { .play_id = "p", .state = "paused", .url = "/a", .title = "a\xe9" };
    char *line = event_json_object_line(event_json_session(&info), NULL);
    assert_non_null(strstr(line, "\"title\":\"a?\""));
    free(line);
}

static void a_session_of_status(void **state)
{
    struct session_info info = {
        .channel = 5,
        .play_id = "p",
        .state = "streaming",
        .url = "/a",
        .position = 72000,
        .duration = NO_DURATION,
        .is_live = true,
        .lag = 72000,
        .volume = 1,
        .passthrough = true,
        .buffered = 240000,
        .underruns = 3,
    };
    char *line = event_json_object_line(event_json_session(&info), NULL);
    assert_string_equal(
        line, "{\"channel_id\":\"5\",\"play_id\":\"p\",\"state\":\"streaming\","
              "\"url\":\"/a\",\"position\":1.5,\"duration\":null,"
              "\"duration_kind\":\"unknown\",\"live\":true,\"lag\":1.5,\"volume\":1.0,"
              "\"passthrough\":true,\"seekable\":false,\"buffered\":5.0,\"underruns\":3}\n");
    free(line);
    struct session_info next = { .play_id = "n", .url = "/b" };
    info.next = info.pending = &next;
    info.seekable = true;
    info.title = "T";
    info.duration = (struct duration){ 96000, DURATION_EXACT };
    info.is_live = false;
    info.lag = -1;
    line = event_json_object_line(event_json_session(&info), "x");
    assert_string_equal(line, "{\"channel_id\":\"5\",\"play_id\":\"p\",\"state\":\"streaming\","
                              "\"url\":\"/a\",\"title\":\"T\",\"position\":1.5,\"duration\":2.0,"
                              "\"duration_kind\":\"exact\",\"live\":false,"
                              "\"volume\":1.0,\"passthrough\":true,\"seekable\":true,"
                              "\"pending\":{\"play_id\":\"n\",\"url\":\"/b\"},"
                              "\"next\":{\"play_id\":\"n\",\"url\":\"/b\"},\"buffered\":5.0,"
                              "\"underruns\":3,\"tag\":\"x\"}\n");
    free(line);
    assert_null(event_json_object_line(NULL, "x"));
}

static void seconds(void **state)
{
    static const struct {
        int64_t samples;
        double seconds;
    } rows[] = { { 0, 0 },     { 23, 0 },     { 24, 0.001 }, { 48, 0.001 },    { 47999, 1.0 },
                 { 48000, 1 }, { 71, 0.001 }, { 73, 0.002 }, { -48000, -1.0 }, { 4800, 0.1 } };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        json_t *v = event_json_seconds(rows[i].samples);
        assert_true(json_real_value(v) == rows[i].seconds);
        json_decref(v);
    }
    assert_int_equal(audio_samples(1.5), 72000);
    assert_int_equal(audio_samples(0.0000104), 0);
    assert_int_equal(audio_samples(0.0000105), 1);
    assert_int_equal(audio_samples(-0.0000105), -1);
    assert_true(audio_seconds(24000) == 0.5);
}

static void frame_head(void **state)
{
    static const uint8_t want[] = { 0, 0, 5, 7, 1, 2, 3, 4, 5, 6, 7, 8, 0xff, 0xfe, 0xfd, 0xfc };
    uint8_t head[FRAME_HEAD_BYTES];
    frame_put_head(head, UINT64_C(0x0102030405060708), 0xfffefdfc, 1275);
    assert_memory_equal(head, want, sizeof want);
    assert_int_equal(frame_size(head), FRAME_HEAD_BYTES + 1275);
    assert_true(frame_channel(head) == UINT64_C(0x0102030405060708));
    frame_put_head(head, UINT64_MAX, 0, 0);
    assert_int_equal(head[3], 12);
    assert_int_equal(frame_size(head), FRAME_HEAD_BYTES);
    assert_true(frame_channel(head) == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_lines),         cmocka_unit_test(text_that_is_not_utf8),
        cmocka_unit_test(a_session_of_status), cmocka_unit_test(seconds),
        cmocka_unit_test(frame_head),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
