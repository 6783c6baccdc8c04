/* What is a station, by all that is known of it. */
#include "fetch/live.h"
#include "unit.h"

#include <string.h>

enum { MB = 1 << 20 };

static void a_table_of_cases(void **state)
{
    static const struct {
        const char *name;
        struct live_facts facts;
        enum live_verdict verdict;
    } rows[] = {
        { "Icecast", { .is_icy = true, .length = -1, .container = LIVE_FRAMES }, LIVE_YES },
        { "its first answer", { .is_icy = true, .length = -1 }, LIVE_YES },
        { "with an invented length",
          { .is_icy = true, .length = 8640LL * 1000000, .container = LIVE_FRAMES },
          LIVE_YES },
        { "a file with titles", { .is_icy = true, .length = 5 * MB }, LIVE_PERHAPS },
        { "… fetched fast",
          { .is_icy = true, .length = 5 * MB, .flowed_ms = 20000, .waited_ms = 100 },
          LIVE_PERHAPS },
        { "… at its own pace",
          { .is_icy = true, .length = 99 * MB, .flowed_ms = 3000, .waited_ms = 2500 },
          LIVE_YES },
        { "… of which parts are given",
          { .is_icy = true, .gives_parts = true, .length = -1 },
          LIVE_NO },
        { "… with tags", { .is_icy = true, .length = 5 * MB, .container = LIVE_FILE }, LIVE_NO },
        { "a file", { .gives_parts = true, .length = 5 * MB }, LIVE_NO },
        { "a file without ranges", { .length = 5 * MB, .container = LIVE_FRAMES }, LIVE_NO },
        { "… on a slow line",
          { .length = 5 * MB, .flowed_ms = 60000, .waited_ms = 60000 },
          LIVE_NO },
        { "a large file with ranges",
          { .gives_parts = true, .length = 3000LL * MB, .container = LIVE_FRAMES },
          LIVE_NO },
        { "a large WAV without ranges",
          { .length = 3000LL * MB, .container = LIVE_FILE, .flowed_ms = 60000, .waited_ms = 60000 },
          LIVE_NO },
        { "an invented length without more",
          { .length = INT32_MAX, .container = LIVE_FRAMES },
          LIVE_PERHAPS },
        { "… at its own pace",
          { .length = INT32_MAX, .container = LIVE_FRAMES, .flowed_ms = 3500, .waited_ms = 3000 },
          LIVE_YES },
        { "no length, no headers", { .length = -1, .container = LIVE_FRAMES }, LIVE_PERHAPS },
        { "… for a while",
          { .length = -1, .container = LIVE_FRAMES, .flowed_ms = 7000, .waited_ms = 7000 },
          LIVE_PERHAPS },
        { "… at its own pace",
          { .length = -1, .container = LIVE_FRAMES, .flowed_ms = 8000, .waited_ms = 6000 },
          LIVE_YES },
        { "… faster than it is heard",
          { .length = -1, .container = LIVE_FRAMES, .flowed_ms = 60000, .waited_ms = 900 },
          LIVE_PERHAPS },
        { "… behind a list",
          { .is_entry = true, .length = -1, .flowed_ms = 4000, .waited_ms = 3000 },
          LIVE_YES },
        { "… that brings other bytes the second time",
          { .is_entry = true, .length = -1, .differs = true },
          LIVE_YES },
        { "what has changed", { .length = -1, .differs = true }, LIVE_PERHAPS },
        { "an MP4 that is made as it is sent",
          { .length = -1, .container = LIVE_FILE, .flowed_ms = 60000, .waited_ms = 50000 },
          LIVE_NO },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++)
        ROW_TRUE(rows[i].name, live_judge(&rows[i].facts) == rows[i].verdict);
}

static void first_bytes(void **state)
{
    static const struct {
        const char bytes[40];
        size_t len;
        enum live_container container;
    } rows[] = {
        { "\0\0\0\x20"
          "ftypM4A ",
          12, LIVE_FILE },
        { "RIFF....WAVE", 12, LIVE_FILE },
        { "fLaC\0\0\0\x22", 8, LIVE_FILE },
        { "ID3\4\0\0\0\0", 8, LIVE_FILE },
        { "\xff\xfb\x94\0............Xing", 20, LIVE_FILE },
        { "\xff\xfb\x94\0................", 20, LIVE_FRAMES },
        { "OggS\0\2\0\0", 8, LIVE_FRAMES },
        { "\x47\x40\0\x10\0\0\0\0", 8, LIVE_FRAMES },
        { "any Info there", 14, LIVE_FRAMES },
        { "ID3", 3, LIVE_UNSEEN },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++)
        assert_int_equal(live_look((const uint8_t *)rows[i].bytes, rows[i].len), rows[i].container);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_of_cases),
        cmocka_unit_test(first_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
