/* What is said of a play that is lost. */
#include "base/text.h"
#include "session/play.h"
#include "unit.h"

static char said[2 * WMSG_TEXT_MAX];

static void on_failed(struct play *p, enum tutti_error code, const char *why)
{
    (void)snprintf(said, sizeof said, "%s", why);
}

/* A worker's text of the full length lost its last byte, and with it the event its message. */
static void a_text_of_full_length_is_told(void **state)
{
    static const struct play_ops ops = { .failed = on_failed };
    static struct play p = { .ops = &ops };
    char text[WMSG_TEXT_MAX + 8];
    for (size_t n = WMSG_TEXT_MAX - 4; n <= WMSG_TEXT_MAX; n++) {
        memset(text, 'a', sizeof text);
        memcpy(text + n, "\xe2\x82\xac", 4);
        play_lose(&p, TUTTI_E_SOURCE_FAILED, text);
        assert_true(text_is_printable(said, strlen(said)));
        assert_int_equal(strlen(said), n + 3 <= WMSG_TEXT_MAX ? n + 3 : n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_text_of_full_length_is_told) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
