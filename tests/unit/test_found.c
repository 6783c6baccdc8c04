/* What yt-dlp says in, the stream to play out: tables of what pages may make it say. */
#include "extract/found.h"
#include "extract/formats.h"
#include "sandbox/relaxed.h"
#include "unit.h"

#include <sys/resource.h>
#include <sys/wait.h>

static enum tutti_error read_text(const char *json, struct found *f, const char **why)
{
    *f = (struct found){ .duration_s = -1 };
    *why = NULL;
    return found_read_text(json, strlen(json), f, why);
}

#define U "\"url\":\"https://a.example/"
#define OPUS "\"acodec\":\"opus\",\"vcodec\":\"none\",\"asr\":48000"
#define AAC "\"acodec\":\"mp4a.40.2\",\"vcodec\":\"none\",\"asr\":44100"
#define MUXED "\"acodec\":\"mp4a.40.2\",\"vcodec\":\"avc1\""

static void chooses(void **state)
{
    static const struct {
        const char *formats;
        const char *url; /* behind https://a.example/ */
    } rows[] = {
        { "{" U "1\"}", "1" },
        { "{" U "1\"},{" U "2\"}", "2" }, /* of equals the later, as yt-dlp sorts */
        { "{" U "o\"," OPUS ",\"abr\":70},{" U "a\"," AAC ",\"abr\":256}", "o" },
        { "{" U "o\"," OPUS ",\"abr\":160},{" U "p\"," OPUS ",\"abr\":70}", "o" },
        { "{" U "a\"," AAC "},{" U "o\",\"acodec\":\"opus\",\"vcodec\":\"none\",\"asr\":24000}",
          "o" }, /* not of 48 kHz: no better than the other, and later */
        { "{" U "a\"," AAC ",\"abr\":128},{" U "v\"," MUXED ",\"height\":720,\"abr\":256}", "a" },
        { "{" U "s\",\"acodec\":\"none\",\"vcodec\":\"none\"},{" U "v\"," MUXED "}", "v" },
        { "{" U "v\"," MUXED ",\"height\":720},{" U "w\"," MUXED ",\"height\":2160}", "v" },
        { "{" U "v\"," MUXED ",\"height\":720},{" U "w\"," MUXED ",\"height\":144}", "v" },
        { "{" U "a\"," AAC ",\"abr\":320},{" U "f\"," AAC ",\"abr\":128}", "a" },
        { "{" U "h\"," AAC ",\"abr\":160,\"protocol\":\"m3u8_native\"},{" U "m\"," AAC
          ",\"abr\":128,\"protocol\":\"https\"}",
          "m" },
        { "{" U "d\"," OPUS ",\"protocol\":\"http_dash_segments\"},{" U "m\"," AAC "}", "m" },
        { "{" U "o\"," OPUS ",\"language_preference\":-1},{" U "n\"," AAC
          ",\"language_preference\":10}",
          "n" }, /* the original language before a dubbed one */
        { "{" U "o\"," OPUS ",\"preference\":-10},{" U "n\"," AAC "}", "n" },
        { "{" U "o\"," OPUS ",\"has_drm\":true},{" U "n\"," AAC "}", "n" },
        { "{\"url\":5},null,[],{" U "n\"," AAC ",\"abr\":\"x\",\"asr\":[],\"height\":{}}", "n" },
        { "{" U "n\"," AAC ",\"abr\":1e300},{" U "m\"," AAC ",\"abr\":-1e300}", "n" },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        char json[2048], want[64];
        struct found f;
        const char *why;
        (void)snprintf(json, sizeof json, "{\"formats\":[%s]}", rows[i].formats);
        (void)snprintf(want, sizeof want, "https://a.example/%s", rows[i].url);
        ROW_TRUE(json, read_text(json, &f, &why) == TUTTI_OK);
        ROW_TRUE(json, strcmp(f.url, want) == 0);
        found_done(&f);
    }
}

