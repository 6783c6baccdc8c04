/* Which format of a page is played: what outweighs what. */
#include "extract/formats.h"
#include "unit.h"

#define SOUND "\"url\":\"http://a\",\"vcodec\":\"none\""

/* The format_id of the choice among these; NULL if there is none. */
static const char *choose(const char *formats, enum formats_result *ret, json_t **ret_info)
{
    const json_t *format = NULL;
    char text[2048];
    (void)snprintf(text, sizeof text, "{\"formats\":[%s]}", formats);
    *ret_info = json_loads(text, 0, NULL);
    assert_non_null(*ret_info);
    *ret = formats_choose(*ret_info, &format);
    return json_string_value(json_object_get(format, "format_id"));
}

static void what_is_better(void **state)
{
    /* In each row "b" is to be chosen, wherever it stands. */
    static const struct {
        const char *label, *worse, *better;
    } rows[] = {
        { "sound without pictures", "\"url\":\"http://a\",\"vcodec\":\"avc\"", SOUND },
        { "Opus before a higher rate", SOUND ",\"acodec\":\"aac\",\"abr\":320",
          SOUND ",\"acodec\":\"opus\",\"abr\":64" },
        { "but of 48 kHz", SOUND ",\"acodec\":\"opus\",\"asr\":44100,\"abr\":64",
          SOUND ",\"acodec\":\"aac\",\"abr\":128" },
        { "the original language", SOUND ",\"acodec\":\"opus\",\"language_preference\":-1",
          SOUND ",\"acodec\":\"aac\",\"language_preference\":10" },
        { "no preview", SOUND ",\"acodec\":\"opus\",\"preference\":-10",
          SOUND ",\"acodec\":\"mp3\",\"preference\":0" },
        { "a file before HLS", SOUND ",\"protocol\":\"m3u8_native\",\"abr\":256",
          SOUND ",\"protocol\":\"https\",\"abr\":128" },
        { "the higher rate", SOUND ",\"abr\":128", SOUND ",\"abr\":256" },
        { "a rate that is said as the whole", SOUND ",\"tbr\":96", SOUND ",\"tbr\":160" },
        { "pictures no larger than need be",
          "\"url\":\"http://a\",\"vcodec\":\"avc\",\"height\":2160",
          "\"url\":\"http://a\",\"vcodec\":\"avc\",\"height\":720" },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        for (int turned = 0; turned < 2; turned++) {
            enum formats_result r;
            json_t *info;
            char text[1024];
            (void)snprintf(text, sizeof text, "{\"format_id\":\"%s\",%s},{\"format_id\":\"%s\",%s}",
                           turned ? "b" : "w", turned ? rows[i].better : rows[i].worse,
                           turned ? "w" : "b", turned ? rows[i].worse : rows[i].better);
            const char *id = choose(text, &r, &info);
            ROW_TRUE(rows[i].label, r == FORMATS_FOUND && id && strcmp(id, "b") == 0);
            json_decref(info);
        }
    }
}

/* yt-dlp sorts the better ones behind. What is more than enough counts as much as enough. */
static void of_equals_the_later(void **state)
{
    enum formats_result r;
    json_t *info;
    assert_string_equal(choose("{\"format_id\":\"1\"," SOUND ",\"abr\":320},"
                               "{\"format_id\":\"2\"," SOUND ",\"abr\":9999}",
                               &r, &info),
                        "2");
    json_decref(info);
    assert_string_equal(choose("{\"format_id\":\"1\"," SOUND ",\"abr\":1e300},"
                               "{\"format_id\":\"2\"," SOUND ",\"abr\":320}",
                               &r, &info),
                        "2");
    json_decref(info);
}

static void why_there_is_none(void **state)
{
    static const struct {
        const char *formats;
        enum formats_result result;
    } rows[] = {
        { "", FORMATS_NONE },
        { "{" SOUND ",\"acodec\":\"none\"}", FORMATS_NONE },
        { "{\"vcodec\":\"none\"}", FORMATS_NONE },
        { "{\"url\":7}", FORMATS_NONE },
        { "null,3,\"x\",[]", FORMATS_NONE },
        { "{" SOUND ",\"has_drm\":true}", FORMATS_PROTECTED },
        { "{" SOUND ",\"protocol\":\"rtmp\"}", FORMATS_UNSUPPORTED },
        { "{" SOUND ",\"protocol\":\"rtmp\"},{" SOUND ",\"has_drm\":true}", FORMATS_PROTECTED },
        { "{" SOUND ",\"has_drm\":true},{" SOUND "}", FORMATS_FOUND },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        enum formats_result r;
        json_t *info;
        (void)choose(rows[i].formats, &r, &info);
        ROW_TRUE(rows[i].formats, r == rows[i].result);
        json_decref(info);
    }
}

static void a_page_that_is_its_only_format(void **state)
{
    const json_t *format = NULL;
    json_t *info = json_loads("{\"url\":\"http://a\",\"formats\":7}", 0, NULL);
    assert_int_equal(formats_choose(info, &format), FORMATS_FOUND);
    assert_ptr_equal(format, info);
    json_decref(info);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_better),
        cmocka_unit_test(of_equals_the_later),
        cmocka_unit_test(why_there_is_none),
        cmocka_unit_test(a_page_that_is_its_only_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
