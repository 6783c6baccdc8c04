/* Control lines: what each command may say, and what is refused with which sentence. */
#include "proto/command.h"
#include "unit.h"

#include <errno.h>

static int parse(const char *line, struct command *c, char why[COMMAND_REASON_MAX])
{
    why[0] = '\0';
    return command_parse(line, strlen(line), c, why);
}

static const struct {
    const char *line;
    enum command_type type;
    uint64_t channel;
    const char *tag, *play_id, *client, *url;
    double volume;
    int64_t position;
    bool paused, cut, next, keep_owner, keep, on;
} good[] = {
    { .line = "{\"type\":\"hello\"}", .type = COMMAND_HELLO },
    { .line = "{\"type\":\"hello\",\"client\":\"0123abc\",\"tag\":\"t\"}",
      .type = COMMAND_HELLO,
      .client = "0123abc",
      .tag = "t" },
    { .line = "{\"type\":\"play\",\"channel_id\":\"1\",\"url\":\"/a\"}",
      .type = COMMAND_PLAY,
      .channel = 1,
      .url = "/a",
      .volume = 1 },
    { .line =
          "{\"type\":\"play\",\"channel_id\":\"18446744073709551615\",\"url\":\"file:/\xc3\xa4\","
          "\"play_id\":\"p\",\"volume\":2,\"position\":1.5,\"paused\":true,\"cut\":true,\"next\":"
          "true,\"keep_owner\":true}",
      .type = COMMAND_PLAY,
      .channel = UINT64_MAX,
      .play_id = "p",
      .url = "file:/\xc3\xa4",
      .volume = 2,
      .position = 72000,
      .paused = true,
      .cut = true,
      .next = true,
      .keep_owner = true },
    { .line = "{\"type\":\"play\",\"channel_id\":\"7\",\"url\":\"/a\",\"volume\":0,\"position\":0,"
              "\"paused\":false,\"cut\":false,\"next\":false,\"tag\":\"\",\"play_id\":\"\"}",
      .type = COMMAND_PLAY,
      .channel = 7,
      .url = "/a",
      .play_id = "",
      .tag = "" },
    { .line = "{\"type\":\"pause\",\"channel_id\":\"1\"}", .type = COMMAND_PAUSE, .channel = 1 },
    { .line = "{\"type\":\"resume\",\"channel_id\":\"1\"}", .type = COMMAND_RESUME, .channel = 1 },
    { .line = "{\"type\":\"stop\",\"channel_id\":\"1\"}", .type = COMMAND_STOP, .channel = 1 },
    { .line = "{\"type\":\"stop\",\"channel_id\":\"1\",\"play_id\":\"p\"}",
      .type = COMMAND_STOP,
      .channel = 1,
      .play_id = "p" },
    { .line = "{\"type\":\"volume\",\"channel_id\":\"1\",\"level\":0.1,\"keep\":true}",
      .type = COMMAND_VOLUME,
      .channel = 1,
      .volume = 0.1,
      .keep = true },
    { .line = "{\"type\":\"volume\",\"channel_id\":\"1\",\"level\":0.5}",
      .type = COMMAND_VOLUME,
      .channel = 1,
      .volume = 0.5 },
    { .line = "{\"type\":\"volume\",\"channel_id\":\"1\",\"level\":0}",
      .type = COMMAND_VOLUME,
      .channel = 1 },
    { .line = "{\"type\":\"seek\",\"channel_id\":\"1\",\"position\":788400000}",
      .type = COMMAND_SEEK,
      .channel = 1,
      .position = INT64_C(788400000) * 48000 },
    { .line = "{\"type\":\"seek\",\"channel_id\":\"1\",\"position\":1e300}",
      .type = COMMAND_SEEK,
      .channel = 1,
      .position = INT64_C(788400000) * 48000 },
    { .line = "{\"type\":\"stats\",\"x\":99999999999999999999}", .type = COMMAND_STATS },
    { .line = "{\"type\":\"seek\",\"channel_id\":\"1\",\"position\":0.00001}",
      .type = COMMAND_SEEK,
      .channel = 1 },
    { .line = "{\"type\":\"status\"}", .type = COMMAND_STATUS },
    { .line = "{\"type\":\"status\",\"channel_id\":\"5\"}", .type = COMMAND_STATUS, .channel = 5 },
    { .line = "{\"type\":\"stats\"}", .type = COMMAND_STATS },
    { .line = "{\"type\":\"watch\",\"on\":true}", .type = COMMAND_WATCH, .on = true },
    { .line = "{\"type\":\"watch\",\"on\":false}", .type = COMMAND_WATCH },
    { .line = "{\"type\":\"connect\",\"channel_id\":\"1\",\"guild_id\":\"2\",\"user_id\":\"3\","
              "\"session_id\":\"s\",\"token\":\"t\",\"endpoint\":\"a.discord.media:443\"}",
      .type = COMMAND_CONNECT,
      .channel = 1 },
    { .line = "{\"type\":\"disconnect\",\"channel_id\":\"9\"}",
      .type = COMMAND_DISCONNECT,
      .channel = 9 },
    { .line = " \t{ \"unheard_of\" : [1, {}], \"type\" : \"stats\" } \r", .type = COMMAND_STATS },
    { .line = "{\"type\":\"stats\",\"tag\":\"\xf0\x9f\x8e\xb5\"}",
      .type = COMMAND_STATS,
      .tag = "\xf0\x9f\x8e\xb5" },
    { .line = "{\"type\":\"stats\",\"tag\":\"\\u00e4\"}",
      .type = COMMAND_STATS,
      .tag = "\xc3\xa4" },
};

