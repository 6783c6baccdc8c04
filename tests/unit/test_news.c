/* News: who hears an event, how often, in which order, and how often it is written for that. */
#include "loop.h"
#include "owner/news.h"

enum { EARS = 5, FORMS = 2 };

struct test_ear {
    struct ear ear;
    unsigned n_heard, n_answers;
    char last[32];
    char order[64]; /* the play of each event */
};

static struct {
    uv_loop_t loop;
    struct news news;
    struct front fronts[FORMS];
    struct test_ear ears[EARS];
    unsigned n_written[FORMS];
    bool no_memory;
    struct test_ear *leaves; /* when it hears something */
    bool is_slow;
} f;

static struct test_ear *from_ear(struct ear *ear)
{
    return (struct test_ear *)ear; /* its first member */
}

static char *format(const struct event *e, size_t *ret_len, unsigned form)
{
    f.n_written[form]++;
    char *bytes = f.no_memory ? NULL : malloc(32);
    if (bytes)
        *ret_len = (size_t)snprintf(bytes, 32, "%u: %s", form, e->play_id);
    return bytes;
}

static char *format_first(const struct event *e, size_t *ret_len)
{
    return format(e, ret_len, 0);
}

static char *format_second(const struct event *e, size_t *ret_len)
{
    return format(e, ret_len, 1);
}

/* The ticket's number is that of the ear; one too many is one that is gone. */
static struct ear *on_answer(struct front *front, const struct ticket *ticket,
                             const struct event *e)
{
    if (ticket->number >= EARS)
        return NULL;
    struct test_ear *t = &f.ears[ticket->number];
    assert_ptr_equal(t->ear.front, front);
    t->n_answers++;
    return &t->ear;
}

static void on_event(struct ear *ear, const char *bytes, size_t len)
{
    struct test_ear *t = from_ear(ear);
    t->n_heard++;
    (void)snprintf(t->last, sizeof t->last, "%.*s", bytes ? (int)len : 7,
                   bytes ? bytes : "nothing");
    if (bytes && strlen(t->order) < sizeof t->order - 1)
        (void)strncat(t->order, bytes + 3, 1);
    for (uint64_t end_ns = uv_hrtime() + 20000; f.is_slow && uv_hrtime() < end_ns;)
        ;
    if (t == f.leaves)
        news_unsubscribe(&f.news, ear);
}

static int set_up(void **state)
{
    static const struct front_ops ops[FORMS] = {
        { .format = format_first, .answer = on_answer, .event = on_event },
        { .format = format_second, .answer = on_answer, .event = on_event },
    };
    memset(&f, 0, sizeof f);
    assert_int_equal(uv_loop_init(&f.loop), 0);
    news_init(&f.news, &f.loop);
    for (size_t i = 0; i < FORMS; i++)
        f.fronts[i].ops = &ops[i];
    for (size_t i = 0; i < EARS; i++)
        f.ears[i].ear.front = &f.fronts[i % FORMS];
    return 0;
}

static int tear_down(void **state)
{
    for (size_t i = 0; i < EARS; i++)
        news_unsubscribe(&f.news, &f.ears[i].ear);
    news_done(&f.news);
    loop_end(&f.loop);
    return 0;
}

static void say(const char *play_id, struct test_ear *owner, struct test_ear *has_heard)
{
    struct event e = { .type = EVENT_TITLE, .play_id = play_id };
    news_tell(&f.news, &e, owner ? &owner->ear : NULL, has_heard ? &has_heard->ear : NULL);
}

static void run_loop(void)
{
    while (uv_is_active((uv_handle_t *)&f.news.idle))
        (void)uv_run(&f.loop, UV_RUN_NOWAIT);
}

static void tell(struct test_ear *owner, struct test_ear *has_heard)
{
    for (size_t i = 0; i < EARS; i++)
        f.ears[i].n_heard = 0;
    memset(f.n_written, 0, sizeof f.n_written);
    say("p", owner, has_heard);
    run_loop();
}

/* Expects how often each ear has heard it, as digits. */
static void expect(const char *heard)
{
    char got[EARS + 1] = "";
    for (size_t i = 0; i < EARS; i++)
        got[i] = (char)('0' + f.ears[i].n_heard);
    assert_string_equal(got, heard);
}

