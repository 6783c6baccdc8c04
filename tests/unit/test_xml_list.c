/* Names in lists that are XML, well-formed or not. */
#include "media/xml_list.h"
#include "unit.h"

static char got[4096];
static unsigned n_got;

static void on_name(const char *name, void *arg)
{
    assert_ptr_equal(arg, &n_got);
    (void)strcat(got, n_got++ ? " " : "");
    (void)strcat(got, name);
}

static const char *names_in(const char *text)
{
    got[0] = '\0';
    n_got = 0;
    xml_list_read(text, strlen(text), on_name, &n_got);
    return got;
}

static void every_kind(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        { "<playlist xmlns='http://xspf.org/ns/0/'><trackList><track><location> http://a/1 "
          "</location>"
          "<image>http://a/i</image></track><track><location>http://a/2</location></track>"
          "</trackList></playlist>",
          "http://a/1 http://a/2" },
        { "<asx version=\"3\"><entry><ref href=\"http://a/1\"/></entry><ENTRYREF "
          "HREF='http://a/2'/></asx>",
          "http://a/1 http://a/2" },
        { "<?wpl version='1'?><smil><body><seq><media src='a.mp3'/><audio "
          "src='b.mp3'/></seq></body></smil>",
          "a.mp3 b.mp3" },
        { "<WinampXML><playlist><entry Playstring='http://a/1'/></playlist></WinampXML>",
          "http://a/1" },
        { "<rss><channel><item><enclosure url='http://a/e.mp3' type='audio/mpeg'/></item><item>"
          "<enclosure url='http://a/cover.png' type='image/png'/></item></channel></rss>",
          "http://a/e.mp3" },
        { "<x:playlist xmlns:x='u'><x:location>http://a/&amp;b</x:location></x:playlist>",
          "http://a/&b" },
        { "<playlist><location><![CDATA[http://a/1?b&c]]></location></playlist>",
          "http://a/1?b&c" },
        { "<playlist><location>  </location><location/></playlist>", "" },
        { "", "" },
        { "no markup", "" },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++)
        ROW_TRUE(rows[i].text, strcmp(names_in(rows[i].text), rows[i].want) == 0);
}

/* As they are found in the wild: read as a browser reads a page. */
static void what_is_not_well_formed(void **state)
{
    assert_string_equal(names_in("<asx><entry><ref href=\"http://a/1?b&c\"><entry>"),
                        "http://a/1?b&c");
    assert_string_equal(names_in("<ASX><Entry><Ref href = http://a/1></asx>"), "http://a/1");
    /* What was found until the fault is not told twice. */
    assert_string_equal(names_in("<asx><ref href='1'/><ref href='2'></asx>"), "1 2");
}

/* Nothing is looked up, and a few bytes make no text without end. */
static void entities(void **state)
{
    const char *laughs = "<!DOCTYPE l [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;'>]>"
                         "<playlist><location>&b;</location></playlist>";
    assert_null(strstr(names_in(laughs), "haha"));
    const char *file = "<!DOCTYPE l [<!ENTITY f SYSTEM 'file:///etc/passwd'>]>"
                       "<playlist><location>&f;</location></playlist>";
    assert_null(strstr(names_in(file), "root"));
}

static void there_is_an_end(void **state)
{
    static char text[300000];
    size_t n = 0;
    n += (size_t)sprintf(text + n, "<playlist>");
    for (int i = 0; i < 100; i++)
        n += (size_t)sprintf(text + n, "<location>%d</location>", i);
    (void)sprintf(text + n, "</playlist>");
    (void)names_in(text);
    assert_int_equal(n_got, 64); /* the first ones */
    assert_memory_equal(got, "0 1 2 3", 7);
    /* A name that is too long is none, and the next one is read. */
    n = (size_t)sprintf(text, "<playlist><location>");
    memset(text + n, 'x', 200000);
    (void)strcpy(text + n + 200000, "</location><location>y</location></playlist>");
    assert_string_equal(names_in(text), "y");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind),
        cmocka_unit_test(what_is_not_well_formed),
        cmocka_unit_test(entities),
        cmocka_unit_test(there_is_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
