/* The lines that a client may write on its audio connection. */
#include "proto/attach.h"
#include "unit.h"

#include <errno.h>

#define S64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void good_lines(void **state)
{
    static const struct {
        const char *line;
        struct attach_line want;
    } rows[] = {
        { "{\"type\":\"attach\",\"client\":\"abc\",\"flow\":\"paced\"}", { .client = "abc" } },
        { "{\"type\":\"attach\",\"client\":\"" S64 "\",\"flow\":\"credit\",\"later\":1}",
          { .client = S64, .credit_flow = true } },
        { "{\"type\":\"attach\",\"client\":\"abc\",\"flow\":\"paced\",\"marks\":true}",
          { .client = "abc", .marks = true } },
        { "{\"type\":\"attach\",\"client\":\"abc\",\"flow\":\"paced\",\"marks\":false}",
          { .client = "abc" } },
        { "{\"type\":\"credit\",\"channel_id\":\"18446744073709551615\",\"frames\":1}",
          { .is_credit = true, .channel = UINT64_MAX, .frames = 1 } },
        { " {\"frames\":1073741824,\"channel_id\":\"1\",\"type\":\"credit\"}\r",
          { .is_credit = true, .channel = 1, .frames = ATTACH_CREDIT_MAX } },
        { "{\"type\":\"credit\",\"channel_id\":\"1\",\"frames\":0}",
          { .is_credit = true, .channel = 1, .frames = 0 } },
        { "{\"type\":\"credit\",\"channel_id\":\"1\",\"frames\":2.5e1}",
          { .is_credit = true, .channel = 1, .frames = 25 } },
        { "{\"type\":\"credit\",\"channel_id\":\"1\",\"frames\":4294967297}",
          { .is_credit = true, .channel = 1, .frames = ATTACH_CREDIT_MAX } },
        { "{\"type\":\"credit\",\"channel_id\":\"1\",\"frames\":99999999999999999999}",
          { .is_credit = true, .channel = 1, .frames = ATTACH_CREDIT_MAX } },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct attach_line l = { .frames = 99 };
        const struct attach_line *want = &rows[i].want;
        ROW_TRUE(rows[i].line, attach_parse(rows[i].line, strlen(rows[i].line), &l) == 0);
        ROW_TRUE(rows[i].line, l.is_credit == want->is_credit);
        ROW_TRUE(rows[i].line, l.credit_flow == want->credit_flow);
        ROW_TRUE(rows[i].line, l.marks == want->marks);
        ROW_TRUE(rows[i].line, strcmp(l.client, want->client) == 0);
        ROW_TRUE(rows[i].line, l.channel == want->channel && l.frames == want->frames);
    }
}

static void bad_lines(void **state)
{
    static const char *const rows[] = {
        "",
        "attach",
        "[]",
        "{}",
        "null",
        "{\"type\":7}",
        "{\"type\":\"attach\",\"client\":\"abc\",\"flow\":\"paced\",\"marks\":1}",
        "{\"type\":\"detach\",\"client\":\"a\",\"flow\":\"paced\"}",
        "{\"type\":\"attach\"}",
        "{\"type\":\"attach\",\"client\":\"a\"}",
        "{\"type\":\"attach\",\"flow\":\"paced\"}",
        "{\"type\":\"attach\",\"client\":1,\"flow\":\"paced\"}",
        "{\"type\":\"attach\",\"client\":\"a\",\"flow\":\"fast\"}",
        "{\"type\":\"attach\",\"client\":\"a\",\"flow\":true}",
        "{\"type\":\"attach\",\"client\":\"" S64 "x\",\"flow\":\"paced\"}",
        "{\"type\":\"attach\",\"client\":\"a\",\"client\":\"b\",\"flow\":\"paced\"}",
        "{\"type\":\"attach\",\"client\":\"a\\u0000b\",\"flow\":\"paced\"}",
        "{\"type\":\"attach\",\"client\":\"\xff\",\"flow\":\"paced\"}",
        "{\"type\":\"credit\"}",
        "{\"type\":\"credit\",\"channel_id\":\"1\"}",
        "{\"type\":\"credit\",\"frames\":1}",
        "{\"type\":\"credit\",\"channel_id\":1,\"frames\":1}",
        "{\"type\":\"credit\",\"channel_id\":\"0\",\"frames\":1}",
        "{\"type\":\"credit\",\"channel_id\":\"1\",\"frames\":-1}",
        "{\"type\":\"credit\",\"channel_id\":\"1\",\"frames\":1.5}",
        "{\"type\":\"credit\",\"channel_id\":\"1\",\"frames\":true}",
        "{\"type\":\"credit\",\"channel_id\":\"1\",\"frames\":\"1\"}",
        "{\"type\":\"credit\",\"channel_id\":\"1\",\"frames\":null}",
        "{\"type\":\"credit\",\"channel_id\":\"1\",\"frames\":1}{}",
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct attach_line l = { .frames = 99 };
        ROW_TRUE(rows[i], attach_parse(rows[i], strlen(rows[i]), &l) == -EBADMSG);
        ROW_TRUE(rows[i], l.frames == 99); /* untouched */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_lines),
        cmocka_unit_test(bad_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