static void to_each_once(void **state)
{
    tell(NULL, NULL);
    expect("00000");
    tell(&f.ears[1], NULL);
    expect("01000");
    tell(&f.ears[1], &f.ears[1]);
    expect("00000");
    for (size_t i = 0; i < EARS; i++)
        news_subscribe(&f.news, &f.ears[i].ear);
    news_subscribe(&f.news, &f.ears[0].ear); /* it has already */
    tell(NULL, NULL);
    expect("11111");
    tell(&f.ears[1], &f.ears[2]);
    expect("11011");
    tell(&f.ears[1], &f.ears[1]);
    expect("10111");
    news_unsubscribe(&f.news, &f.ears[0].ear);
    news_unsubscribe(&f.news, &f.ears[0].ear);
    tell(&f.ears[1], NULL);
    expect("01111");
    assert_string_equal(f.ears[1].last, "1: p");
    assert_string_equal(f.ears[2].last, "0: p");
}

/* However many hear it. */
static void written_once_a_form(void **state)
{
    tell(NULL, NULL);
    assert_int_equal(f.n_written[0] + f.n_written[1], 0);
    tell(&f.ears[0], NULL);
    assert_int_equal(f.n_written[0], 1);
    assert_int_equal(f.n_written[1], 0);
    for (size_t i = 0; i < EARS; i++)
        news_subscribe(&f.news, &f.ears[i].ear);
    tell(&f.ears[0], NULL);
    assert_int_equal(f.n_written[0], 1);
    assert_int_equal(f.n_written[1], 1);
}

static void without_memory(void **state)
{
    f.no_memory = true;
    news_subscribe(&f.news, &f.ears[2].ear);
    tell(&f.ears[0], NULL);
    expect("10100");
    assert_string_equal(f.ears[2].last, "nothing");
}

static void one_leaves_as_it_hears(void **state)
{
    for (size_t i = 0; i < EARS; i++)
        news_subscribe(&f.news, &f.ears[i].ear);
    f.leaves = &f.ears[2];
    tell(NULL, NULL);
    expect("11111");
    tell(NULL, NULL);
    expect("11011");
}

static void answers(void **state)
{
    struct event e = { .type = EVENT_PAUSED, .play_id = "p" };
    struct ticket ticket = { .front = &f.fronts[1], .number = 3 };
    assert_ptr_equal(news_answer(&e, &ticket), &f.ears[3].ear);
    assert_int_equal(f.ears[3].n_answers, 1);
    ticket.number = EARS;
    assert_null(news_answer(&e, &ticket));
}

/* What an owner hears at once, subscribers are told from the loop, few a turn. */
static void subscribers_are_told_from_the_loop(void **state)
{
    for (size_t i = 0; i < EARS; i++)
        news_subscribe(&f.news, &f.ears[i].ear);
    f.is_slow = true;
    say("p", &f.ears[0], NULL);
    expect("10000");
    (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    assert_int_equal(f.ears[EARS - 1].n_heard, 0);
    run_loop();
    expect("11111");
}

/* However an ear hears them: as subscriber, as owner, as the one who asked. */
static void in_order(void **state)
{
    struct ear *ear = &f.ears[0].ear;
    news_subscribe(&f.news, ear);
    news_subscribe(&f.news, &f.ears[1].ear);
    say("a", NULL, NULL);
    say("b", &f.ears[0], NULL);
    say("c", NULL, NULL);
    news_catch_up(&f.news, ear);
    assert_string_equal(f.ears[0].order, "abc");
    say("d", NULL, &f.ears[0]); /* it has answered this one */
    say("e", NULL, NULL);
    run_loop();
    assert_string_equal(f.ears[0].order, "abce");
    assert_string_equal(f.ears[1].order, "abcde");
    say("f", NULL, NULL);
    news_unsubscribe(&f.news, ear); /* what it was not told it never is */
    news_subscribe(&f.news, ear);
    say("g", NULL, NULL);
    run_loop();
    assert_string_equal(f.ears[0].order, "abceg");
    assert_string_equal(f.ears[1].order, "abcdefg");
}

/* A loop that has no time for them does not let news grow without end. */
static void too_much_is_told_at_once(void **state)
{
    enum { N = NEWS_KEPT_BYTES / 8 };
    news_subscribe(&f.news, &f.ears[0].ear);
    for (int i = 0; i < N; i++)
        say("p", NULL, NULL);
    assert_true(f.ears[0].n_heard > N / 2);
    assert_true(buf_len(&f.news.logs[0].records) <= NEWS_KEPT_BYTES);
    run_loop();
    assert_int_equal(f.ears[0].n_heard, N);
    assert_int_equal(buf_len(&f.news.logs[0].records), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(to_each_once),   TEST(written_once_a_form),
        TEST(without_memory), TEST(subscribers_are_told_from_the_loop),
        TEST(in_order),       TEST(too_much_is_told_at_once),
        TEST(answers),        TEST(one_leaves_as_it_hears),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
