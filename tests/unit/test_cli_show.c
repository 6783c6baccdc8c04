/* The table of sessions: what a terminal of so many columns shows. */
#include "cli/show.h"
#include "unit.h"

static char *table(int columns, const char *sessions)
{
    char *text = NULL;
    size_t len;
    char answer[4096];
    (void)snprintf(answer, sizeof answer, "{\"sessions\":[%s]}", sessions);
    json_t *status = json_loads(answer, 0, NULL);
    FILE *out = open_memstream(&text, &len);
    assert_non_null(status);
    assert_non_null(out);
    (void)show_sessions(out, status, columns, 0, "\n");
    assert_int_equal(fclose(out), 0);
    json_decref(status);
    return text;
}

static const char one[] =
    "{\"channel_id\":\"1234567890123456789\",\"state\":\"streaming\",\"title\":"
    "\"A title of some length\",\"position\":72.5,\"duration\":184,"
    "\"volume\":0.35,\"buffered\":4.96,\"underruns\":3}";

static void eighty_columns_have_title_and_volume(void **state)
{
    char *text = table(80, one);
    assert_string_equal(text,
                        "CHANNEL             STATE        POSITION BUFFER  VOL  TITLE\n"
                        "1234567890123456789 streaming 1:12 / 3:04   5.0s  35%  A title of some "
                        "length\n");
    free(text);
}

static void a_wide_terminal_has_everything(void **state)
{
    char *text = table(120, one);
    assert_string_equal(
        text,
        "CHANNEL             STATE                         POSITION BUFFER UNDERR  VOL  TITLE\n"
        "1234567890123456789 streaming [=====>        ] 1:12 / 3:04   5.0s      3  35%  A "
        "title of some length\n");
    free(text);
}

/* Whatever it is, no line is wider than the terminal. */
static void nothing_overflows(void **state)
{
    for (int columns = 1; columns < 130; columns++) {
        char *text = table(columns, one);
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
            assert_true(strlen(line) <= (size_t)columns);
        free(text);
    }
}

static void channels_are_in_order(void **state)
{
    char *text = table(80, "{\"channel_id\":\"10\",\"state\":\"paused\",\"url\":\"/b\"},"
                           "{\"channel_id\":\"9\",\"state\":\"paused\",\"url\":\"/a\"}");
    assert_true(strstr(text, "/a") < strstr(text, "/b"));
    assert_non_null(strstr(text, "0:00 / -:--"));
    free(text);
    text = table(80, "");
    assert_string_equal(text, "nothing plays\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eighty_columns_have_title_and_volume),
        cmocka_unit_test(a_wide_terminal_has_everything),
        cmocka_unit_test(nothing_overflows),
        cmocka_unit_test(channels_are_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
