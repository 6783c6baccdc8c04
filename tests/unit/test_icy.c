/* Titles between the bytes of an internet radio. */
#include "fetch/icy.h"
#include "unit.h"

struct heard {
    char audio[256];
    size_t n;
    char titles[256];
};

static int hear_audio(const uint8_t *bytes, size_t len, void *arg)
{
    struct heard *h = arg;
    memcpy(h->audio + h->n, bytes, len);
    h->n += len;
    return 0;
}

static void hear_title(const char *title, void *arg)
{
    struct heard *h = arg;
    strcat(h->titles, title);
    strcat(h->titles, "|");
}

/* Whatever the pieces. */
static void icy_pieces(void **state)
{
    static const char stream[] = "0123\x01StreamTitle='A';"
                                 "4567\x00"
                                 "89ab\x02StreamTitle='it's';X='';\0\0\0\0\0\0\0\0"
                                 "cd";
    size_t len = sizeof stream - 1;
    for (size_t piece = 1; piece <= len; piece++) {
        struct heard h = { .n = 0 };
        struct icy icy;
        struct icy_ops ops = { hear_audio, hear_title, &h };
        icy_init(&icy, 4);
        for (size_t at = 0; at < len; at += piece) {
            size_t n = piece < len - at ? piece : len - at;
            assert_int_equal(icy_feed(&icy, (const uint8_t *)stream + at, n, &ops), 0);
        }
        assert_int_equal(h.n, 14);
        assert_memory_equal(h.audio, "0123456789abcd", 14);
        assert_string_equal(h.titles, "A|it's|");
    }
}

static void icy_titles(void **state)
{
    static const struct {
        const char *metadata, *title; /* NULL: none */
    } rows[] = {
        { "StreamTitle='A - B';StreamUrl='http://x';", "A - B" },
        { "StreamTitle='Rock 'n' Roll';", "Rock 'n' Roll" },
        { "streamtitle='low';", "low" },
        { "StreamUrl='x';StreamTitle='late';", "late" },
        { "StreamTitle='open", "open" },
        { "StreamTitle='no semicolon'", "no semicolon" },
        { "StreamTitle='';", "" },
        { "StreamTitle='Caf\xe9';", "Caf\xc3\xa9" },
        { "StreamTitle='Caf\xc3\xa9';", "Caf\xc3\xa9" },
        { "StreamTitle='a\tb\x01';", "a b " },
        { "StreamTitle='what?';", "what?" },
        { "Title='x';", NULL },
        { "", NULL },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        char title[ICY_TITLE_MAX + 1] = "unset";
        int r = icy_read_title(rows[i].metadata, title, sizeof title);
        ROW_TRUE(rows[i].metadata, r == (rows[i].title != NULL));
        if (rows[i].title)
            assert_string_equal(title, rows[i].title);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(icy_pieces),
        cmocka_unit_test(icy_titles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