static void reads_the_rest(void **state)
{
    struct found f;
    const char *why;
    assert_int_equal(
        read_text(
            "{\"title\":\"A\\nB\",\"duration\":212.5,\"thumbnail\":\"https://t.example/x.jpg\","
            "\"is_live\":false,\"http_headers\":{\"User-Agent\":\"x\"},\"formats\":[{" U
            "x?expire=1893456000&y=1\",\"http_headers\":{\"User-Agent\":\"Mozilla\","
            "\"Range\":\"bytes=0-\",\"host\":\"evil\",\"X-A\":\"1\\r\\nX-B: 2\",\"Bad name\":"
            "\"1\",\"Referer\":\"https://a.example/\",\"X-N\":5},\"cookies\":\"a=1; "
            "Domain=.a.example; Path=/; Secure; Expires=1893456000; b=\\\"2\\\"; "
            "Domain=a.example; Path=/\"}]}",
            &f, &why),
        TUTTI_OK);
    assert_string_equal(f.title, "A B");
    assert_true(f.duration_s == 212.5);
    assert_string_equal(f.thumbnail, "https://t.example/x.jpg");
    assert_false(f.is_live);
    assert_false(f.first_entry);
    assert_int_equal(f.expires_s, 1893456000);
    assert_string_equal(f.headers, "User-Agent: Mozilla\nReferer: https://a.example/\n"
                                   "Cookie: a=1; b=\"2\"\n");
    struct found copy;
    assert_int_equal(found_copy(&f, &copy), 0);
    assert_string_equal(copy.url, f.url);
    found_done(&copy);
    found_done(&f);
    found_done(&f);
}

/* The space that is put behind each ";" makes the line longer than what was read. */
static void cookies_without_spaces_grow(void **state)
{
    enum { COOKIES = 400 };
    char json[COOKIES * 2 + 128], want[COOKIES * 3 + 16], *at = json, *to = want;
    at += sprintf(at, "{" U "1\",\"cookies\":\"");
    to += sprintf(to, "Cookie: ");
    for (unsigned i = 0; i < COOKIES; i++) {
        at = stpcpy(at, i == 0 ? "a" : ";a");
        to = stpcpy(to, i == 0 ? "a" : "; a");
    }
    (void)stpcpy(at, "\"}");
    (void)stpcpy(to, "\n");
    struct found f;
    const char *why;
    assert_int_equal(read_text(json, &f, &why), TUTTI_OK);
    assert_string_equal(f.headers, want);
    found_done(&f);
}

static void lists(void **state)
{
    static const struct {
        const char *json;
        const char *url;
        bool first;
    } rows[] = {
        { "{\"entries\":[{" U "1\"},{" U "2\"}]}", "1", true },
        { "{\"entries\":[null,{" U "2\"}]}", "2", true },
        { "{\"entries\":[{" U "1\"}],\"playlist_count\":1}", "1", false },
        { "{\"entries\":[{" U "1\"}],\"playlist_count\":\"1\"}", "1", true },
        { "{\"entries\":[{\"entries\":[{\"entries\":[{" U "1\"}]}]}]}", "1", true },
        { "{" U "1\"}", "1", false },
        { "{\"requested_formats\":[{" U "v\",\"acodec\":\"none\"},{" U "a\"}]}", "a", false },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct found f;
        const char *why;
        ROW_TRUE(rows[i].json, read_text(rows[i].json, &f, &why) == TUTTI_OK);
        ROW_TRUE(rows[i].json, strcmp(f.url + strlen("https://a.example/"), rows[i].url) == 0);
        ROW_TRUE(rows[i].json, f.first_entry == rows[i].first);
        found_done(&f);
    }
}