static void every_command(void **state)
{
    bool seen[COMMAND_TYPE_COUNT] = { false };
    for (size_t i = 0; i < LENGTH_OF(good); i++) {
        struct command c;
        char why[COMMAND_REASON_MAX];
        const char *line = good[i].line;
        ROW_TRUE(line, parse(line, &c, why) == 0);
        ROW_TRUE(line, c.type == good[i].type);
        ROW_TRUE(line, c.channel == good[i].channel);
        ROW_TRUE(line, c.has_tag == (good[i].tag != NULL));
        ROW_TRUE(line, strcmp(c.tag, good[i].tag ? good[i].tag : "") == 0);
        ROW_TRUE(line, c.has_play_id == (good[i].play_id != NULL));
        ROW_TRUE(line, strcmp(c.play_id, good[i].play_id ? good[i].play_id : "") == 0);
        ROW_TRUE(line, strcmp(c.client, good[i].client ? good[i].client : "") == 0);
        ROW_TRUE(line, (c.url == NULL) == (good[i].url == NULL));
        ROW_TRUE(line, !c.url || strcmp(c.url, good[i].url) == 0);
        ROW_TRUE(line, c.volume == good[i].volume);
        ROW_TRUE(line, c.position == good[i].position);
        ROW_TRUE(line, c.paused == good[i].paused && c.cut == good[i].cut);
        ROW_TRUE(line, c.next == good[i].next && c.on == good[i].on);
        ROW_TRUE(line, c.keep_owner == good[i].keep_owner && c.keep == good[i].keep);
        ROW_TRUE(line, c.type != COMMAND_PLAY || c.has_volume == (strstr(line, "volume") != NULL));
        seen[c.type] = true;
        command_done(&c);
    }
    for (int i = 0; i < COMMAND_TYPE_COUNT; i++)
        assert_true(seen[i]);
}

#define CHANNEL "\"channel_id\":\"1\""
#define S16 "0123456789abcdef"
#define S64 S16 S16 S16 S16

