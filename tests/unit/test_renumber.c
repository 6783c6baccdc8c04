/* Live lists of HLS whose numbers start over. */
#include "media/renumber.h"
#include "unit.h"

#include <libavutil/mem.h>
#include <stdlib.h>
#include <string.h>

#define HEAD "#EXTM3U\n#EXT-X-TARGETDURATION:2\n"
#define NUMBER "#EXT-X-MEDIA-SEQUENCE:"

static struct renumber state;

/* A list of the segments `names`, one letter each, from `number` on. Returns the number that its
 * reader sees. */
static long long give(long long number, const char *names)
{
    char text[1024];
    int n = snprintf(text, sizeof text, HEAD NUMBER "%lld\n", number);
    for (; *names; names++)
        n += snprintf(text + n, sizeof text - (size_t)n, "#EXTINF:2,\n%c.ts\n", *names);
    char *seen = renumber_text(&state, text);
    assert_non_null(seen);
    const char *tag = strstr(seen, NUMBER);
    assert_non_null(tag);
    long long r = strtoll(tag + strlen(NUMBER), NULL, 10);
    assert_null(strstr(tag + 1, NUMBER));
    av_free(seen);
    return r;
}

static int begin(void **s)
{
    state = (struct renumber){ 0 };
    return 0;
}

static void numbers_go_on(void **s)
{
    assert_int_equal(give(500, "abcd"), 500);
    assert_int_equal(give(501, "bcde"), 501);
    assert_int_equal(give(501, "bcde"), 501);
    assert_int_equal(give(900, "xyz"), 900);
}

static void they_start_over_with_the_same_segments(void **s)
{
    assert_int_equal(give(500, "abcd"), 500);
    assert_int_equal(give(0, "bcde"), 501);
    assert_int_equal(give(1, "cdef"), 502);
    assert_int_equal(give(0, "efgh"), 504); /* and again */
}

/* Once it could be an old list; twice it is none. */
static void they_start_over_with_others(void **s)
{
    assert_int_equal(give(500, "abcd"), 500);
    assert_int_equal(give(0, "xy"), 0);
    assert_int_equal(give(0, "xyz"), 504);
    assert_int_equal(give(1, "yzu"), 505);
}

static void an_old_list_is_none(void **s)
{
    assert_int_equal(give(500, "defg"), 500);
    assert_int_equal(give(498, "bcde"), 498);
    assert_int_equal(give(501, "efgh"), 501);
    assert_int_equal(give(400, "xyzu"), 400);
    assert_int_equal(give(502, "fghi"), 502);
    assert_int_equal(give(400, "xyzu"), 400);
    assert_int_equal(give(503, "ghij"), 503);
}

static void nonsense(void **s)
{
    assert_int_equal(give(-5, "a"), 0);
    for (int i = 0; i < 100; i++) {
        assert_true(give(INT64_MAX / 8, "abc") >= 0);
        assert_true(give(0, "x") >= 0);
        assert_true(give(0, "y") >= 0);
        assert_true(give(0, "") >= 0);
    }
}

/* The number is a part of the key, where that has no vector of its own. */
static void keys_keep_their_vectors(void **s)
{
    static const char text[] =
        HEAD NUMBER "1\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXTINF:2,\nb\n"
                    "#EXTINF:2,\nc\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\",IV=0x9\n"
                    "d\n#EXT-X-KEY:METHOD=NONE\ne\n";
    (void)give(700, "ab");
    char *seen = renumber_text(&state, text);
    assert_string_equal(
        seen, "#EXTM3U\n" NUMBER "1\n#EXT-X-TARGETDURATION:2\n"
              "#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXTINF:2,\nb\n#EXTINF:2,\nc\n"
              "#EXT-X-KEY:METHOD=AES-128,URI=\"k\",IV=0x9\nd\n#EXT-X-KEY:METHOD=NONE\ne\n");
    av_free(seen);
    seen = renumber_text(&state, text);
    assert_string_equal(
        seen, "#EXTM3U\n" NUMBER "702\n#EXT-X-TARGETDURATION:2\n"
              "#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXTINF:2,\n"
              "#EXT-X-KEY:METHOD=AES-128,URI=\"k\",IV=0x00000000000000000000000000000001\nb\n"
              "#EXTINF:2,\n"
              "#EXT-X-KEY:METHOD=AES-128,URI=\"k\",IV=0x00000000000000000000000000000002\nc\n"
              "#EXT-X-KEY:METHOD=AES-128,URI=\"k\",IV=0x9\nd\n#EXT-X-KEY:METHOD=NONE\ne\n");
    av_free(seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(numbers_go_on, begin),
        cmocka_unit_test_setup(they_start_over_with_the_same_segments, begin),
        cmocka_unit_test_setup(they_start_over_with_others, begin),
        cmocka_unit_test_setup(an_old_list_is_none, begin),
        cmocka_unit_test_setup(nonsense, begin),
        cmocka_unit_test_setup(keys_keep_their_vectors, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