static void refuses(void **state)
{
    static const struct {
        const char *json;
        const char *word; /* of the sentence */
    } rows[] = {
        { "", "understood" },
        { "null", "understood" },
        { "{", "understood" },
        { "[1]", "nothing" },
        { "{}", "no sound" },
        { "{\"url\":\"\"}", "no sound" },
        { "{\"entries\":[]}", "nothing" },
        { "{\"entries\":[null,null]}", "nothing" },
        { "{\"entries\":{\"a\":1}}", "nothing" },
        { "{\"entries\":[{\"entries\":[{\"entries\":[{\"entries\":[{\"entries\":[{" U
          "1\"}]}]}]}]}]}",
          "nothing" },
        { "{\"url\":\"file:///etc/passwd\"}", "http" },
        { "{\"url\":\"/etc/passwd\"}", "http" },
        { "{\"url\":\"ytsearch:a\"}", "http" },
        { "{\"url\":\"http://a\\nb/\"}", "http" },
        { "{\"url\":\"http://u:p@a/\"}", "http" },
        { "{\"url\":\"http://a/\\u0000b\"}", "http" },
        { "{\"url\":\"rtmp://a/\",\"protocol\":\"rtmp\"}", "not supported" },
        { "{" U "x\",\"has_drm\":true}", "DRM" },
        { "{\"live_status\":\"is_upcoming\"}", "not started" },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct found f;
        const char *why;
        enum tutti_error error = read_text(rows[i].json, &f, &why);
        if (strcmp(rows[i].json, "null") == 0) {
            assert_int_equal(error, TUTTI_E_EXTRACTION_FAILED);
            continue;
        }
        ROW_TRUE(rows[i].json, error == TUTTI_E_EXTRACTION_FAILED);
        ROW_TRUE(rows[i].json, why && strstr(why, rows[i].word));
        ROW_TRUE(rows[i].json, !f.url);
    }
}

static void odd_fields_count_as_missing(void **state)
{
    static const char *const extras[] = {
        "\"title\":7,\"duration\":\"5\",\"thumbnail\":[],\"http_headers\":[1]",
        "\"title\":\"\",\"duration\":-5,\"thumbnail\":\"javascript:x\",\"http_headers\":{\"A\":{}}",
        "\"duration\":1e30,\"thumbnail\":\"https://a b/\",\"cookies\":7",
        "\"title\":\"a\\u0000b\",\"duration\":0,\"cookies\":\"Domain=x; Path=/\"",
        "\"duration\":60,\"is_live\":true",
        "\"duration\":60,\"live_status\":\"is_live\"",
    };
    for (size_t i = 0; i < LENGTH_OF(extras); i++) {
        char json[512];
        struct found f;
        const char *why;
        (void)snprintf(json, sizeof json, "{" U "1\",%s}", extras[i]);
        ROW_TRUE(json, read_text(json, &f, &why) == TUTTI_OK);
        ROW_TRUE(json, !f.title && !f.thumbnail && f.duration_s == -1);
        ROW_TRUE(json, f.headers[0] == '\0');
        ROW_TRUE(json, f.is_live == (i >= 4));
        found_done(&f);
    }
}

/* ---- what a text may cost ---- */

enum { TEXT_MAX = 4 << 20, PEAK_MAX_KIB = 48 << 10 };

/* As often as it fits, in brackets. */
static char *repeat(const char *unit, size_t times, size_t *ret_len)
{
    size_t len = strlen(unit), n = 0;
    char *s = malloc(TEXT_MAX);
    assert_non_null(s);
    s[n++] = '[';
    for (; n + len + 2 <= TEXT_MAX && times > 0; times--, n += len)
        memcpy(s + n, unit, len);
    s[n++] = '0';
    s[n++] = ']';
    *ret_len = n;
    return s;
}