static const struct {
    const char *line, *why;
} bad[] = {
    { "", "not a JSON object" },
    { "play", "not a JSON object" },
    { "{", "not a JSON object" },
    { "{\"type\":\"stats\"", "not a JSON object" },
    { "{\"type\":\"stats\"}}", "not a JSON object" },
    { "{\"type\":\"stats\"} x", "not a JSON object" },
    { "{\"type\":\"stats\"}{\"type\":\"stats\"}", "not a JSON object" },
    { "{'type':'stats'}", "not a JSON object" },
    { "{\"type\":\"stats\",}", "not a JSON object" },
    { "{\"type\":\"stats\",\"type\":\"hello\"}", "not a JSON object: duplicate" },
    { "{\"type\":\"stats\",\"x\":\"\xff\"}", "not a JSON object" },
    { "{\"type\":\"stats\",\"x\":\"\xed\xa0\x80\"}", "not a JSON object" },
    { "{\"type\":\"stats\",\"x\":\"\xc0\xaf\"}", "not a JSON object" },
    { "{\"type\":\"stats\",\"x\":\"\\ud800\"}", "not a JSON object" },
    { "{\"type\":\"stats\",\"x\":\"\\u0000\"}", "not a JSON object" },
    { "{\"type\":\"stats\",\"x\":1e999}", "not a JSON object" },
    { "{\"type\":\"stats\",\"x\":NaN}", "not a JSON object" },
    { "{\"type\":\"stats\",\"x\":+1}", "not a JSON object" },
    { "{\"type\":\"stats\",\"x\":01}", "not a JSON object" },
    { "[]", "not a JSON object" },
    { "[{\"type\":\"stats\"}]", "not a JSON object" },
    { "\"stats\"", "not a JSON object" },
    { "null", "not a JSON object" },
    { "{}", "\"type\" is missing" },
    { "{\"type\":1}", "\"type\" must be a string" },
    { "{\"type\":null}", "\"type\" must be a string" },
    { "{\"type\":\"\"}", "unknown command \"\"" },
    { "{\"type\":\"PLAY\"}", "unknown command \"PLAY\"" },
    { "{\"type\":\"stats \"}", "unknown command \"stats \"" },
    { "{\"type\":\"a\\nb\\u001b[2J\"}", "unknown command \"a b [2J\"" },
    { "{\"type\":\"" S64 "\"}", "unknown command \"" S16 },
    { "{\"type\":\"pause\"}", "\"channel_id\" is missing" },
    { "{\"type\":\"resume\"}", "\"channel_id\" is missing" },
    { "{\"type\":\"stop\"," CHANNEL ",\"play_id\":1}", "\"play_id\" must be" },
    { "{\"type\":\"volume\"," CHANNEL ",\"level\":1,\"keep\":1}", "\"keep\" must be" },
    { "{\"type\":\"stop\"}", "\"channel_id\" is missing" },
    { "{\"type\":\"volume\",\"level\":1}", "\"channel_id\" is missing" },
    { "{\"type\":\"seek\",\"position\":1}", "\"channel_id\" is missing" },
    { "{\"type\":\"play\",\"url\":\"/a\"}", "\"channel_id\" is missing" },
    { "{\"type\":\"pause\",\"channel_id\":1}", "\"channel_id\" must be a string" },
    { "{\"type\":\"pause\",\"channel_id\":null}", "\"channel_id\" must be a string" },
    { "{\"type\":\"pause\",\"channel_id\":\"\"}", "\"channel_id\" must be a string" },
    { "{\"type\":\"pause\",\"channel_id\":\"0\"}", "\"channel_id\" must be a string" },
    { "{\"type\":\"pause\",\"channel_id\":\"-1\"}", "\"channel_id\" must be a string" },
    { "{\"type\":\"pause\",\"channel_id\":\" 1\"}", "\"channel_id\" must be a string" },
    { "{\"type\":\"pause\",\"channel_id\":\"1a\"}", "\"channel_id\" must be a string" },
    { "{\"type\":\"pause\",\"channel_id\":\"18446744073709551616\"}", "\"channel_id\" must be" },
    { "{\"type\":\"status\",\"channel_id\":0}", "\"channel_id\" must be a string" },
    { "{\"type\":\"play\"," CHANNEL "}", "\"url\" is missing" },
    { "{\"type\":\"play\"," CHANNEL ",\"url\":\"\"}", "\"url\" must be a string" },
    { "{\"type\":\"play\"," CHANNEL ",\"url\":5}", "\"url\" must be a string" },
    { "{\"type\":\"play\"," CHANNEL ",\"url\":null}", "\"url\" must be a string" },
    { "{\"type\":\"play\"," CHANNEL ",\"url\":\"/a\",\"volume\":2.001}", "\"volume\" must be" },
    { "{\"type\":\"play\"," CHANNEL ",\"url\":\"/a\",\"volume\":-0.1}", "\"volume\" must be" },
    { "{\"type\":\"play\"," CHANNEL ",\"url\":\"/a\",\"volume\":\"1\"}", "\"volume\" must be" },
    { "{\"type\":\"play\"," CHANNEL ",\"url\":\"/a\",\"volume\":null}", "\"volume\" must be" },
    { "{\"type\":\"play\"," CHANNEL ",\"url\":\"/a\",\"position\":-1}", "\"position\" must be" },
    { "{\"type\":\"play\"," CHANNEL ",\"url\":\"/a\",\"paused\":1}", "\"paused\" must be" },
    { "{\"type\":\"play\"," CHANNEL ",\"url\":\"/a\",\"cut\":\"yes\"}", "\"cut\" must be" },
    { "{\"type\":\"play\"," CHANNEL ",\"url\":\"/a\",\"keep_owner\":1}", "\"keep_owner\" must be" },
    { "{\"type\":\"play\"," CHANNEL ",\"url\":\"/a\",\"next\":null}", "\"next\" must be" },
    { "{\"type\":\"play\"," CHANNEL ",\"url\":\"/a\",\"play_id\":5}", "\"play_id\" must be" },
    { "{\"type\":\"play\"," CHANNEL ",\"url\":\"/a\",\"play_id\":\"" S64 "x\"}",
      "\"play_id\" must" },
    { "{\"type\":\"hello\",\"client\":7}", "\"client\" must be" },
    { "{\"type\":\"volume\"," CHANNEL "}", "\"level\" is missing" },
    { "{\"type\":\"volume\"," CHANNEL ",\"level\":3}", "\"level\" must be a number from 0 to 2" },
    { "{\"type\":\"volume\"," CHANNEL ",\"level\":true}", "\"level\" must be a number" },
    { "{\"type\":\"seek\"," CHANNEL "}", "\"position\" is missing" },
    { "{\"type\":\"seek\"," CHANNEL ",\"position\":-99999999999999999999}",
      "\"position\" must be a number that is not negative" },
    { "{\"type\":\"watch\"}", "\"on\" is missing" },
    { "{\"type\":\"watch\",\"on\":\"true\"}", "\"on\" must be true or false" },
    { "{\"type\":\"stats\",\"tag\":5}", "\"tag\" must be" },
    { "{\"type\":\"stats\",\"tag\":\"" S64 "x\"}", "\"tag\" must be a string of at most 64" },
    /* The first complaint stays. */
    { "{\"type\":\"play\",\"volume\":9,\"paused\":9}", "\"channel_id\" is missing" },
};

static void every_refusal(void **state)
{
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        struct command c;
        char why[COMMAND_REASON_MAX];
        ROW_TRUE(bad[i].line, parse(bad[i].line, &c, why) == -EBADMSG);
        if (strncmp(why, bad[i].why, strlen(bad[i].why)) != 0)
            print_error("said: %s\n", why);
        ROW_TRUE(bad[i].line, strncmp(why, bad[i].why, strlen(bad[i].why)) == 0);
        ROW_TRUE(bad[i].line, c.url == NULL); /* there is nothing to free */
    }
}

/* Whoever sent a bad command should be able to tell which one it was. */
static void a_refusal_keeps_what_identifies_it(void **state)
{
    struct command c;
    char why[COMMAND_REASON_MAX];
    assert_int_equal(
        parse("{\"type\":\"play\",\"channel_id\":\"9\",\"play_id\":\"p\",\"tag\":\"t\","
              "\"url\":\"/a\",\"volume\":5}",
              &c, why),
        -EBADMSG);
    assert_true(c.has_tag);
    assert_string_equal(c.tag, "t");
    assert_true(c.has_play_id);
    assert_string_equal(c.play_id, "p");
    assert_int_equal(c.channel, 9);
    assert_int_equal(parse("{\"type\":\"fly\",\"tag\":\"t\"}", &c, why), -EBADMSG);
    assert_true(c.has_tag);
    assert_string_equal(c.tag, "t");
}