/* In a process of its own, whose memory tells what the text alone has cost: [KiB]. */
static long peak_of_reading(const char *s, size_t len)
{
    struct rusage before, after;
    int fds[2];
    long kib = -1;
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct found f;
        const char *why;
        (void)getrusage(RUSAGE_SELF, &before);
        if (found_read_text(s, len, &f, &why) == TUTTI_OK)
            _exit(1);
        (void)getrusage(RUSAGE_SELF, &after);
        kib = after.ru_maxrss - before.ru_maxrss;
        _exit(write(fds[1], &kib, sizeof kib) == sizeof kib ? 0 : 2);
    }
    (void)close(fds[1]);
    assert_int_equal(read(fds[0], &kib, sizeof kib), sizeof kib);
    (void)close(fds[0]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    return kib;
}

/* 4 MiB of "{},", took 310 MiB. Those of the second column are just as many as may be. */
static void a_text_costs_little_memory(void **state)
{
    static const struct {
        const char *unit;
        size_t most; /* of these are read */
    } rows[] = {
        { "{},", FOUND_VALUES_MAX / 2 - 1 },
        { "[],", FOUND_VALUES_MAX / 2 - 1 },
        { "0,", FOUND_VALUES_MAX - 2 },
        { "\"\",", FOUND_VALUES_MAX - 2 },
        { "{\"a\":1},", FOUND_VALUES_MAX / 2 - 1 },
        { "{\"\":{\"\":{\"\":{\"\":{\"\":\"\"}}}}},", FOUND_VALUES_MAX / 6 - 1 },
        { "[[[[[[[[[[]]]]]]]]]],", FOUND_VALUES_MAX / 11 - 1 },
    };
    if (sandbox_is_relaxed())
        skip(); /* a sanitizer's runtime has a use for memory of its own */
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        size_t all, fewer;
        char *s = repeat(rows[i].unit, SIZE_MAX, &all);
        ROW_TRUE(rows[i].unit, peak_of_reading(s, all) < 1024);
        free(s);
        s = repeat(rows[i].unit, rows[i].most, &fewer);
        ROW_TRUE(rows[i].unit, peak_of_reading(s, fewer) < PEAK_MAX_KIB);
        free(s);
    }
}

static enum tutti_error parse(const char *s, size_t len, const char **why)
{
    json_t *root = NULL;
    enum tutti_error error = found_parse(s, len, &root, why);
    json_decref(root);
    return error;
}

static void values_are_counted_outside_of_strings(void **state)
{
    static const struct {
        const char *unit;
        size_t most;
    } rows[] = {
        { "0,", FOUND_VALUES_MAX - 2 },
        { "{},", FOUND_VALUES_MAX / 2 - 1 },
        { "{\"a\":[[]]},", FOUND_VALUES_MAX / 4 - 1 },
        { "\"a,{[\",", FOUND_VALUES_MAX - 2 },
        { "\"\\\\\",", FOUND_VALUES_MAX - 2 },
        { "\"\\\"[[[\",", FOUND_VALUES_MAX - 2 },
    };
    const char *why;
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        size_t len;
        char *s = repeat(rows[i].unit, rows[i].most, &len);
        ROW_TRUE(rows[i].unit, parse(s, len, &why) == TUTTI_OK);
        free(s);
        s = repeat(rows[i].unit, rows[i].most + 2, &len);
        ROW_TRUE(rows[i].unit, parse(s, len, &why) == TUTTI_E_EXTRACTION_FAILED);
        ROW_TRUE(why, strstr(why, "too many parts"));
        free(s);
    }
    assert_int_equal(parse("\"\\", 2, &why), TUTTI_E_EXTRACTION_FAILED);
    assert_true(strstr(why, "understood") != NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chooses),
        cmocka_unit_test(reads_the_rest),
        cmocka_unit_test(cookies_without_spaces_grow),
        cmocka_unit_test(lists),
        cmocka_unit_test(refuses),
        cmocka_unit_test(odd_fields_count_as_missing),
        cmocka_unit_test(a_text_costs_little_memory),
        cmocka_unit_test(values_are_counted_outside_of_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