/* Tags and play ids are the client's own: whatever JSON can say comes back as it was. */
static void strings_may_hold_any_text(void **state)
{
    struct command c;
    char why[COMMAND_REASON_MAX];
    assert_int_equal(parse("{\"type\":\"play\"," CHANNEL
                           ",\"url\":\"/a\\nb\\u007f\",\"tag\":\"\\u0001\\t\","
                           "\"play_id\":\"\\ud83c\\udfb5\\\\\"}",
                           &c, why),
                     0);
    assert_string_equal(c.url, "/a\nb\x7f");
    assert_string_equal(c.tag, "\x01\t");
    assert_string_equal(c.play_id, "\xf0\x9f\x8e\xb5\\");
    command_done(&c);
    /* A client id that is too long to be one is nobody's, and no error. */
    assert_int_equal(parse("{\"type\":\"hello\",\"client\":\"" S64 "x\"}", &c, why), 0);
    assert_string_equal(c.client, "");
}

static void limits_are_inclusive(void **state)
{
    struct command c;
    char why[COMMAND_REASON_MAX];
    assert_int_equal(parse("{\"type\":\"play\"," CHANNEL ",\"url\":\"/a\",\"tag\":\"" S64
                           "\",\"play_id\":\"" S64 "\"}",
                           &c, why),
                     0);
    assert_string_equal(c.tag, S64);
    assert_string_equal(c.play_id, S64);
    command_done(&c);
    assert_null(c.url);
    command_done(&c);
    assert_int_equal(parse("{\"type\":\"hello\",\"client\":\"" S64 "\"}", &c, why), 0);
    assert_string_equal(c.client, S64);
}

/* A line as long as the server lets through, and one that nests without end. */
static void long_and_deep_lines(void **state)
{
    struct command c;
    char why[COMMAND_REASON_MAX];
    char *line = malloc(COMMAND_LINE_MAX + 1);
    assert_non_null(line);
    int n = snprintf(line, COMMAND_LINE_MAX, "{\"type\":\"play\"," CHANNEL ",\"url\":\"/");
    memset(line + n, 'a', (size_t)(COMMAND_LINE_MAX - n));
    memcpy(line + COMMAND_LINE_MAX - 2, "\"}", 2);
    assert_int_equal(command_parse(line, COMMAND_LINE_MAX, &c, why), 0);
    assert_int_equal(strlen(c.url), COMMAND_LINE_MAX - n - 1);
    command_done(&c);
    for (int kind = 0; kind < 2; kind++) {
        size_t len = 0;
        while (len + 8 < COMMAND_LINE_MAX)
            len += (size_t)sprintf(line + len, "%s", kind ? "[" : "{\"a\":");
        assert_int_equal(command_parse(line, len, &c, why), -EBADMSG);
        assert_null(c.url);
    }
    free(line);
}

/* The line is not terminated: nothing behind its length is read. */
static void length_is_kept(void **state)
{
    static const char text[] = "{\"type\":\"stats\"}garbage";
    struct command c;
    char why[COMMAND_REASON_MAX];
    assert_int_equal(command_parse(text, 16, &c, why), 0);
    assert_int_equal(command_parse(text, 15, &c, why), -EBADMSG);
    assert_int_equal(command_parse("{\"type\":\"stats\"}\0", 17, &c, why), -EBADMSG);
}

static void channels(void **state)
{
    static const struct {
        const char *text;
        uint64_t channel; /* 0: refused */
    } rows[] = {
        { "1", 1 },
        { "007", 7 },
        { "18446744073709551615", UINT64_MAX },
        { "18446744073709551616", 0 },
        { "18446744073709551620", 0 },
        { "99999999999999999999", 0 },
        { "100000000000000000000", 0 },
        { "00000000000000000000", 0 },
        { "0", 0 },
        { "", 0 },
        { "+1", 0 },
        { "1 ", 0 },
        { "0x1", 0 },
        { "1.0", 0 },
        { "\xd9\xa1", 0 }, /* a digit, but an Arabic one */
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        uint64_t channel = 4711;
        int r = channel_parse(rows[i].text, &channel);
        ROW_TRUE(rows[i].text, r == (rows[i].channel ? 0 : -EINVAL));
        ROW_TRUE(rows[i].text, channel == (rows[i].channel ? rows[i].channel : 4711));
    }
}

static void credentials_of_a_call(void **state)
{
#define CONNECT "{\"type\":\"connect\",\"channel_id\":\"1\",\"guild_id\":\"2\","
#define USER "\"user_id\":\"3\",\"session_id\":\"s\",\"token\":\"t\",\"endpoint\":\"e\""
    static const char *const refused[] = {
        "{\"type\":\"connect\",\"channel_id\":\"1\"," USER "}",
        CONNECT "\"user_id\":3,\"session_id\":\"s\",\"token\":\"t\",\"endpoint\":\"e\"}",
        CONNECT "\"user_id\":\"3\",\"session_id\":\"\",\"token\":\"t\",\"endpoint\":\"e\"}",
        CONNECT "\"user_id\":\"3\",\"session_id\":\"s\",\"endpoint\":\"e\"}",
        CONNECT "\"user_id\":\"3\",\"session_id\":\"s\",\"token\":\"\\n\",\"endpoint\":\"e\"}",
        CONNECT "\"user_id\":\"3\",\"session_id\":\"s\",\"token\":\"t\",\"endpoint\":null}",
        CONNECT USER ",\"voice_channel_id\":\"0\"}",
    };
    struct command c;
    char why[COMMAND_REASON_MAX];
    assert_int_equal(parse(CONNECT USER "}", &c, why), 0);
    assert_int_equal(c.voice.guild, 2);
    assert_int_equal(c.voice.user, 3);
    assert_int_equal(c.voice.channel, 1); /* where nothing else is said */
    assert_string_equal(c.voice.session_id, "s");
    assert_string_equal(c.voice.token, "t");
    assert_string_equal(c.voice.endpoint, "e");
    assert_int_equal(parse(CONNECT USER ",\"voice_channel_id\":\"8\"}", &c, why), 0);
    assert_int_equal(c.voice.channel, 8);
    for (size_t i = 0; i < LENGTH_OF(refused); i++)
        ROW_TRUE(refused[i], parse(refused[i], &c, why) < 0);
#undef USER
#undef CONNECT
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command),
        cmocka_unit_test(credentials_of_a_call),
        cmocka_unit_test(every_refusal),
        cmocka_unit_test(a_refusal_keeps_what_identifies_it),
        cmocka_unit_test(strings_may_hold_any_text),
        cmocka_unit_test(limits_are_inclusive),
        cmocka_unit_test(long_and_deep_lines),
        cmocka_unit_test(length_is_kept),
        cmocka_unit_test(channels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
